package logfile

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstandard is frames of Zstandard (RFC 8878), one after the other.
type zstandard struct {
	w *zstd.Encoder
}

func newZstd() *zstandard {
	// Options that are fixed are never refused.
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	return &zstandard{w}
}

func (z *zstandard) pack(dst, lines []byte) ([]byte, error) { return z.w.EncodeAll(lines, dst), nil }

func (z *zstandard) magic() []byte { return []byte("\x28\xb5\x2f\xfd") }

func (z *zstandard) unpack(f io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// maxWindow bounds the memory that reading somebody else's file takes.
const maxWindow = 64 << 20

func (z *zstandard) whole(f io.ReaderAt, size int64) (int64, error) {
	return walk(f, size, nextFrame, z.unpack)
}

// nextFrame is where the frame at an offset ends (RFC 8878, 3.1.1).
func nextFrame(f io.ReaderAt, at, size int64) (int64, error) {
	b := &bytesAt{f: f, at: at, size: size}
	magic := b.next(4)
	if magic&0xfffffff0 == 0x184d2a50 {
		b.at += int64(b.next(4))
		return b.end()
	}
	if b.err == nil && magic != 0xfd2fb528 {
		return 0, errForeign
	}
	descriptor := b.next(1)
	single, checksum := descriptor>>5&1, descriptor>>2&1
	if single == 0 {
		b.at++
	}
	b.at += [...]int64{0, 1, 2, 4}[descriptor&3]
	b.at += [...]int64{int64(single), 2, 4, 8}[descriptor>>6]
	for b.err == nil {
		block := b.next(3)
		switch block >> 1 & 3 {
		case 1:
			b.at++ // one byte, repeated
		case 3:
			return 0, errForeign
		default:
			b.at += int64(block >> 3)
		}
		if block&1 == 1 {
			break
		}
	}
	b.at += 4 * int64(checksum)
	return b.end()
}

// bytesAt reads numbers off a file.
type bytesAt struct {
	f        io.ReaderAt
	at, size int64
	err      error
}

// next is the number in the next n bytes, the least first; 0 once the file has ended.
func (b *bytesAt) next(n int) uint32 {
	var buf [4]byte
	if b.err == nil {
		if _, err := b.f.ReadAt(buf[:n], b.at); errors.Is(err, io.EOF) {
			b.err = errTorn
		} else {
			b.err = err
		}
	}
	b.at += int64(n)
	if b.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(buf[:])
}

func (b *bytesAt) end() (int64, error) {
	if b.err == nil && b.at > b.size {
		b.err = errTorn
	}
	return b.at, b.err
}
