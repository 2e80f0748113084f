package record

import (
	"encoding/binary"
	"hash/crc32"
)

// A segment is a file of frames. Each is a head of frameHead bytes, little-endian, and
// a block's body:
//
//	0  magic    4 bytes
//	4  kind     1
//	5  flags    1: first and last of the parts
//	6  zero     2
//	8  length   4 of the body
//	12 seq      8
//	20 time     8
//	28 body     4 CRC-32C
//	32 head     4 CRC-32C of the 32 bytes before
const (
	frameHead  = 36
	frameMagic = 0xd7707463 // bytes "ctp", 0xd7: not text
	maxBody    = maxPart + maxPart/8

	flagFirst = 1
	flagLast  = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends b as a frame.
func appendFrame(buf []byte, b Block) []byte {
	start := len(buf)
	flags := byte(0)
	if b.First {
		flags |= flagFirst
	}
	if b.Last {
		flags |= flagLast
	}
	le := binary.LittleEndian
	buf = le.AppendUint32(buf, frameMagic)
	buf = append(buf, byte(b.Kind), flags, 0, 0)
	buf = le.AppendUint32(buf, uint32(len(b.Body)))
	buf = le.AppendUint64(buf, b.Seq)
	buf = le.AppendUint64(buf, uint64(b.Time))
	buf = le.AppendUint32(buf, crc32.Checksum(b.Body, castagnoli))
	buf = le.AppendUint32(buf, crc32.Checksum(buf[start:], castagnoli))
	return append(buf, b.Body...)
}

// mark says where a block is, and what.
type mark struct {
	kind        Kind // 0 is a hole: bytes that are no frame
	first, last bool
	seq         uint64
	time        int64
	offset      int64 // of the frame
	length      int   // of the body
	sum         uint32
}

// parseHead reads a frame's head; ok is false where there is none.
func parseHead(b []byte, offset int64) (m mark, ok bool) {
	le := binary.LittleEndian
	if len(b) < frameHead || le.Uint32(b) != frameMagic || le.Uint32(b[32:]) != crc32.Checksum(b[:32], castagnoli) {
		return mark{}, false
	}
	m = mark{
		kind: Kind(b[4]), first: b[5]&flagFirst != 0, last: b[5]&flagLast != 0,
		length: int(le.Uint32(b[8:])), seq: le.Uint64(b[12:]), time: int64(le.Uint64(b[20:])),
		sum: le.Uint32(b[28:]), offset: offset,
	}
	return m, m.length <= maxBody && m.kind >= KindHeader
}

// block returns what m stands for; frame is the frame's bytes.
func (m *mark) block(frame []byte) (Block, error) {
	if len(frame) != frameHead+m.length {
		return Block{}, damaged("a frame is cut off")
	}
	head, ok := parseHead(frame, m.offset)
	body := frame[frameHead:]
	switch {
	case !ok || head.kind != m.kind || head.seq != m.seq || head.length != m.length || head.first != m.first || head.last != m.last:
		return Block{}, damaged("the head of a frame")
	case head.sum != crc32.Checksum(body, castagnoli):
		return Block{}, damaged("the checksum of a frame")
	}
	return Block{Kind: m.kind, First: m.first, Last: m.last, Seq: m.seq, Time: m.time, Body: body}, nil
}
