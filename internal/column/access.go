package column

import (
	"fmt"
	"math"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

type (
	numFunc  = func(*table.Snapshot, *table.Row) (int64, bool)
	textFunc = func([]byte, *table.Snapshot, *table.Row) ([]byte, bool)
)

// num is a number that is missing unless all of has were measured.
func num(has conn.Has, f func(c *conn.Conn) int64) numFunc {
	return func(_ *table.Snapshot, r *table.Row) (int64, bool) {
		if r.Has&has != has {
			return 0, false
		}
		return f(&r.Conn), true
	}
}

// nonzero is num for fields in which zero means not known.
func nonzero(has conn.Has, f func(c *conn.Conn) int64) numFunc {
	return func(_ *table.Snapshot, r *table.Row) (int64, bool) {
		if r.Has&has != has {
			return 0, false
		}
		n := f(&r.Conn)
		return n, n != 0
	}
}

// flag is a Bool of the path.
func flag(f func(c *conn.Conn) bool) numFunc {
	return num(conn.HasPath, func(c *conn.Conn) int64 {
		if f(c) {
			return 1
		}
		return 0
	})
}

// rate is a rate over the tick, which the first tick cannot know.
func rate(f func(r *table.Row) uint64) numFunc {
	return func(s *table.Snapshot, r *table.Row) (int64, bool) {
		if s.FirstOf(r) || r.Has&conn.HasBytes == 0 {
			return 0, false
		}
		return clamp(f(r)), true
	}
}

// text is a string that is missing when empty.
func text(f func(r *table.Row) string) textFunc {
	return func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
		v := f(r)
		return append(dst, v...), v != ""
	}
}

func place(f func(p *conn.Place) string) textFunc {
	return func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
		if r.Place == nil {
			return dst, false
		}
		v := f(r.Place)
		return append(dst, v...), v != ""
	}
}

func process(f func(p *conn.Process) string) textFunc {
	return func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
		if r.Process == nil {
			return dst, false
		}
		v := f(r.Process)
		return append(dst, v...), v != ""
	}
}

func remote(f func(p *conn.Remote) string) textFunc {
	return func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
		if r.Remote == nil {
			return dst, false
		}
		v := f(r.Remote)
		return append(dst, v...), v != ""
	}
}

// since is the time from a monotonic moment to the tick, in unit nanoseconds.
// A socket may move between the tick's clock reading and the sweep: not negative.
func since(from func(r *table.Row) int64, unit int64) numFunc {
	return func(s *table.Snapshot, r *table.Row) (int64, bool) {
		ns := from(r)
		if ns == 0 {
			return 0, false
		}
		return max(s.Mono-ns, 0) / unit, true
	}
}

func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// names lists the values of an enumeration that starts at first and ends where
// String knows no more.
func names[T interface {
	~uint8
	fmt.Stringer
}](first T) []string {
	var all []string
	for v := first; v.String() != ""; v++ {
		all = append(all, v.String())
	}
	return all
}
