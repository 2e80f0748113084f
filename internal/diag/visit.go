package diag

import (
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// allStates asks for all but TCP's closed sockets, which have no connection; UDP calls
// unconnected sockets so. The kernel adds new-syn-recv to syn-recv.
const (
	tcpStates = 1<<(conn.NewSynRecv+1) - 1 - 1 - 1<<conn.Closed
	udpStates = ^uint32(0)
)

// maxChecks bounds how many missing connections of a namespace are asked for again in
// one tick; the others are taken for gone.
const maxChecks = 1024

// visit brings the rows of a namespace up to date. What cannot be read now stays as it
// is; that our own namespace cannot be read at all is an error.
func (s *sampler) visit(sp *space) error {
	l, err := s.enter(sp)
	if err != nil {
		return nil // it went, or its process did, or it is not for us: the next search tells
	}
	if l != s.own {
		defer l.Close()
	}
	whole := true
	if s.cfg.TCP {
		whole = s.read(l, sp, conn.TCP, tcpStates)
	}
	if s.cfg.UDP {
		whole = s.read(l, sp, conn.UDP, udpStates) && whole
	}
	s.settle(l, sp)
	if !whole {
		s.out.Loss.Stale++
		if !errors.Is(s.spaces.err, errInterrupted) {
			s.out.Faults = append(s.out.Faults, fmt.Sprintf("the sockets of network namespace %d (%v)", sp.inode, s.spaces.err))
		}
		if s.round == 1 && sp.path == "" {
			return fmt.Errorf("list the sockets of this host: %w", s.spaces.err)
		}
		return nil
	}
	s.sweep(sp, func(e *row) bool { return l.look(&s.second, e) && !s.second.small })
	sp.whole = s.round
	return nil
}

// enter opens a link in a namespace, for this tick only: a socket keeps the namespace
// that it is in alive, and nobody's namespace shall live longer because it is watched.
func (s *sampler) enter(sp *space) (*link, error) {
	if sp.path == "" {
		return s.own, nil
	}
	f, err := os.Open(sp.path)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Ino != sp.inode {
		return nil, errors.Join(err, unix.ESRCH, f.Close())
	}
	return dial(f, &s.buf)
}

// read dumps a protocol's sockets of both families; false if it could not be done as a whole.
func (s *sampler) read(l *link, sp *space, proto conn.Proto, states uint32) bool {
	use := func(msg []byte) { s.fold(sp, proto, msg, l.filled) }
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		err := s.dump(l, dumpRequest(family, proto, states, wantedAttrs), use)
		if err != nil && !errors.Is(err, unix.ENOENT) { // no IPv6, no sockets of it
			s.spaces.err = err
			return false
		}
	}
	return true
}

var errInterrupted = errors.New("the sockets changed while they were listed")

func (s *sampler) dump(l *link, r *request, use func([]byte)) error {
	return s.insist(func() (bool, error) { return l.ask(r, netlink.Dump, use) }, l.reopen)
}

// insist repeats what was disturbed, on a new socket where the old one may still have
// something of it on its way.
func (s *sampler) insist(ask func() (consistent bool, err error), reopen func() error) error {
	var err error
	for range repeats {
		var consistent bool
		consistent, err = ask()
		switch {
		case err == nil && consistent:
			return nil
		case err == nil:
			err = errInterrupted
			continue
		case errors.Is(err, errMalformed):
			s.buf = make([]byte, min(2*len(s.buf), maxDatagram)) // it did not fit
		case !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EBUSY):
			return err
		}
		if err := reopen(); err != nil {
			return err
		}
	}
	return err
}

// sweep ends the rows of a namespace whose sockets this tick's dump did not have.
func (s *sampler) sweep(sp *space, alive func(*row) bool) {
	checks := 0
	for i := range sp.rows {
		r := &sp.rows[i]
		if r.ID.Cookie == 0 || r.round == s.round {
			continue
		}
		if r.mayBeSkipped() && checks < maxChecks {
			checks++
			if alive(r) {
				continue
			}
		}
		s.end(sp, int32(i))
	}
}

// drop ends all rows of a namespace that has gone.
func (s *sampler) drop(sp *space) {
	for i := range sp.rows {
		if sp.rows[i].ID.Cookie != 0 {
			s.end(sp, int32(i))
		}
	}
}
