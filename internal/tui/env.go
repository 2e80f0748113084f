package tui

import (
	"bytes"
	"net/netip"
	"slices"
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
	shown    *table.Snapshot // the tick on the screen
}

// appendProcess appends the owner of r, such as "nginx 80".
func (e *env) appendProcess(dst []byte, r *table.Row) []byte {
	o := &r.Owner
	switch {
	case o.PID == 0 && o.Kernel:
		return append(dst, "kernel"...)
	case o.PID == 0 && o.Comm == (conn.Name{}):
		return append(dst, '-')
	case o.PID == 0: // of several processes, as an engine has them
		return e.appendComm(dst, &o.Comm)
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

// appendRemote appends the address of r's remote end or its name.
func (e *env) appendRemote(dst []byte, r *table.Row) []byte {
	if network(r) || e.hosts && r.Remote != nil && r.Remote.Name != "" {
		return appendSafe(dst, []byte(r.Remote.Name), e.ascii)
	}
	return e.appendHost(dst, r.Raddr)
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

// appendLocalEnd appends the local address:port of r in w cells.
func (e *env) appendLocalEnd(dst []byte, r *table.Row, w int) []byte {
	return e.appendEnd(e.appendHost(dst, r.Laddr), len(dst), r.Proto, r.Lport, w)
}

// appendRemoteEnd appends the remote address:port of r in w cells.
func (e *env) appendRemoteEnd(dst []byte, r *table.Row, w int) []byte {
	return e.appendEnd(e.appendRemote(dst, r), len(dst), r.Proto, r.Rport, w)
}

// appendEnd appends the port to the address or name that begins at from: of what is
// too long for w cells the middle of the address goes, never the port.
func (e *env) appendEnd(dst []byte, from int, proto conn.Proto, port uint16, w int) []byte {
	e.scratch = e.appendPort(append(e.scratch[:0], ':'), proto, port)
	room := w - textWidth(e.scratch)
	bracket := bytes.IndexByte(dst[from:], ':') >= 0 // an IPv6 address
	if bracket {
		dst = slices.Insert(dst, from, '[')
		room--
	}
	dst = trimMiddle(dst, from, max(room, 1), e.ascii)
	if bracket {
		dst = append(dst, ']')
	}
	return append(dst, e.scratch...)
}
