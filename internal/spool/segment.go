package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/klauspost/compress/zstd"

	"tcptop/internal/flow"
)

// A segment begins with prefixSize bytes, little-endian, then come the header as JSON
// and the lines as one zstd frame:
//
//	 0  magic   8 bytes
//	 8  length  4 of the header
//	12  header  4 CRC-32C
//	16  length  4 of the frame
//	20  frame   4 CRC-32C
const (
	prefixSize = 24
	magic      = "\xf1tcptop1"
	maxHeader  = 64 << 10
	maxFrame   = 4 << 20
	maxLines   = 2 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ID names a segment among all of a host.
type ID struct {
	Epoch  uint64 `json:"epoch"`
	Number uint64 `json:"number"`
}

// Header is what a segment says of itself.
type Header struct {
	ID
	Host    string    `json:"host"`
	Time    time.Time `json:"time"` // of its newest record
	Rows    int       `json:"rows"`
	Sums    flow.Sums `json:"sums"`            // what its records stand for
	Carried flow.Sums `json:"carried"`         // of that, records that had been dropped before
	Drops   []ID      `json:"drops,omitempty"` // segments that are gone, and counted in its records
}

// Token names the segment for an engine that drops what it has already.
func (h *Header) Token() string { return fmt.Sprintf("%s/%d/%d", h.Host, h.Epoch, h.Number) }

var errCorrupt = errors.New("the segment is damaged")

// codec packs and unpacks segments. It is for one goroutine at a time.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return codec{}, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxLines), zstd.WithDecoderLowmem(true))
	return codec{enc, dec}, err
}

// pack is the segment's file.
func (c codec) pack(h *Header, lines []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	frame := c.enc.EncodeAll(lines, nil)
	if len(head) > maxHeader || len(frame) > maxFrame || len(lines) > maxLines {
		return nil, fmt.Errorf("a segment of %d bytes, its header %d", len(lines), len(head))
	}
	le := binary.LittleEndian
	b := make([]byte, 0, prefixSize+len(head)+len(frame))
	b = append(b, magic...)
	b = le.AppendUint32(b, uint32(len(head)))
	b = le.AppendUint32(b, crc32.Checksum(head, castagnoli))
	b = le.AppendUint32(b, uint32(len(frame)))
	b = le.AppendUint32(b, crc32.Checksum(frame, castagnoli))
	return append(append(b, head...), frame...), nil
}

// parseHeader reads the header from a file's begin.
func parseHeader(b []byte) (h Header, err error) {
	le := binary.LittleEndian
	if len(b) < prefixSize || string(b[:len(magic)]) != magic {
		return h, errCorrupt
	}
	n := int64(le.Uint32(b[8:]))
	if n > maxHeader || int64(len(b)) < prefixSize+n {
		return h, errCorrupt
	}
	head := b[prefixSize : prefixSize+n]
	if crc32.Checksum(head, castagnoli) != le.Uint32(b[12:]) || json.Unmarshal(head, &h) != nil || h.Rows < 0 {
		return Header{}, errCorrupt
	}
	return h, nil
}

// unpack returns the lines of a segment's file.
func (c codec) unpack(b []byte) (Header, []byte, error) {
	h, err := parseHeader(b)
	if err != nil {
		return h, nil, err
	}
	le := binary.LittleEndian
	frame := b[prefixSize+le.Uint32(b[8:]):]
	if len(frame) > maxFrame || uint32(len(frame)) != le.Uint32(b[16:]) || crc32.Checksum(frame, castagnoli) != le.Uint32(b[20:]) {
		return h, nil, errCorrupt
	}
	lines, err := c.dec.DecodeAll(frame, nil)
	if err != nil {
		return h, nil, errCorrupt
	}
	return h, lines, nil
}
