package report

import "tcptop/internal/conn"

// addEnded counts the connections that ended without a last row, and UDP's datagrams that had no row, under
// what is known of them, with all that they carried.
func (s *Sum) addEnded(x *conn.Sample) {
	s.open = s.open[:0]
	if len(x.Totals) == 0 {
		s.ended = nil
		return
	}
	ended := make(map[conn.OwnerTotal]conn.OwnerTotal, len(x.Totals))
	for i := range x.Totals {
		t := x.Totals[i]
		if t.Open > 0 {
			s.open = append(s.open, t)
		}
		was := s.ended[t.By()]
		ended[t.By()] = t
		if was.Conns > t.Conns || was.Datagrams > t.Datagrams { // a recorder that starts counts anew
			was = conn.OwnerTotal{}
		}
		if n := t.Conns - was.Conns; n > 0 || t.Datagrams > was.Datagrams {
			s.count(&t, x, n, t.RxBytes-was.RxBytes, t.TxBytes-was.TxBytes)
		}
	}
	s.ended = ended
}

// baseEnded takes what had ended before what is to be summed.
func (s *Sum) baseEnded(x *conn.Sample) {
	s.ended = make(map[conn.OwnerTotal]conn.OwnerTotal, len(x.Totals))
	for i := range x.Totals {
		s.ended[x.Totals[i].By()] = x.Totals[i]
	}
}

func (s *Sum) count(t *conn.OwnerTotal, x *conn.Sample, n, rx, tx uint64) {
	c := conn.Conn{Owner: conn.Owner{PID: t.PID, Comm: t.Comm}, UID: t.UID, Cgroup: t.Cgroup, Proto: t.Proto, Raddr: t.Raddr, RxBytes: rx, TxBytes: tx, Has: conn.HasBytes}
	if t.UID != conn.NoUID {
		c.Has |= conn.HasUID | conn.HasCgroup
	}
	if t.Raddr != (conn.Addr{}) {
		c.Has |= conn.HasRaddr
	}
	if s.Keep != nil && !s.Keep(&c, x) {
		return
	}
	for _, kind := range s.kinds {
		talker := s.talker(kind, nameOf(kind, &c))
		talker.RxBytes += rx
		talker.TxBytes += tx
		talker.Closed += n
	}
}

// Open are the connections without a row that were open in the last tick: they are in no talker.
func (s *Sum) Open() []conn.OwnerTotal { return s.open }
