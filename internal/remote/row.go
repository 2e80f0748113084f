package remote

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// row is the row that the line tells. Its Opened and LastActive are ages until stamp.
func (d *decoder) row() (table.Row, error) {
	l := &d.line
	var r table.Row
	id, ok := parseID(l.Conn)
	proto := d.words.proto[l.Proto]
	laddr, local := parseAddr(l.Laddr)
	if !ok || proto == 0 || !local {
		return r, errNoRow
	}
	r.ID, r.Proto, r.Laddr, r.Lport = id, proto, laddr, l.Lport
	r.State, r.Dir, r.Event = d.words.state[l.State], d.words.dir[l.Dir], d.words.event[l.Event]
	if l.Raddr != nil {
		if r.Raddr, ok = parseAddr(*l.Raddr); !ok {
			return r, errNoRow
		}
		r.Rport = l.Rport
		r.Has |= conn.HasRaddr
	}
	r.NetNS, r.Partial = l.NetNS, l.Partial
	d.owner(l, &r)
	d.traffic(l, &r)
	d.path(l, &r)
	d.queues(l, &r)
	r.Limit, r.Share = d.words.limit[l.Limit], min(l.Share, 100)
	r.Opened, r.LastActive = since(l.Age), since(l.Idle)
	r.ConnectTime, r.AcceptTime, r.SYNRetries = l.Connect, l.Accept, l.SYNRetries
	r.Reason, r.Detail, r.Errno = d.words.reason[l.Reason], d.words.detail[l.Detail], d.words.errno[l.Errno]
	r.Moved = r.Event != conn.EventSample || r.RxRate|r.TxRate != 0
	return r, nil
}

func (d *decoder) owner(l *line, r *table.Row) {
	r.Owner = conn.Owner{PID: l.PID, Comm: conn.MakeName(l.Comm), Source: d.words.owner[l.OwnerFrom], Kernel: l.PID == 0 && l.Comm != ""}
	set(r, conn.HasUID, l.UID, &r.UID)
	set(r, conn.HasHolders, l.Owners, &r.Holders)
	r.Place = share(&d.places, conn.Place{User: cut(l.User), Cgroup: cutTo(l.Cgroup, maxPath), Unit: cut(l.Unit), Slice: cut(l.Slice), Session: cut(l.Session),
		Container: cut(l.Container), ContainerID: cut(l.ContainerID), Image: cut(l.Image), Pod: cut(l.Pod), Namespace: cut(l.Namespace),
		NetNS: cut(l.NetNSName), Iface: cut(l.Iface)})
	r.Process = share(&d.processes, conn.Process{Exe: cutTo(l.Exe, maxPath), Cmdline: cutTo(l.Cmdline, maxPath)})
	r.Remote = share(&d.remotes, conn.Remote{Name: cut(l.RName), Source: d.words.naming[l.RNameFrom], ASN: l.ASN, Org: cut(l.ASOrg), Country: cut(l.Country)})
}

func (d *decoder) traffic(l *line, r *table.Row) {
	if l.RxBytes != nil && l.TxBytes != nil {
		r.RxBytes, r.TxBytes = *l.RxBytes, *l.TxBytes
		r.Has |= conn.HasBytes
	}
	if l.RxPackets != nil && l.TxPackets != nil {
		r.RxPackets, r.TxPackets = *l.RxPackets, *l.TxPackets
		r.Has |= conn.HasPackets
	}
	if l.RxRate != nil && l.TxRate != nil {
		r.RxRate, r.TxRate = *l.RxRate, *l.TxRate
	}
}

func (d *decoder) path(l *line, r *table.Row) {
	if l.Retrans != nil {
		r.Has |= conn.HasPath
		r.RTT, r.RTTVar, r.MinRTT = l.RTT, l.RTTVar, l.MinRTT
		r.RetransPackets, r.RetransBytes, r.LostPackets, r.ReorderedPackets, r.CEPackets = *l.Retrans, l.RetransBytes, l.Lost, l.Reordered, l.CE
		r.CAState, r.ECN, r.AppLimited = d.words.ca[l.CAState], l.ECN, l.AppLimited
		r.DeliveryRate, r.SndWnd, r.Probes = l.DeliveryRate, l.SndWnd, l.Probes
		r.Busy, r.RwndLimited, r.SndbufLimited = micros(l.Busy), micros(l.Rwnd), micros(l.Sndbuf)
	}
	if l.Cwnd != nil {
		r.Has |= conn.HasSettings
		r.Cwnd, r.MSS, r.CC, r.PacingRate = *l.Cwnd, l.MSS, conn.MakeName(l.CC), l.PacingRate
		if l.Ssthresh != nil {
			r.Ssthresh = *l.Ssthresh
		}
	}
	if l.RcvWnd != nil {
		r.Has |= conn.HasRcvWnd
		r.RcvWnd, r.ZeroWindow = *l.RcvWnd, micros(l.ZeroWindow)
	}
}

func micros(ms uint64) uint64 { return min(ms, 1<<50) * 1000 }

func (d *decoder) queues(l *line, r *table.Row) {
	if l.SendQueue != nil {
		r.Has |= conn.HasQueues
		r.SendQueue, r.Unsent, r.RecvQueue = *l.SendQueue, l.Unsent, l.RecvQueue
	}
	if l.Backlog != nil {
		r.Has |= conn.HasBacklog
		r.Backlog, r.BacklogMax = *l.Backlog, l.BacklogMax
	}
	set(r, conn.HasDrops, l.Drops, &r.Drops)
	set(r, conn.HasRecvBuffer, l.RecvBuffer, &r.RecvBuffer)
	set(r, conn.HasSendErrors, l.SendErrors, &r.SendErrors)
	if l.Accepts != nil {
		r.Has |= conn.HasAccepts
		r.Accepts, r.AcceptRate, r.AcceptP50, r.AcceptP99, r.SYNQueue, r.SYNFlood = *l.Accepts, l.AcceptRate, l.AcceptP50, l.AcceptP99, l.SYNQueue, l.SYNFlood
	}
	if l.Overflows != nil {
		r.Has |= conn.HasListens
		r.ListenOverflows, r.ListenDrops, r.CookiesSent = *l.Overflows, l.NSDrops, l.Cookies
	}
}

// set takes a value that is there and says that it was measured.
func set[T any](r *table.Row, has conn.Has, from, to *T) {
	if from != nil {
		*to = *from
		r.Has |= has
	}
}

// share is one T for all rows that say the same, nil where that is nothing. When there
// are too many of them it begins anew.
func share[T comparable](all *map[T]*T, v T) *T {
	var none T
	if v == none {
		return nil
	}
	if p := (*all)[v]; p != nil {
		return p
	}
	if *all == nil || len(*all) >= maxTexts {
		*all = make(map[T]*T)
	}
	p := new(T)
	*p = v
	(*all)[v] = p
	return p
}
