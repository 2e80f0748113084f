package tui

import (
	"bytes"
	"slices"
	"strings"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// addEnds says of a connection whose both ends are seen who is at either, and what holds
// back what each of them sends.
func (d *details) addEnds(m *Model, width int) {
	o := d.at.Other(d.row)
	if o == nil {
		return
	}
	d.lines = append(d.lines, textLine{head: "both ends"})
	for _, p := range [][2]*table.Row{{d.row, o}, {o, d.row}} {
		from, to := p[0], p[1]
		name := appendBoth(nil, m.safeHost(d.at, from), m.safeHost(d.at, to), min(17, width/3-1), m.cfg.ASCII)
		d.addLine(string(name), d.moves(m, from), "", width)
		text, st := d.holds(m, from, to)
		d.lines = append(d.lines, textLine{text: text, st: st})
	}
	lines := [][3]string{{"process", string(m.env.appendProcess(nil, d.row)), string(m.env.appendProcess(nil, o))}}
	for _, name := range []string{"exe", "user", "unit", "container", "pod", "state", "rtt_us", "min_rtt_us", "retrans_packets", "lost_packets",
		"send_queue", "unsent_bytes", "recv_queue", "cwnd", "snd_wnd", "limit"} {
		c, _ := m.cfg.List.Find(name)
		a, known := valueOf(m, c, d.at, d.row)
		b, too := valueOf(m, c, d.at, o)
		if known || too {
			lines = append(lines, [3]string{name, a, b})
		}
	}
	half := max((width-4-min(18, width/3)-2)/2, 8)
	for _, l := range lines {
		d.lines = append(d.lines, textLine{name: l[0], text: beside(l[1], l[2], half, m.cfg.ASCII)})
	}
}

// beside is two texts in columns of w cells.
func beside(a, b string, w int, ascii bool) string {
	cut := func(s string) []byte {
		if s == "" {
			s = missing
		}
		return trimMiddle([]byte(s), 0, w, ascii)
	}
	first := cut(a)
	return string(slices.Concat(first, bytes.Repeat([]byte{' '}, w-textWidth(first)+2), cut(b)))
}

func (m *Model) safeHost(s *table.Snapshot, r *table.Row) []byte {
	return appendSafe(nil, []byte(s.HostOf(r)), m.cfg.ASCII)
}

// moves is what an end sends, and what of it was lost.
func (d *details) moves(m *Model, from *table.Row) string {
	var parts []string
	for _, p := range [][3]string{{"tx_rate", ", ", ""}, {"tx_bytes", ", ", " in all"}, {"retrans_packets", ", ", " segments sent again"}, {"retrans_ppm", " (", ")"}} {
		c, _ := m.cfg.List.Find(p[0])
		if v, ok := valueOf(m, c, d.at, from); ok {
			parts = append(parts, p[1], v+p[2])
		}
	}
	if parts == nil {
		return missing
	}
	return strings.Join(parts[1:], "")
}

// holds is what holds back what one end sends to the other, and where the cause is.
func (d *details) holds(m *Model, from, to *table.Row) (string, style) {
	if d.at.FirstOf(from) || d.at.FirstOf(to) {
		return "what holds it back is known in the next tick", dim
	}
	l, share, at := table.Held(from, to)
	if l == 0 {
		return "what holds it back is not known", dim
	}
	why := string(column.Style{}.Append(append([]byte(l.String()), ' '), column.Percent, int64(share)))
	if at == nil {
		return why + map[conn.Limit]string{conn.LimitCwnd: ": the network between, as congestion control sees it", conn.LimitLoss: ": the network between loses segments",
			conn.LimitIdle: ": there is nothing to send"}[l], limitStyle(l)
	}
	who := string(m.env.appendProcess(nil, at)) + " on " + string(m.safeHost(d.at, at))
	return why + ": " + map[conn.Limit]string{conn.LimitApp: who + " has no more to send", conn.LimitSendBuffer: "the send buffer of " + who + " is too small",
		conn.LimitPeerWindow: "the window of " + who + " is too small", conn.LimitReader: who + " does not read"}[l], limitStyle(l)
}
