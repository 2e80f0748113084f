package probe

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// costShare bounds what repeated passes over the host cost: after one that took t of
// CPU time the next waits for costShare times t, so each takes at most one percent of
// a core, or with conn.Config.Calm, by calmShare, a third of that.
const (
	costShare = int64(100)
	calmShare = int64(300)
)

// walk is a pass over the whole host by a BPF iterator.
type walk struct {
	it    *link.Iter // nil where there is none
	share int64      // costShare or calmShare
	buf   []byte
	first bool // the next is the first that sees all connections
}

func newWalk(it *link.Iter, first, calm bool) walk {
	w := walk{it: it, share: costShare, buf: make([]byte, 64<<10), first: first}
	if calm {
		w.share = calmShare
	}
	return w
}

// costOf runs f and returns the CPU time in ns that its thread spent on it.
func costOf(f func() error) (int64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &before); err != nil {
		return 0, fmt.Errorf("read own CPU time: %w", err)
	}
	err := f()
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &after); err != nil {
		return 0, fmt.Errorf("read own CPU time: %w", err)
	}
	spent := func(r *unix.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
	return spent(&after) - spent(&before), err
}

// each runs it in a namespace and hands over its output record by record.
func (w *walk) each(namespace string, size int, use func([]byte)) error {
	var out io.ReadCloser
	err := inNamespace(namespace, func() (err error) {
		out, err = w.it.Open()
		return err
	})
	if err != nil {
		return fmt.Errorf("open an iterator: %w", err)
	}
	defer out.Close()
	have, buf := 0, w.buf
	for {
		n, err := out.Read(buf[have:])
		have += n
		used := 0
		for ; have-used >= size; used += size {
			use(buf[used : used+size])
		}
		have = copy(buf, buf[used:have])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("read an iterator: %w", err)
		}
	}
}

// counting runs a pass. In the first that sees all connections, those that find no room count.
func (w *walk) counting(older *ebpf.Variable, pass func() error) error {
	if !w.first {
		return pass()
	}
	w.first = false
	if err := older.Set(true); err != nil {
		return fmt.Errorf("prepare to count what finds no room: %w", err)
	}
	return errors.Join(pass(), older.Set(false))
}
