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
