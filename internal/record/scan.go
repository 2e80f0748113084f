package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"iter"
)

// window is how much is read at once where a frame is looked for.
const window = 64 << 10

// scan finds the ticks and key frames of a segment without its index. Where bytes are
// no frame it leaves a hole and goes on with the next one.
func scan(f io.ReaderAt, size int64) []mark {
	var marks []mark
	for m := range frames(f, 0, size) {
		switch m.kind {
		case 0, KindKey, KindTick:
			marks = append(marks, m)
		}
	}
	return marks
}

// frames yields the frames of a file from a place on, and holes.
func frames(f io.ReaderAt, at, size int64) iter.Seq[mark] {
	return func(yield func(mark) bool) {
		var head [frameHead]byte
		for at < size {
			n, err := f.ReadAt(head[:], at)
			if err != nil && !errors.Is(err, io.EOF) {
				n = 0
			}
			m, ok := parseHead(head[:n], at)
			if ok && at+frameHead+int64(m.length) <= size {
				if !yield(m) {
					return
				}
				at += frameHead + int64(m.length)
				continue
			}
			if _, isTrailer := readTrailer(f, size); isTrailer && at == size-trailerSize {
				return
			}
			next := nextFrame(f, at+1, size)
			if !yield(mark{offset: at, length: int(next - at)}) {
				return
			}
			at = next
		}
	}
}

// nextFrame is where the next whole frame begins at or after at, or size.
func nextFrame(f io.ReaderAt, at, size int64) int64 {
	magic := binary.LittleEndian.AppendUint32(nil, frameMagic)
	buf := make([]byte, window)
	for at+frameHead <= size {
		n, _ := f.ReadAt(buf, at)
		if n < frameHead {
			break
		}
		i := 0
		for ; i+frameHead <= n; i++ {
			k := bytes.Index(buf[i:n-frameHead+len(magic)], magic)
			if k < 0 {
				i = n - frameHead + 1
				break
			}
			i += k
			m, ok := parseHead(buf[i:n], at+int64(i))
			if ok && m.offset+frameHead+int64(m.length) <= size {
				return m.offset
			}
		}
		at += int64(i)
	}
	return size
}
