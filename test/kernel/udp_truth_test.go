package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// flow names a UDP flow as the truth does.
type flow struct {
	cookie string
	remote netip.AddrPort
}

func flowOf(r *table.Row) flow {
	return flow{conn.ID{Cookie: r.ID.Cookie}.String(), netip.AddrPortFrom(r.Raddr.Netip(), r.Rport)}
}

// watchUDP watches UDP; no flow of a test becomes idle unless it says so.
func watchUDP(t testing.TB, cfg conn.Config) *watcher {
	t.Helper()
	cfg.UDP = true
	if cfg.UDPTimeout == 0 {
		cfg.UDPTimeout = 10 * time.Minute
	}
	return watch(t, cfg)
}

// flows returns the rows by flow and requires that none has two.
func flows(rows map[conn.ID]table.Row) (map[flow]table.Row, error) {
	by := make(map[flow]table.Row, len(rows))
	for _, r := range rows {
		if r.Has&conn.HasBytes == 0 {
			continue // a socket
		}
		f := flowOf(&r)
		if other, twice := by[f]; twice {
			return nil, fmt.Errorf("%v has two rows, %v and %v", f, other.ID, r.ID)
		}
		by[f] = r
	}
	return by, nil
}

func movedBy(r *table.Row) moved { return moved{r.TxBytes, r.TxPackets, r.RxBytes, r.RxPackets} }

// settle returns when a tick that began after the call is over: what is counted
// until now is shown, and what shows up is no more than that.
func (w *watcher) settle() {
	w.t.Helper()
	from := 0
	_ = w.look(func(s *seen) error { from = s.ticks; return nil })
	w.until(patience, func(s *seen) error {
		if s.ticks < from+2 {
			return errors.New("no tick")
		}
		return nil
	})
}

// exact requires that the rows of the ends' sockets are their truth, no more and
// no less.
func (w *watcher) exact(ends ...*udpEnd) {
	w.t.Helper()
	w.settle()
	if err := w.look(func(s *seen) error { return exactly(s.live, ends) }); err != nil {
		w.t.Error(err)
	}
}

func exactly(rows map[conn.ID]table.Row, ends []*udpEnd) error {
	by, err := flows(rows)
	if err != nil {
		return err
	}
	for i, e := range ends {
		got := map[netip.AddrPort]moved{}
		for f, r := range by {
			if f.cookie == e.cookie {
				got[f.remote] = movedBy(&r)
			}
		}
		if diff := cmp.Diff(e.truth, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			return fmt.Errorf("flows of socket %d, %v (-truth +rows):\n%s", i, e.addr, diff)
		}
	}
	return nil
}

// flowsAgree compares the rows with the truth of the traffic generator in all that it says.
func flowsAgree(rows map[conn.ID]table.Row, truths []testkit.Truth) error {
	by, err := flows(rows)
	if err != nil {
		return err
	}
	wrong := map[string]int{}
	var first error
	for _, want := range truths {
		r, ok := by[flow{want.Cookie, want.Remote()}]
		got := asTruth(&r, want.Kind)
		got.TxPackets, got.RxPackets = r.TxPackets, r.RxPackets
		if diff := cmp.Diff(want, got, addrs); !ok || diff != "" {
			wrong[want.Kind]++
			if first == nil {
				first = fmt.Errorf("%s, there %v (-truth +row):\n%s", want.Kind, ok, diff)
			}
		}
	}
	if first != nil {
		return fmt.Errorf("of %d flows are wrong, by kind, %v; the first: %w", len(truths), wrong, first)
	}
	return nil
}

func isAgain(err error) bool { return errors.Is(err, unix.EAGAIN) }

// connectRaw connects to an address that package unix has no type for.
func connectRaw(fd int, to *unix.RawSockaddrInet4) error {
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
	if errno != 0 {
		return fmt.Errorf("connect: %w", errno)
	}
	return nil
}

// must fails the test at the first step that does.
func must(t testing.TB, steps ...error) {
	t.Helper()
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
}
