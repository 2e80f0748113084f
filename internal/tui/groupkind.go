package tui

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
	"strconv"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// groupKey names a group: a number or an address, or the number of a text.
type groupKey struct{ hi, lo uint64 }

// noValue is the group of rows that have no value.
var noValue = groupKey{math.MaxUint64, math.MaxUint64}

// groupKind is one thing that rows can be grouped by. Either key or text is set.
type groupKind struct {
	name  string
	each  bool   // each end of a connection has a value of its own
	field string // that the groups are ordered by where they are by name
	key   func(r *table.Row) (key groupKey, ok bool)
	text  func(p *conn.Place) string
	scope func(p *conn.Place) string                    // text is unique in; nil: everywhere
	label func(dst []byte, e *env, r *table.Row) []byte // r has what the group's rows share
}

// groupKinds are in the order of the key that cycles through them.
func groupKinds() []groupKind {
	return []groupKind{
		{name: "process", each: true, field: "comm", label: func(dst []byte, e *env, r *table.Row) []byte { return e.appendProcess(dst, r) },
			key: func(r *table.Row) (groupKey, bool) {
				if r.Owner.PID == 0 && !r.Owner.Kernel {
					return bytesKey(r.Owner.Comm), r.Owner.Comm != conn.Name{}
				}
				return groupKey{uint64(r.Owner.PID) | uint64(r.ID.Host)<<32, uint64(r.Owner.Start)}, true
			}},
		{name: "user", each: true, field: "user", label: userLabel,
			key: func(r *table.Row) (groupKey, bool) { return groupKey{lo: uint64(r.UID)}, r.Has&conn.HasUID != 0 }},
		{name: "remote", field: "raddr", label: func(dst []byte, e *env, r *table.Row) []byte { return e.appendRemote(dst, r) },
			key: remoteKey},
		{name: "rport", field: "rport", label: func(dst []byte, e *env, r *table.Row) []byte { return e.appendPort(dst, r.Proto, r.Rport) },
			key: func(r *table.Row) (groupKey, bool) { return groupKey{lo: uint64(r.Rport)}, r.Has&conn.HasRaddr != 0 }},
		{name: "lport", field: "lport", label: func(dst []byte, e *env, r *table.Row) []byte { return e.appendPort(dst, r.Proto, r.Lport) },
			key: func(r *table.Row) (groupKey, bool) { return groupKey{lo: uint64(r.Lport)}, true }},
		{name: "state", field: "state", label: func(dst []byte, _ *env, r *table.Row) []byte { return append(dst, r.State.String()...) },
			key: func(r *table.Row) (groupKey, bool) { return groupKey{lo: uint64(r.State)}, r.State != 0 }},
		textKind("unit", func(p *conn.Place) string { return p.Unit }),
		{name: "container", each: true, field: "container", text: containerOf, label: containerLabel},
		{name: "pod", each: true, field: "pod", text: func(p *conn.Place) string { return p.Pod }, scope: func(p *conn.Place) string { return p.Namespace }, label: podLabel},
		{name: "workload", each: true, field: "workload", text: (*conn.Place).WorkloadName, label: workloadLabel},
		{name: "netns", each: true, field: "netns", label: netnsLabel,
			key: func(r *table.Row) (groupKey, bool) { return groupKey{uint64(r.ID.Host), uint64(r.NetNS)}, r.NetNS != 0 }},
		{name: "cc", field: "cc", label: func(dst []byte, e *env, r *table.Row) []byte { return appendSafe(dst, r.CC.Bytes(), e.ascii) },
			key: func(r *table.Row) (groupKey, bool) { return bytesKey(r.CC), r.Has&conn.HasSettings != 0 }},
		{name: "proto", field: "proto", label: func(dst []byte, _ *env, r *table.Row) []byte { return append(dst, r.Proto.String()...) },
			key: func(r *table.Row) (groupKey, bool) { return groupKey{lo: uint64(r.Proto)}, true }},
		{name: "host", each: true, field: "host", label: hostLabel,
			key: func(r *table.Row) (groupKey, bool) { return groupKey{lo: uint64(r.ID.Host)}, true }},
	}
}

