package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
)

// errDamaged is wrapped by every error about bytes that no encoder wrote.
var errDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

const (
	// maxPart bounds a part once it is decompressed.
	maxPart = 64 << 20
	// randomBits is the entropy in bits per byte from which on a plane is not worth
	// compressing: beside random bytes the others would compress worse.
	randomBits = 6.8
	// codedBits and codedRows are the entropy and the number of rows from which on a
	// plane gets a Huffman code of its own: with one code for all planes each pays for
	// what the others are like. The table takes some 50 bytes.
	codedBits = 2
	codedRows = 256
)

// partWriter collects columns of numbers. A column is cut into planes, all lowest
// bytes first, then all second ones: what is alike lies together.
type partWriter struct {
	plain   []byte // what is compressed
	random  []byte // what is kept as it is
	zstd    *zstd.Encoder
	huffman huff0.Scratch
	body    []byte
}

func newPartWriter() (*partWriter, error) {
	// A part is compressed for itself, so a window beyond its size is memory for nothing.
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10), zstd.WithEncoderCRC(false))
	return &partWriter{zstd: z, huffman: huff0.Scratch{Reuse: huff0.ReusePolicyNone}}, err
}

func (w *partWriter) reset()           { w.plain, w.random = w.plain[:0], w.random[:0] }
func (w *partWriter) uvarint(v uint64) { w.plain = binary.AppendUvarint(w.plain, v) }

// The layout byte of a column: its width in bytes, and how its numbers are made smaller.
const (
	layoutWidth  = 0x0f
	layoutZigzag = 0x10 // some are negative: the sign is in the lowest bit
	layoutMicros = 0x20 // all are multiples of 1000: nanoseconds of a clock in µs
)

// column writes the numbers of column id unless all are zero; it uses v up.
func (w *partWriter) column(id int, v []uint64) {
	var any, sign uint64
	micros := true
	for _, x := range v {
		any |= x
		sign |= x >> 63
		micros = micros && int64(x)%1000 == 0
	}
	if any == 0 {
		return
	}
	layout := byte(0)
	if micros {
		layout |= layoutMicros
		for i, x := range v {
			v[i] = uint64(int64(x) / 1000)
		}
	}
	if sign != 0 {
		layout |= layoutZigzag
		for i, x := range v {
			v[i] = x<<1 ^ uint64(int64(x)>>63)
		}
	}
	any = 0
	all := uint64(math.MaxUint64)
	for _, x := range v {
		any |= x
		all &= x
	}
	width := w.begin(id, layout, any)
	random, coded := len(w.plain)-2, len(w.plain)-1
	for k := range width {
		start := len(w.plain)
		w.plain = slices.Grow(w.plain, len(v))[:start+len(v)]
		plane := w.plain[start:]
		if shift := 8 * k; byte(any>>shift) == byte(all>>shift) {
			for i := range plane {
				plane[i] = byte(all >> shift)
			}
			continue
		}
		switch bits := w.split(plane, v, k); {
		case len(v) >= codedRows && bits >= codedBits && w.code(plane):
			w.plain = w.plain[:start]
			w.plain[coded] |= 1 << k
		case bits >= randomBits:
			w.random = append(w.random, plane...)
			w.plain = w.plain[:start]
			w.plain[random] |= 1 << k
		}
	}
}

// first writes the column of n numbers of which the first is x and the others are zero.
func (w *partWriter) first(id int, x uint64, n int) {
	if x == 0 {
		return
	}
	layout := byte(0)
	if int64(x)%1000 == 0 {
		layout |= layoutMicros
		x = uint64(int64(x) / 1000)
	}
	if int64(x) < 0 {
		layout |= layoutZigzag
		x = x<<1 ^ math.MaxUint64
	}
	for k := range w.begin(id, layout, x) {
		start := len(w.plain)
		w.plain = slices.Grow(w.plain, n)[:start+n]
		clear(w.plain[start:])
		w.plain[start] = byte(x >> (8 * k))
	}
}

// begin writes a column's head and returns how many planes follow: any has all bits of its
// numbers.
func (w *partWriter) begin(id int, layout byte, any uint64) (width int) {
	width = (bits.Len64(any) + 7) / 8
	w.uvarint(uint64(id))
	w.plain = append(w.plain, layout|byte(width), 0, 0)
	return width
}

// split fills a plane with bytes k of v and returns their entropy.
func (w *partWriter) split(plane []byte, v []uint64, k int) float64 {
	var seen [256]int
	for i, x := range v {
		b := byte(x >> (8 * k))
		plane[i] = b
		seen[b]++
	}
	return entropy(&seen, len(v))
}

