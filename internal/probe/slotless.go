package probe

import "tcptop/internal/conn"

// slotless are the TCP sockets that the last pass found no slot for, without those that
// ended or got one since.
type slotless struct {
	totals   conn.Totals
	known    map[uint64]unseen // by cookie; beyond the bound a socket is in totals alone, until the next pass
	nameless int               // those that nobody is known to own
	slots    int64             // that there are, all in use then
	found    int64             // by the pass
	ended    int64             // of these since, as far as is known
	lost     int64             // connections that ended since and told no more of themselves
	refused  int64             // connections that found no slot since
}

// maxKnown is the least bound of known, some MiB: beyond it nothing is told of a socket that has gone
// before the next pass.
const maxKnown = 1 << 16

// unseen says where a socket is summed, and with what.
type unseen struct {
	place  int
	rx, tx uint64
}

// begin forgets all, for another pass over that many slots and others.
func (s *slotless) begin(slots int) {
	s.totals.Clear()
	clear(s.known)
	s.nameless, s.slots = 0, int64(slots)
	s.found, s.ended, s.lost, s.refused = 0, 0, 0, 0
}

// any reports whether there is one, as far as is known.
func (s *slotless) any() bool { return s.found > s.ended }

func (s *slotless) add(m *tcptopMini) {
	of := conn.OwnerTotal{PID: m.Tgid, Comm: name(&m.Comm), UID: m.Uid, Cgroup: m.Cgroup, Proto: conn.TCP}
	if m.Rport != 0 {
		of.Raddr = m.Raddr
	}
	place := s.totals.Place(of)
	t := s.totals.At(place)
	t.Open++
	t.OpenRx += m.RxBytes
	t.OpenTx += m.TxBytes
	s.found++
	if m.Tgid == 0 {
		s.nameless++
	}
	if len(s.known) >= max(int(s.slots), maxKnown) {
		return
	}
	if s.known == nil {
		s.known = make(map[uint64]unseen)
	}
	s.known[m.Cookie] = unseen{place, m.RxBytes, m.TxBytes}
}

// rest is how much of a rest is due before the next pass: where many have ended and fewer have come
// it costs the less, and what is told of them is no longer so.
func (s *slotless) rest(ns int64) int64 {
	if s.found == 0 {
		return ns
	}
	all := float64(s.found)
	fewer := float64(s.ended-s.refused) + float64(s.lost)*all/float64(s.found+s.slots)
	return int64(float64(ns) * (1 - min(max(fewer/all, 0), 1)))
}

// left says that a socket has a slot now, or its last row came.
func (s *slotless) left(cookie uint64) {
	was, known := s.known[cookie]
	if !known {
		return
	}
	delete(s.known, cookie)
	s.ended++
	t := s.totals.At(was.place)
	t.Open--
	t.OpenRx -= was.rx
	t.OpenTx -= was.tx
	s.totals.Leave(was.place)
}
