package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// drawHeader writes what is known of the host as a whole.
func (m *Model) drawHeader(p *pen) {
	n := m.headerHeight()
	if n >= 1 {
		m.drawHost(p)
	}
	if n >= 3 {
		m.drawStates(p)
	}
	if n >= 2 {
		m.drawTraffic(p)
	}
}

// drawHost writes host, clock, tick and uptime to the left, own cost and loss to
// the right.
func (m *Model) drawHost(p *pen) {
	p.text(title, " tcptop ")
	p.bytes(strong, appendSafe(nil, []byte(m.hostName()), p.ascii))
	cost, loss := m.costText(), m.lossText()
	st := dim
	if loss != "" {
		st = warning
	} else if p.width >= 60 {
		loss = "lost 0"
	}
	if s := m.head(); s != nil {
		clock := plain
		if m.past.on {
			clock = banner
		}
		p.text(plain, "  ")
		p.text(clock, s.Time.In(m.cfg.Local).Format(time.TimeOnly))
		every, up := "  every "+m.cfg.Interval.String(), "  up "+duration(m.latest.Uptime)
		if m.cfg.Replay {
			up = ""
		}
		warned := m.headerHeight() < 3 && m.drawAlarm(p, len(loss)+1)
		if !warned && p.width >= 60 && len(every)+len(up)+len(loss)+1 < p.left() {
			p.text(dim, every+up)
		}
	}
	if x := p.width - len(cost) - len(loss) - 3; x > p.x {
		p.to(plain, x)
		p.text(dim, cost+"  ")
		p.text(st, loss)
	} else if p.left() > 4 && loss != "" {
		loss = shorten(loss, p.left()-2, p.ascii)
		p.to(plain, p.width-textWidth([]byte(loss))-1)
		p.text(st, loss)
	}
	p.end()
}

func (m *Model) hostName() string {
	if s := m.head(); s != nil && s.Host != "" {
		return s.Host
	}
	return m.cfg.Host
}

// lossText is what is not on the screen, "" where all is.
func (m *Model) lossText() string {
	s := m.head()
	if s == nil {
		return ""
	}
	var missing []string
	count := func(n uint64, what string) string {
		return strings.TrimLeft(string(column.AppendCount(nil, n)), " ") + " " + what
	}
	if n := s.NotShown(); n > 0 {
		missing = append(missing, count(n, "not shown"))
	}
	l := &s.Loss
	rows := l.TableFull + l.RingFull + l.QueueFull + l.RowsFull
	var parts []string
	for _, part := range []struct {
		n    uint64
		what string
	}{{rows, "rows"}, {l.FlowsFull, "datagrams"}, {l.Skipped, "events"}, {l.Unnamed, "names"}, {l.MissedTicks, "ticks"}} {
		if part.n > 0 {
			parts = append(parts, count(part.n, part.what))
		}
	}
	if len(parts) > 0 {
		missing = append(missing, "lost "+strings.Join(parts, ", "))
	}
	text := strings.Join(missing, ", ")
	if m.latest.Log != "" {
		text += " " + string(appendSafe(nil, []byte(m.latest.Log), m.cfg.ASCII))
	}
	text += hostsText(s.Hosts)
	if s.Origin == conn.FromDiag {
		text += " sock_diag only"
	}
	if n := len(m.cfg.Frames.notMeasured()); n > 0 {
		text += fmt.Sprintf(" %d not measured (?)", n)
	}
	return strings.TrimLeft(text, " ")
}

// hostsNamed is how many hosts of a state the header names.
const hostsNamed = 3

// hostsText is which hosts are not there or late, and the first one's reason.
func hostsText(all []table.Host) string {
	var count [table.HostGone + 1]int
	var names [table.HostGone + 1]string
	why, hosts := "", 0
	for i := range all {
		h := &all[i]
		if h.Name == "" {
			continue
		}
		hosts++
		if count[h.State]++; count[h.State] <= hostsNamed {
			names[h.State] += " " + h.Name
		}
		if h.State == table.HostGone && why == "" && h.Why != "" {
			why = " (" + h.Name + ": " + h.Why + ")"
		}
	}
	var text []byte
	for _, state := range []table.HostState{table.HostGone, table.HostSlow, table.HostNew} {
		n := count[state]
		if n == 0 {
			continue
		}
		if len(text) == 0 {
			text = fmt.Appendf(text, " %d of %d hosts %s:%s", n, hosts, state, names[state])
		} else {
			text = fmt.Appendf(text, ", %d %s:%s", n, state, names[state])
		}
		if n > hostsNamed {
			text = append(text, " ..."...)
		}
	}
	return string(appendSafe(nil, append(text, why...), true))
}

// drawStates writes how many connections there are, by state.
func (m *Model) drawStates(p *pen) {
	t := m.tally
	m.drawAlarm(p, 0)
	p.text(strong, fmt.Sprintf(" %d", t.conns))
	switch {
	case m.view().sums:
		p.text(dim, " groups")
		p.end()
		return
	case m.engines():
		p.text(dim, " connections ")
	default:
		p.text(dim, " connections")
		p.text(opened, fmt.Sprintf("  +%s/s", m.perSecond(t.opened)))
		p.text(closing, fmt.Sprintf("  -%s/s ", m.perSecond(t.closed)))
	}
	part := func(n int, what string) {
		text := " " + strconv.Itoa(n) + " " + what
		if n > 0 && len(text)+1 < p.left() {
			p.text(plain, " "+strconv.Itoa(n))
			p.text(dim, " "+what)
		}
	}
	name := conn.State.String
	if p.width < 110 {
		name = shortState
	}
	part(t.states[conn.Established], name(conn.Established))
	part(t.udp, "udp")
	part(t.listeners, "listen")
	part(t.states[conn.TimeWait], name(conn.TimeWait))
	for s := conn.SynSent; s <= conn.NewSynRecv; s++ {
		if s != conn.Listen && s != conn.TimeWait {
			part(t.states[s], name(s))
		}
	}
	p.end()
}

// perSecond is n of this tick per second.
func (m *Model) perSecond(n uint64) string {
	s := m.head()
	if s == nil || s.Elapsed <= 0 {
		return "0"
	}
	return strings.TrimLeft(string(column.AppendCount(nil, uint64(float64(n)/s.Elapsed.Seconds()+0.5))), " ")
}

// drawTraffic writes both rates with their history.
func (m *Model) drawTraffic(p *pen) {
	half := p.width / 2
	m.drawRate(p, " rx ", m.tally.rxRate, &m.tally.rx, rxGraph, half-1)
	p.to(plain, half)
	m.drawRate(p, " tx ", m.tally.txRate, &m.tally.tx, txGraph, p.width-1)
	p.end()
}

func (m *Model) drawRate(p *pen, name string, n uint64, r *ring, st style, until int) {
	p.text(dim, name)
	m.cell = m.env.units.Append(m.cell[:0], column.Rate, clamp(n))
	p.bytes(heat(clamp(n)), m.cell)
	p.space(plain, 1)
	w := until - p.x
	if w < 4 {
		return
	}
	top := r.peak(perCell(p.ascii) * w)
	m.cell = r.appendGraph(m.cell[:0], w, 0, 1, top, p.ascii)
	p.bytes(st, m.cell)
}

// duration is d as people say it, in whole seconds.
func duration(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
