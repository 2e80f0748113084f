package tui

import (
	"strconv"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// alarm is what the header warns of: the socket whose queue runs over most.
type alarm struct {
	n                   int // sockets that do
	proto               conn.Proto
	comm                conn.Name
	pid                 uint32
	lport               uint16
	backlog, backlogMax uint32
	dropped             uint32 // in this tick
}

// add takes a row that overflows.
func (a *alarm) add(r *table.Row) {
	n := a.n + 1
	if a.n == 0 || r.Backlog > a.backlog || r.Backlog == a.backlog && r.Dropped > a.dropped {
		*a = alarm{proto: r.Proto, comm: r.Owner.Comm, pid: r.Owner.PID, lport: r.Lport, backlog: r.Backlog, backlogMax: r.BacklogMax, dropped: r.Dropped}
	}
	a.n = n
}

// text says it in one line, as safe text; "" where there is nothing to say.
func (a *alarm) text(e *env) string {
	if a.n == 0 {
		return ""
	}
	var b []byte
	full := a.backlog > a.backlogMax
	if full {
		b = append(b, "BACKLOG FULL "...)
	} else {
		b = append(b, "DROPS "...)
	}
	if a.pid != 0 {
		b = append(appendPID(e.appendComm(b, &a.comm), a.pid), ' ')
	}
	b = e.appendPort(append(append(b, a.proto.String()...), ':'), a.proto, a.lport)
	if full {
		b = strconv.AppendUint(append(b, ' '), uint64(a.backlog), 10)
		b = strconv.AppendUint(append(b, '/'), uint64(a.backlogMax), 10)
	}
	if a.dropped > 0 {
		b = append(strconv.AppendUint(append(b, ", "...), uint64(a.dropped), 10), " dropped now"...)
	}
	if a.n > 1 {
		b = append(strconv.AppendInt(append(b, ", and "...), int64(a.n-1), 10), " more"...)
	}
	return string(b)
}

// drawAlarm writes it into a line, but for the last keep cells, and reports whether
// there is one.
func (m *Model) drawAlarm(p *pen, keep int) bool {
	text := m.tally.alarm.text(&m.env)
	if text == "" {
		return false
	}
	p.text(failure, " "+shorten(text, max(p.left()-keep-2, 1), p.ascii)+" ")
	return true
}
