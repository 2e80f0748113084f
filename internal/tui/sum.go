package tui

import (
	"math"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// add takes one more row into the sum.
func (gr *group) add(r *table.Row) {
	gr.n++
	gr.addCounters(r)
	gr.addGauges(r)
	gr.share(r)
	gr.sum.Has |= r.Has &^ (conn.HasRaddr | conn.HasUID | conn.HasCgroup)
	gr.sum.Moved = gr.sum.Moved || r.Moved
	gr.sum.Partial = gr.sum.Partial || r.Partial
}

func (gr *group) addCounters(r *table.Row) {
	s := &gr.sum
	s.RxRate = sum64(s.RxRate, r.RxRate)
	s.TxRate = sum64(s.TxRate, r.TxRate)
	s.RxBytes = sum64(s.RxBytes, r.RxBytes)
	s.TxBytes = sum64(s.TxBytes, r.TxBytes)
	s.RxPackets = sum64(s.RxPackets, r.RxPackets)
	s.TxPackets = sum64(s.TxPackets, r.TxPackets)
	s.RetransBytes = sum64(s.RetransBytes, r.RetransBytes)
	if !infinite(s.PacingRate) && !infinite(r.PacingRate) {
		s.PacingRate += r.PacingRate
	}
	if !infinite(s.DeliveryRate) && !infinite(r.DeliveryRate) {
		s.DeliveryRate += r.DeliveryRate
	}
}

// sum64 is a+b, or the largest number where that is too much.
func sum64(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}

// sum32 is a+b, or the largest number where that is too much.
func sum32(a, b uint32) uint32 {
	if a+b < a {
		return math.MaxUint32
	}
	return a + b
}

func infinite(rate uint64) bool { return rate > math.MaxUint64/2 }

func (gr *group) addGauges(r *table.Row) {
	s := &gr.sum
	s.RetransPackets = sum32(s.RetransPackets, r.RetransPackets)
	s.LostPackets = sum32(s.LostPackets, r.LostPackets)
	s.ReorderedPackets = sum32(s.ReorderedPackets, r.ReorderedPackets)
	s.SendQueue = sum32(s.SendQueue, r.SendQueue)
	s.Unsent = sum32(s.Unsent, r.Unsent)
	s.RecvQueue = sum32(s.RecvQueue, r.RecvQueue)
	s.Backlog = sum32(s.Backlog, r.Backlog)
	s.BacklogMax = sum32(s.BacklogMax, r.BacklogMax)
	s.Drops = sum32(s.Drops, r.Drops)
	s.Cwnd = sum32(s.Cwnd, r.Cwnd)
	s.RTT, s.RTTVar, s.ConnectTime = max(s.RTT, r.RTT), max(s.RTTVar, r.RTTVar), max(s.ConnectTime, r.ConnectTime)
	s.MinRTT = max(s.MinRTT, r.MinRTT)
	s.LastActive = max(s.LastActive, r.LastActive)
	if r.Opened != 0 && (s.Opened == 0 || r.Opened < s.Opened) {
		s.Opened = r.Opened
	}
}

// share forgets what not all rows have in common.
func (gr *group) share(r *table.Row) {
	s := &gr.sum
	keep(&s.Proto, r.Proto)
	keep(&s.State, r.State)
	keep(&s.Dir, r.Dir)
	keep(&s.NetNS, r.NetNS)
	keep(&s.CC, r.CC)
	keep(&s.MSS, r.MSS)
	if s.Owner.PID != r.Owner.PID || s.Owner.Start != r.Owner.Start {
		s.Owner = conn.Owner{}
	}
	gr.sharePlace(r.Place)
	keep(&s.Process, r.Process)
	keep(&s.Reason, r.Reason)
	s.Ssthresh = 0
	if s.UID != r.UID || r.Has&conn.HasUID == 0 {
		s.Has &^= conn.HasUID
	}
	if s.Raddr != r.Raddr || s.Rport != r.Rport || r.Has&conn.HasRaddr == 0 {
		gr.mixed.remote = true
	}
	gr.mixed.laddr = gr.mixed.laddr || s.Laddr != r.Laddr
	gr.mixed.lport = gr.mixed.lport || s.Lport != r.Lport
}

// sharePlace keeps what is the same in both places.
func (gr *group) sharePlace(p *conn.Place) {
	was := gr.sum.Place
	switch {
	case was == p:
		return
	case was == nil || p == nil:
		gr.sum.Place = nil
		return
	}
	gr.common = *was
	c := &gr.common
	keep(&c.User, p.User)
	keep(&c.Cgroup, p.Cgroup)
	keep(&c.Unit, p.Unit)
	keep(&c.Container, p.Container)
	keep(&c.ContainerID, p.ContainerID)
	keep(&c.Image, p.Image)
	keep(&c.Pod, p.Pod)
	keep(&c.Namespace, p.Namespace)
	gr.sum.Place = c
}

func keep[T comparable](v *T, other T) {
	if *v != other {
		var none T
		*v = none
	}
}