// code writes a plane with a Huffman code of its own, where that is shorter.
func (w *partWriter) code(plane []byte) bool {
	out, _, err := huff0.Compress1X(plane, &w.huffman)
	if err != nil || len(out)+2 >= len(plane) {
		return false
	}
	w.random = append(binary.AppendUvarint(w.random, uint64(len(out))), out...)
	return true
}

// entropy is Shannon's, in bits per byte, of n bytes.
func entropy(seen *[256]int, n int) float64 {
	sum := 0.0
	for _, s := range seen {
		if s > 1 {
			sum += float64(s) * math.Log2(float64(s))
		}
	}
	return math.Log2(float64(n)) - sum/float64(n)
}

// endColumns ends a set.
func (w *partWriter) endColumns() { w.uvarint(0) }

// finish returns the part in compressed form, valid until the next one.
func (w *partWriter) finish() []byte {
	w.body = binary.AppendUvarint(w.body[:0], uint64(len(w.plain)))
	w.body = binary.AppendUvarint(w.body, uint64(len(w.random)))
	w.body = append(w.body, w.random...)
	w.body = w.zstd.EncodeAll(w.plain, w.body)
	return w.body
}

// partReader reads what a partWriter wrote. Its first error stays.
type partReader struct {
	plain   []byte
	random  []byte
	at      []byte // what of plain is not read yet
	zstd    *zstd.Decoder
	huffman *huff0.Scratch
	plane   []byte
	err     error
}

func newPartReader() (*partReader, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPart), zstd.WithDecoderLowmem(true))
	return &partReader{zstd: z}, err
}

func (r *partReader) open(body []byte) error {
	plain, n := binary.Uvarint(body)
	if n <= 0 || plain > maxPart {
		return damaged("size of a part")
	}
	body = body[n:]
	random, n := binary.Uvarint(body)
	if n <= 0 || random > uint64(len(body)-n) {
		return damaged("size of a part")
	}
	r.random, body = body[n:n+int(random)], body[n+int(random):]
	var err error
	if r.plain, err = r.zstd.DecodeAll(body, r.plain[:0]); err != nil {
		return damaged("%v", err)
	}
	if uint64(len(r.plain)) != plain {
		return damaged("%d bytes where %d were written", len(r.plain), plain)
	}
	r.at, r.err = r.plain, nil
	return nil
}

func (r *partReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = damaged(format, args...)
	}
	r.at = nil
}

func (r *partReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.at)
	if n <= 0 {
		r.fail("a number is cut off")
		return 0
	}
	r.at = r.at[n:]
	return v
}

func (r *partReader) take(n uint64) []byte {
	if n > uint64(len(r.at)) {
		r.fail("%d bytes are cut off", n)
		return nil
	}
	b := r.at[:n]
	r.at = r.at[n:]
	return b
}

func (r *partReader) text() string { return string(r.take(r.uvarint())) }

// column reads the next column's numbers into v and returns its id; 0 ends a set.
func (r *partReader) column(v []uint64) (id int) {
	number := r.uvarint()
	if r.err != nil || number == 0 {
		return 0
	}
	head := r.take(3)
	if len(head) < 3 || number > math.MaxInt16 || head[0]&layoutWidth > 8 {
		r.fail("layout of column %d", number)
		return 0
	}
	clear(v)
	layout, random, coded := head[0], head[1], head[2]
	for k := range layout & layoutWidth {
		var plane []byte
		switch bit := byte(1) << k; {
		case coded&bit != 0:
			plane = r.decode(len(v))
		case random&bit == 0:
			plane = r.take(uint64(len(v)))
		case len(r.random) >= len(v):
			plane, r.random = r.random[:len(v)], r.random[len(v):]
		}
		if len(plane) != len(v) {
			r.fail("column %d is cut off", number)
			return 0
		}
		for i, b := range plane {
			v[i] |= uint64(b) << (8 * k)
		}
	}
	if layout&layoutZigzag != 0 {
		for i, x := range v {
			v[i] = x>>1 ^ -(x & 1)
		}
	}
	if layout&layoutMicros != 0 {
		for i := range v {
			v[i] *= 1000
		}
	}
	return int(number)
}

// decode reads a plane of n bytes that has a code of its own; nil is damage.
func (r *partReader) decode(n int) []byte {
	size, k := binary.Uvarint(r.random)
	if k <= 0 || size > uint64(len(r.random)-k) {
		return nil
	}
	in := r.random[k : k+int(size)]
	r.random = r.random[k+int(size):]
	table, in, err := huff0.ReadTable(in, r.huffman)
	if err != nil {
		return nil
	}
	r.huffman = table
	if cap(r.plane) < n {
		r.plane = make([]byte, n)
	}
	out, err := table.Decoder().Decompress1X(r.plane[:0:n], in)
	if err != nil {
		return nil
	}
	return out
}