// remoteKey is the remote address or, where an engine has many together, their name.
func remoteKey(r *table.Row) (groupKey, bool) {
	if network(r) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(r.Remote.Name))
		return groupKey{math.MaxUint64, h.Sum64()}, true
	}
	return bytesKey(r.Raddr), r.Has&conn.HasRaddr != 0
}

// network reports whether the remote end of r is many addresses.
func network(r *table.Row) bool { return r.Remote != nil && r.Remote.Source == conn.NameNetwork }

func bytesKey(b [16]byte) groupKey {
	return groupKey{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func userLabel(dst []byte, e *env, r *table.Row) []byte {
	if r.Place != nil && r.Place.User != "" {
		return appendSafe(dst, []byte(r.Place.User), e.ascii)
	}
	return strconv.AppendUint(append(dst, "uid "...), uint64(r.UID), 10)
}

// containerOf is what tells containers apart: pods have containers of the same name.
func containerOf(p *conn.Place) string {
	if p.ContainerID != "" {
		return p.ContainerID
	}
	return p.Container
}

// shortID is how many digits of an id docker-ps(1) shows.
const shortID = 12

// containerLabel is pod/name, or an id where there is no name.
func containerLabel(dst []byte, e *env, r *table.Row) []byte {
	p := r.Place
	if p.Container == "" {
		return appendSafe(dst, []byte(p.ContainerID[:min(len(p.ContainerID), shortID)]), e.ascii)
	}
	if p.Pod != "" {
		dst = append(appendSafe(dst, []byte(p.Pod), e.ascii), '/')
	}
	return appendSafe(dst, []byte(p.Container), e.ascii)
}

// podLabel is namespace/pod.
func podLabel(dst []byte, e *env, r *table.Row) []byte {
	if r.Place.Namespace != "" {
		dst = append(appendSafe(dst, []byte(r.Place.Namespace), e.ascii), '/')
	}
	return appendSafe(dst, []byte(r.Place.Pod), e.ascii)
}

// workloadLabel is the workload that all places of a group have.
func workloadLabel(dst []byte, e *env, r *table.Row) []byte {
	return appendSafe(dst, r.Place.AppendWorkload(e.scratch[:0]), e.ascii)
}

// hostLabel is the host's name, and how it is where it is not well.
func hostLabel(dst []byte, e *env, r *table.Row) []byte {
	s := e.shown
	if s == nil {
		return dst
	}
	dst = appendSafe(dst, []byte(s.HostOf(r)), e.ascii)
	if n := int(r.ID.Host); n > 0 && n <= len(s.Hosts) && s.Hosts[n-1].State != table.HostOK {
		dst = append(append(dst, ' '), s.Hosts[n-1].State.String()...)
	}
	return dst
}

// netnsLabel is the name, if it has one, and the inode.
func netnsLabel(dst []byte, e *env, r *table.Row) []byte {
	if r.Place != nil && r.Place.NetNS != "" {
		dst = append(appendSafe(dst, []byte(r.Place.NetNS), e.ascii), ' ')
	}
	return strconv.AppendUint(dst, uint64(r.NetNS), 10)
}

func textKind(name string, text func(p *conn.Place) string) groupKind {
	return groupKind{name: name, each: true, field: name, text: text, label: func(dst []byte, e *env, r *table.Row) []byte {
		return appendSafe(dst, []byte(text(r.Place)), e.ascii)
	}}
}

// kindOf is the kind of that name, process where there is none.
func kindOf(name string) *groupKind {
	all := groupKinds()
	return &all[max(slices.IndexFunc(all, func(k groupKind) bool { return k.name == name }), 0)]
}

func groupNames() []string {
	var names []string
	for _, k := range groupKinds() {
		names = append(names, k.name)
	}
	return names
}

// groupField is the field that groups are named by.
func groupField(by string) string { return kindOf(by).field }
