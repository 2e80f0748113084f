package diag

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// The kernel reads a socket's state before it takes the socket's lock and reads the
// counters (tcp_get_info, net/ipv4/tcp.c). If the peer's FIN came in between,
// bytes_received has it and the state does not tell. So where something was received,
// the state is looked at once more afterwards: if the FIN has still not come, it is
// not in the counter either.

// withFIN are the states in which the FIN has come.
const withFIN = 1<<conn.CloseWait | 1<<conn.LastAck | 1<<conn.Closing | 1<<conn.TimeWait

// manyDoubts is from how many rows on, and for which share of all, another dump is
// cheaper than a question for each: it takes a fifth to an eighth of the time.
const (
	manyDoubts  = 64
	doubtsShare = 8
)

// mayHaveFIN reports whether more was received than before, and maybe the FIN with it.
func (r *reading) mayHaveFIN(before uint64) bool {
	return r.Has&conn.HasBytes != 0 && r.received > before && !finReceived(r.State)
}

// doubt puts a row on the list to settle.
func (sp *space) doubt(pos int32) {
	if !sp.rows[pos].doubted {
		sp.rows[pos].doubted = true
		sp.doubts = append(sp.doubts, pos)
	}
}

// settle takes the FIN off where it was counted.
func (s *sampler) settle(l *link, sp *space) {
	if len(sp.doubts) > manyDoubts+len(sp.rows)/doubtsShare {
		s.clearMany(l, sp)
	}
	for _, pos := range sp.doubts {
		e := &sp.rows[pos]
		if !e.doubted {
			continue
		}
		e.doubted = false
		s.judge(e, l.look(&s.second, e))
	}
	sp.doubts = sp.doubts[:0]
}

// clearMany takes off the list who is still in a state without FIN.
func (s *sampler) clearMany(l *link, sp *space) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		// What a dump leaves out is asked for one by one.
		_ = s.dump(l, dumpRequest(family, conn.TCP, tcpStates&^withFIN, 0), func(msg []byte) {
			if len(msg) < msgSize {
				return
			}
			cookie := uint64(binary.NativeEndian.Uint32(msg[44:])) | uint64(binary.NativeEndian.Uint32(msg[48:]))<<32
			if pos, known := sp.index[cookie]; known {
				sp.rows[pos].doubted = false
			}
		})
	}
}

// judge takes over what the second look at a row's socket, if it was found, tells of
// the first. A connection that went meanwhile is rather shown with a byte too few than
// with one too many.
func (s *sampler) judge(e *row, found bool) {
	r := &s.second
	switch {
	case !found || r.small && r.State == conn.TimeWait || r.State == conn.Closed:
		e.RxBytes--
	case !r.small && finReceived(r.State):
		if r.idle != noIdle {
			r.LastActive = max(s.now-int64(r.idle)*1e6, 0)
		}
		e.update(r, s)
	}
}
