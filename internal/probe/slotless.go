package probe

import "tcptop/internal/conn"

// slotless are the TCP sockets that the last pass found no slot for, without those that
// ended or got one since.
type slotless struct {
	totals   conn.Totals
	known    map[uint64]unseen // by cookie; beyond the bound a socket is in totals alone, until the next pass
	nameless int               // those that nobody is known to own
}

// unseen says where a socket is summed, and with what.
type unseen struct {
	place  int
	rx, tx uint64
}

// begin forgets all, for another pass.
func (s *slotless) begin() {
	s.totals.Clear()
	clear(s.known)
	s.nameless = 0
}

// any reports whether there is one.
func (s *slotless) any() bool { return len(s.known) > 0 }

func (s *slotless) add(m *tcptopMini, limit int) {
	of := conn.OwnerTotal{PID: m.Tgid, Comm: name(&m.Comm), UID: m.Uid, Cgroup: m.Cgroup}
	if m.Rport != 0 {
		of.Raddr = m.Raddr
	}
	place := s.totals.Place(of)
	t := s.totals.At(place)
	t.Open++
	t.OpenRx += m.RxBytes
	t.OpenTx += m.TxBytes
	if m.Tgid == 0 {
		s.nameless++
	}
	if len(s.known) >= limit {
		return
	}
	if s.known == nil {
		s.known = make(map[uint64]unseen)
	}
	s.known[m.Cookie] = unseen{place, m.RxBytes, m.TxBytes}
}

// left says that a socket has a slot now, or its last row came.
func (s *slotless) left(cookie uint64) {
	was, known := s.known[cookie]
	if !known {
		return
	}
	delete(s.known, cookie)
	t := s.totals.At(was.place)
	t.Open--
	t.OpenRx -= was.rx
	t.OpenTx -= was.tx
	s.totals.Leave(was.place)
}
