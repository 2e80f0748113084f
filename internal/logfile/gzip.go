package logfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// gzipped is members of gzip (RFC 1952), one after the other. Each has its length in
// an extra field, so that the end of a large file is found without reading it all.
type gzipped struct {
	w *gzip.Writer
}

func newGzip() *gzipped { return &gzipped{gzip.NewWriter(io.Discard)} }

// The header of a member: ten bytes, the length of the extra field, its name and
// length, and the length of the member.
const (
	gzipExtra  = "Tt\x04\x00\x00\x00\x00\x00"
	gzipLength = 16 // where it is
	gzipHead   = 20
)

func (g *gzipped) pack(dst, lines []byte) ([]byte, error) {
	b, from := bytes.NewBuffer(dst), len(dst)
	g.w.Reset(b)
	g.w.Extra = []byte(gzipExtra)
	_, err := g.w.Write(lines)
	err = errors.Join(err, g.w.Close())
	dst = b.Bytes()
	if err == nil {
		binary.LittleEndian.PutUint32(dst[from+gzipLength:], uint32(len(dst)-from))
	}
	return dst, err
}

func (g *gzipped) unpack(f io.Reader) (io.ReadCloser, error) { return gzip.NewReader(f) }
func (g *gzipped) magic() []byte                             { return []byte("\x1f\x8b\x08\x04") }

func (g *gzipped) whole(f io.ReaderAt, size int64) (int64, error) {
	return walk(f, size, nextMember, g.unpack)
}

// nextMember is where the member at an offset ends.
func nextMember(f io.ReaderAt, at, size int64) (int64, error) {
	var head [gzipHead]byte
	n, err := f.ReadAt(head[:], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	const begin = "\x1f\x8b\x08"
	if !bytes.HasPrefix(head[:], []byte(begin)[:min(n, len(begin))]) {
		return 0, errForeign
	}
	if n < gzipHead {
		return 0, errTorn
	}
	length := int64(binary.LittleEndian.Uint32(head[gzipLength:]))
	if head[3] != 4 || string(head[10:gzipLength]) != "\x08\x00"+gzipExtra[:4] || length <= gzipHead {
		return foreignMember(f, at, size)
	}
	if at+length > size {
		return 0, errTorn
	}
	return at + length, nil
}

// foreignMember is where a member that somebody else wrote ends.
func foreignMember(f io.ReaderAt, at, size int64) (int64, error) {
	counted := &counter{r: io.NewSectionReader(f, at, size-at)}
	buffered := bufio.NewReader(counted)
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return 0, err
	}
	z.Multistream(false)
	if _, err := io.Copy(io.Discard, z); err != nil {
		return 0, err
	}
	return at + counted.n - int64(buffered.Buffered()), nil
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
