package table

import "tcptop/internal/conn"

// shadow reports whether c stands for no connection of its own: a time-wait or
// syn-recv socket from an inventory.
func shadow(c *conn.Conn) bool {
	switch c.State {
	case conn.TimeWait, conn.SynRecv, conn.NewSynRecv:
		return c.Has&conn.HasBytes == 0
	}
	return false
}

// inherit fills what c lacks with what was known of the same connection.
func inherit(c, known *conn.Conn) {
	if c.Owner.PID == 0 && !c.Owner.Kernel {
		c.Owner = known.Owner
	}
	if c.Has&conn.HasUID == 0 && known.Has&conn.HasUID != 0 {
		c.UID = known.UID
		c.Has |= conn.HasUID
	}
	if c.Has&conn.HasCgroup == 0 && known.Has&conn.HasCgroup != 0 {
		c.Cgroup = known.Cgroup
		c.Has |= conn.HasCgroup
		c.Place = known.Place
	}
	if c.Place == nil {
		c.Place = known.Place
	}
	if c.Process == nil && c.Owner.PID == known.Owner.PID && c.Owner.Start == known.Owner.Start {
		c.Process = known.Process
	}
	if c.Has&conn.HasHolders == 0 && known.Has&conn.HasHolders != 0 {
		c.Holders = known.Holders
		c.Has |= conn.HasHolders
	}
	if !c.Remote.Surer(known.Remote) {
		c.Remote = known.Remote
	}
	fill(&c.Dir, known.Dir)
	fill(&c.Opened, known.Opened)
	fill(&c.LastActive, known.LastActive)
	fill(&c.ConnectTime, known.ConnectTime)
	fill(&c.SYNRetries, known.SYNRetries)
	fill(&c.AcceptTime, known.AcceptTime)
}

func fill[T comparable](v *T, known T) {
	var none T
	if *v == none {
		*v = known
	}
}

// keepHighest never lets a counter go back: the kernel's may, for one read that
// falls between two writes, and a difference to it would be a rate out of nothing.
func keepHighest(c, known *conn.Conn) {
	c.Has |= known.Has & (conn.HasBytes | conn.HasPackets)
	c.RxBytes = max(c.RxBytes, known.RxBytes)
	c.TxBytes = max(c.TxBytes, known.TxBytes)
	c.RxPackets = max(c.RxPackets, known.RxPackets)
	c.TxPackets = max(c.TxPackets, known.TxPackets)
	c.RetransBytes = max(c.RetransBytes, known.RetransBytes)
	c.RetransPackets = max(c.RetransPackets, known.RetransPackets)
	c.LostPackets = max(c.LostPackets, known.LostPackets)
	c.ReorderedPackets = max(c.ReorderedPackets, known.ReorderedPackets)
	c.Drops = max(c.Drops, known.Drops)
	c.SendErrors = max(c.SendErrors, known.SendErrors)
	c.CEPackets = max(c.CEPackets, known.CEPackets)
	c.Accepts = max(c.Accepts, known.Accepts)
}

// moved reports whether more than our knowledge of the owner changed.
func moved(known, c *conn.Conn) bool {
	was := *known
	was.Owner, was.Holders, was.Place, was.Process, was.Remote = c.Owner, c.Holders, c.Place, c.Process, c.Remote
	was.UID, was.Cgroup, was.Has = c.UID, c.Cgroup, c.Has
	was.Sampled, was.Busy, was.RwndLimited, was.SndbufLimited = c.Sampled, c.Busy, c.RwndLimited, c.SndbufLimited // these run on with time
	return was != *c
}

// grew reports whether c carried traffic that known did not have yet.
func grew(known, c *conn.Conn) bool {
	return c.RxBytes > known.RxBytes || c.TxBytes > known.TxBytes ||
		c.RxPackets > known.RxPackets || c.TxPackets > known.TxPackets
}
