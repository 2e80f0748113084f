package diag

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// TestInsist has dumps that are disturbed: they are repeated, but not for ever.
func TestInsist(t *testing.T) {
	type answer struct {
		consistent bool
		err        error
	}
	good, changed := answer{true, nil}, answer{}
	full := answer{false, fmt.Errorf("ask: %w", unix.ENOBUFS)}
	cut := answer{false, fmt.Errorf("ask: %w", errMalformed)}
	for _, c := range []struct {
		name     string
		answers  []answer
		asked    int
		reopened int
		buffer   int
		err      error
	}{
		{"at once", []answer{good, good}, 1, 0, 100, nil},
		{"interrupted once", []answer{changed, good}, 2, 0, 100, nil},
		{"interrupted for ever", []answer{changed, changed, changed, changed}, repeats, 0, 100, errInterrupted},
		{"overrun", []answer{full, good}, 2, 1, 100, nil},
		{"cut off", []answer{cut, cut, good}, 3, 2, 400, nil},
		{"cut off for ever", []answer{cut, cut, cut, cut}, repeats, repeats, 800, errMalformed},
		{"not there", []answer{{false, unix.ENOENT}, good}, 1, 0, 100, unix.ENOENT},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sampler{Diag: &Diag{buf: make([]byte, 100)}}
			asked, reopened := 0, 0
			err := s.insist(func() (bool, error) {
				a := c.answers[asked]
				asked++
				return a.consistent, a.err
			}, func() error {
				reopened++
				return nil
			})
			if !errors.Is(err, c.err) || asked != c.asked || reopened != c.reopened || len(s.buf) != c.buffer {
				t.Errorf("asked %d times, reopened %d times, buffer of %d, %v", asked, reopened, len(s.buf), err)
			}
		})
	}
}

// TestSmallBuffer dumps more than fits into the buffer: it grows, and every socket is there.
func TestSmallBuffer(t *testing.T) {
	const n = 50
	ports := map[uint16]bool{}
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[uint16(l.Addr().(*net.TCPAddr).Port)] = true
	}
	d, err := Open(conn.Config{TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.buf = make([]byte, 2048)
	s := &sampler{Diag: d, spaces: newSpaces()}
	s.begin(monotonic(), s.out.Time)
	if err := s.visit(s.spaces.all[0]); err != nil {
		t.Fatal(err)
	}
	s.finish()
	for _, c := range s.out.Conns {
		if c.State == conn.Listen {
			delete(ports, c.Lport)
		}
	}
	if len(ports) > 0 || len(d.buf) <= 2048 || s.out.Loss != (conn.Loss{}) {
		t.Errorf("%d listeners are missing; the buffer has %d bytes; lost %+v", len(ports), len(d.buf), s.out.Loss)
	}
}

// TestSpaceGoes visits namespaces that went since they were found: their rows stay until
// the next search, and what took over the way into one is not taken for it.
func TestSpaceGoes(t *testing.T) {
	d, err := Open(conn.Config{TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, path := range []string{"/proc/999999999/ns/net", "/run/netns/no-such-namespace", "/proc/self/ns/net", "/proc/self/comm"} {
		s := &sampler{Diag: d, spaces: newSpaces()}
		sp := newSpace(4711, path)
		sp.rows = append(sp.rows, row{Conn: conn.Conn{ID: conn.ID{Cookie: 1}, State: conn.Established}})
		s.begin(monotonic(), s.out.Time)
		if err := s.visit(sp); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if len(s.out.Closed)+len(s.out.Faults) > 0 || s.out.Loss != (conn.Loss{}) || len(sp.rows) != 1 {
			t.Errorf("%s: closed %v, faults %q, %d rows", path, s.out.Closed, s.out.Faults, len(sp.rows))
		}
	}
}

// TestDumpFails has our own namespace's dump fail: in the first tick that is the end, later
// a mark.
func TestDumpFails(t *testing.T) {
	for round, ends := range map[uint32]bool{0: true, 1: false} {
		d, err := Open(conn.Config{TCP: true})
		if err != nil {
			t.Fatal(err)
		}
		s := &sampler{Diag: d, spaces: newSpaces(), round: round}
		s.begin(monotonic(), s.out.Time)
		if err := d.own.conn.Close(); err != nil {
			t.Fatal(err)
		}
		err = s.visit(s.spaces.all[0])
		if (err != nil) != ends || len(s.out.Faults) != 1 || s.out.Loss != (conn.Loss{Stale: 1}) {
			t.Errorf("round %d: error %v, faults %q, lost %+v", round+1, err, s.out.Faults, s.out.Loss)
		}
		d.own.conn = nil
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
