package record

import (
	"encoding/binary"
	"hash/crc32"
)

// The last frame of a segment that was ended is its index: one entry per frame. After
// it comes a trailer of trailerSize bytes: where the index is, the last tick's number
// and time, CRC-32C.
const (
	trailerSize  = 32
	trailerMagic = 0xd7707465
)

// indexSize is more than the index of n frames takes, with its trailer.
func indexSize(n int) int64 { return int64(n)*24 + frameHead + trailerSize + 8 }

type trailer struct {
	offset int64 // of the index frame
	seq    uint64
	time   int64
}

func appendTrailer(buf []byte, t trailer) []byte {
	start := len(buf)
	le := binary.LittleEndian
	buf = le.AppendUint64(buf, uint64(t.offset))
	buf = le.AppendUint64(buf, t.seq)
	buf = le.AppendUint64(buf, uint64(t.time))
	buf = le.AppendUint32(buf, trailerMagic)
	return le.AppendUint32(buf, crc32.Checksum(buf[start:], castagnoli))
}

func parseTrailer(b []byte) (t trailer, ok bool) {
	le := binary.LittleEndian
	if len(b) != trailerSize || le.Uint32(b[24:]) != trailerMagic || le.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return trailer{}, false
	}
	return trailer{offset: int64(le.Uint64(b)), seq: le.Uint64(b[8:]), time: int64(le.Uint64(b[16:]))}, true
}

// appendIndex appends marks, each as its difference to the one before.
func appendIndex(buf []byte, marks []mark) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(marks)))
	before := mark{}
	for _, m := range marks {
		flags := byte(m.kind) << 2
		if m.first {
			flags |= flagFirst
		}
		if m.last {
			flags |= flagLast
		}
		buf = append(buf, flags)
		buf = binary.AppendVarint(buf, int64(m.seq-before.seq))
		buf = binary.AppendVarint(buf, m.time-before.time)
		buf = binary.AppendUvarint(buf, uint64(m.offset-before.offset))
		buf = binary.AppendUvarint(buf, uint64(m.length))
		before = m
	}
	return buf
}

// parseIndex reads what appendIndex wrote of a segment of size bytes.
func parseIndex(b []byte, size int64) ([]mark, error) {
	cut := false
	next := func(n int) {
		if cut = cut || n <= 0; !cut {
			b = b[n:]
		}
	}
	count, n := binary.Uvarint(b)
	next(n)
	if cut || count > uint64(len(b)) {
		return nil, damaged("size of the index")
	}
	marks := make([]mark, 0, count)
	m := mark{}
	for range count {
		if len(b) == 0 {
			return nil, damaged("the index is cut off")
		}
		m.kind, m.first, m.last = Kind(b[0]>>2), b[0]&flagFirst != 0, b[0]&flagLast != 0
		b = b[1:]
		seq, n := binary.Varint(b)
		next(n)
		time, n := binary.Varint(b)
		next(n)
		offset, n := binary.Uvarint(b)
		next(n)
		length, n := binary.Uvarint(b)
		next(n)
		m.seq, m.time, m.offset, m.length = m.seq+uint64(seq), m.time+time, m.offset+int64(offset), int(length)
		if cut || length > maxBody || m.offset < 0 || m.offset > size-frameHead-int64(length) {
			return nil, damaged("an entry of the index")
		}
		marks = append(marks, m)
	}
	return marks, nil
}
