package record

import (
	"errors"
	"fmt"
	"os"
)

// full reports whether the segment is big or old enough. One that is mostly a key frame
// goes on for longer.
func (g *open) full(cfg *Config, now int64) bool {
	size := min(max(min(maxSegment, cfg.MaxSize/parts), 8*g.run.keySize), cfg.MaxSize/2)
	return g.size >= size || now-g.first >= min(maxSegmentTime, cfg.MaxAge/parts).Nanoseconds()
}

// finish ends the segment with its index. Without one it is as good, only slower to open.
func (w *Writer) finish() error {
	g := w.seg
	if g == nil {
		return nil
	}
	w.seg = nil
	buf := appendFrame(nil, Block{Kind: KindIndex, First: true, Last: true, Seq: g.last.seq, Time: g.last.time, Body: appendIndex(nil, g.marks)})
	buf = appendTrailer(buf, trailer{offset: g.size, seq: g.last.seq, time: g.last.time})
	_, err := g.file.Write(buf)
	if err == nil {
		err = g.file.Sync()
	}
	if err != nil {
		_ = g.file.Truncate(g.size)
	} else {
		g.size += int64(len(buf))
		w.stats.Bytes += int64(len(buf))
	}
	w.old = append(w.old, stored{path: g.path, size: g.size, last: g.last.time})
	if err = errors.Join(err, g.file.Close()); err != nil {
		return fmt.Errorf("end %s: %w", g.path, err)
	}
	return nil
}

// makeRoom removes the oldest segments until more bytes fit and none is too old.
func (w *Writer) makeRoom(now, more int64) error {
	if more > w.cfg.MaxSize {
		return fmt.Errorf("a tick and its key frame take %d bytes, which is more than may be kept (%d)", more, w.cfg.MaxSize)
	}
	if w.seg != nil {
		more += indexSize(len(w.seg.marks))
	}
	for len(w.old) > 0 {
		s := w.old[0]
		if w.stats.Bytes+more <= w.cfg.MaxSize && now-s.last < w.cfg.MaxAge.Nanoseconds() {
			break
		}
		if err := w.cfg.Files.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		w.old = w.old[1:]
		w.stats.Bytes -= s.size
		w.stats.Removed++
	}
	return nil
}
