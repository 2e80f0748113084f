package tui

import (
	"math"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// add takes one more row into the sum. The id of a sum is no row's, so that it
// decides nothing.
func (gr *group) add(r *table.Row) {
	gr.n++
	if gr.n == 1 {
		gr.limits = table.Verdicts{}
		gr.limits.Add(r)
		gr.sum, gr.mixed = *r, mixed{}
		gr.sum.ID, gr.sum.Event = conn.ID{Host: r.ID.Host}, conn.EventSample
		return
	}
	gr.limits.Add(r)
	gr.sum.Limit, gr.sum.Share = gr.limits.Most()
	gr.addCounters(r)
	gr.addGauges(r)
	gr.share(r)
	gr.sum.Has |= r.Has &^ (conn.HasRaddr | conn.HasUID | conn.HasCgroup)
	gr.sum.Moved = gr.sum.Moved || r.Moved
	gr.sum.Partial = gr.sum.Partial || r.Partial
}

func (gr *group) addCounters(r *table.Row) {
	s := &gr.sum
	grow(&s.RxRate, r.RxRate)
	grow(&s.TxRate, r.TxRate)
	grow(&s.RxBytes, r.RxBytes)
	grow(&s.TxBytes, r.TxBytes)
	grow(&s.RxPackets, r.RxPackets)
	grow(&s.TxPackets, r.TxPackets)
	grow(&s.RetransBytes, r.RetransBytes)
	grow(&s.Accepts, r.Accepts)
	grow(&s.AcceptRate, r.AcceptRate)
	growRate(&s.PacingRate, r.PacingRate)
	growRate(&s.DeliveryRate, r.DeliveryRate)
}

// growRate adds n to v, of which infinite ones count for nothing.
func growRate(v *uint64, n uint64) {
	switch {
	case infinite(*v):
		*v = n
	case !infinite(n):
		*v += n
	}
}

func infinite(rate uint64) bool { return rate > math.MaxUint64/2 }

func (gr *group) addGauges(r *table.Row) {
	s := &gr.sum
	grow(&s.RetransPackets, r.RetransPackets)
	grow(&s.LostPackets, r.LostPackets)
	grow(&s.ReorderedPackets, r.ReorderedPackets)
	grow(&s.CEPackets, r.CEPackets)
	grow(&s.SendQueue, r.SendQueue)
	grow(&s.Unsent, r.Unsent)
	grow(&s.RecvQueue, r.RecvQueue)
	grow(&s.Backlog, r.Backlog)
	grow(&s.BacklogMax, r.BacklogMax)
	grow(&s.Drops, r.Drops)
	grow(&s.SYNQueue, r.SYNQueue)
	grow(&s.SendErrors, r.SendErrors)
	s.AcceptP50, s.AcceptP99, s.AcceptTime = max(s.AcceptP50, r.AcceptP50), max(s.AcceptP99, r.AcceptP99), max(s.AcceptTime, r.AcceptTime)
	s.ListenOverflows, s.ListenDrops, s.CookiesSent = max(s.ListenOverflows, r.ListenOverflows), max(s.ListenDrops, r.ListenDrops), max(s.CookiesSent, r.CookiesSent)
	grow(&s.Cwnd, r.Cwnd)
	grow(&s.SndWnd, r.SndWnd)
	grow(&s.RcvWnd, r.RcvWnd)
	s.RTT, s.RTTVar, s.ConnectTime = max(s.RTT, r.RTT), max(s.RTTVar, r.RTTVar), max(s.ConnectTime, r.ConnectTime)
	s.MinRTT = max(s.MinRTT, r.MinRTT)
	s.LastActive = max(s.LastActive, r.LastActive)
	if r.Opened != 0 && (s.Opened == 0 || r.Opened < s.Opened) {
		s.Opened = r.Opened
	}
}

// grow adds n to v, which stops at its largest value.
func grow[T uint32 | uint64](v *T, n T) {
	*v += n
	if *v < n {
		*v = ^T(0)
	}
}

// share forgets what not all rows have in common.
func (gr *group) share(r *table.Row) {
	s := &gr.sum
	keep(&s.ID.Host, r.ID.Host)
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
	keep(&s.Remote, r.Remote)
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
	keep(&c.Slice, p.Slice)
	keep(&c.Session, p.Session)
	keep(&c.Container, p.Container)
	keep(&c.ContainerID, p.ContainerID)
	keep(&c.Image, p.Image)
	keep(&c.Pod, p.Pod)
	keep(&c.Namespace, p.Namespace)
	keep(&c.NetNS, p.NetNS)
	keep(&c.Iface, p.Iface)
	keep(&c.Workload, p.Workload)
	gr.sum.Place = c
}

func keep[T comparable](v *T, other T) {
	if *v != other {
		var none T
		*v = none
	}
}

// joinedBy is how the values of a field become that of a sum, nil where that takes
// more than the values. A missing one counts for nothing.
func joinedBy(field string) func(a, b int64) int64 {
	switch field {
	case "rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_rate", "tx_rate", "rate", "retrans_packets", "retrans_bytes",
		"lost_packets", "reordered_packets", "ce_packets", "send_queue", "unsent_bytes", "recv_queue", "backlog", "backlog_max", "drops", "cwnd", "snd_wnd", "rcv_wnd":
		return func(a, b int64) int64 {
			if a > math.MaxInt64-b {
				return math.MaxInt64
			}
			return a + b
		}
	case "rtt_us", "rttvar_us", "min_rtt_us", "connect_us", "age_ms":
		return func(a, b int64) int64 { return max(a, b) }
	case "idle_ms":
		return func(a, b int64) int64 { return min(a, b) }
	}
	return nil
}
