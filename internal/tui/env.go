package tui

import (
	"net/netip"
	"strconv"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// env is what cells are written with.
type env struct {
	units    column.Style
	ascii    bool
	ports    bool // names for ports
	hosts    bool // names for addresses
	portName func(proto conn.Proto, port uint16) string
	hostName func(netip.Addr) string
	local    *time.Location
	tally    *tally
	history  *history  // scratch of a cell
	grouping *grouping // nil where rows are not grouped
	unfolded map[groupKey]bool
	zero     *zeroed // nil where counters are absolute
	scratch  []byte
}

// appendProcess appends the owner of r, such as "nginx 80".
func (e *env) appendProcess(dst []byte, r *table.Row) []byte {
	o := &r.Owner
	switch {
	case o.PID == 0 && o.Kernel:
		dst = append(dst, "kernel "...)
		return appendSafe(dst, o.Comm.Bytes(), e.ascii)
	case o.PID == 0:
		return append(dst, '-')
	}
	dst = e.appendComm(dst, &o.Comm)
	dst = append(dst, ' ')
	return strconv.AppendUint(dst, uint64(o.PID), 10)
}

// appendComm appends the name of a process; one without a name is a question mark.
func (e *env) appendComm(dst []byte, name *conn.Name) []byte {
	b := name.Bytes()
	if len(b) == 0 {
		return append(dst, '?')
	}
	return appendSafe(dst, b, e.ascii)
}

// appendHost appends an address or its name.
func (e *env) appendHost(dst []byte, a conn.Addr) []byte {
	ip := a.Netip()
	if e.hosts && e.hostName != nil {
		if name := e.hostName(ip); name != "" {
			return appendSafe(dst, []byte(name), e.ascii)
		}
	}
	if ip.IsUnspecified() {
		return append(dst, '*')
	}
	return ip.AppendTo(dst)
}

// appendPort appends a port or its name.
func (e *env) appendPort(dst []byte, proto conn.Proto, port uint16) []byte {
	if port == 0 {
		return append(dst, '*')
	}
	if e.ports && e.portName != nil {
		if name := e.portName(proto, port); name != "" {
			return appendSafe(dst, []byte(name), e.ascii)
		}
	}
	return strconv.AppendUint(dst, uint64(port), 10)
}

// appendEnd appends address:port in w cells: of what is too long the middle of
// the address goes, never the port.
func (e *env) appendEnd(dst []byte, proto conn.Proto, a conn.Addr, port uint16, w int) []byte {
	e.scratch = e.appendPort(append(e.scratch[:0], ':'), proto, port)
	from := len(dst)
	bracket := !a.Is4() && !a.Netip().IsUnspecified()
	if bracket {
		dst = append(dst, '[')
	}
	dst = e.appendHost(dst, a)
	room := w - textWidth(e.scratch)
	if bracket {
		room--
	}
	dst = trimMiddle(dst, from, max(room, 1), e.ascii)
	if bracket {
		dst = append(dst, ']')
	}
	return append(dst, e.scratch...)
}
