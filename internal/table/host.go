package table

import "tcptop/internal/conn"

// HostState says how well a host is known at the moment.
type HostState uint8

// The states.
const (
	HostNew  HostState = iota // nothing was heard of it yet
	HostOK                    // its ticks come
	HostSlow                  // they are late: its rows are as last told
	HostGone                  // it is not heard: it has no rows
)

var hostStates = [...]string{"connecting", "ok", "slow", "gone"}

func (s HostState) String() string {
	if int(s) < len(hostStates) {
		return hostStates[s]
	}
	return ""
}

// Host is what a snapshot says of one of several hosts.
type Host struct {
	Name   string // as the person calls it; "" is a place that no host has
	State  HostState
	Since  int64  // monotonic ns when State began; 0 is from the start
	Why    string // it is not heard; hostile until escaped
	Heard  int64  // monotonic ns of its newest tick; 0 is none
	First  bool   // that was its first: its rates are not known
	Origin conn.Origin
	Loss   conn.Loss // since it is heard

	NotShown uint64   // its open connections that have no row
	Faults   []string // hostile until escaped
	Version  string   // of its tcptop, "" is not known; hostile until escaped
}

// host is the host of r, nil where rows are one host's.
func (s *Snapshot) host(r *Row) *Host {
	if n := int(r.ID.Host); n > 0 && n <= len(s.Hosts) {
		return &s.Hosts[n-1]
	}
	return nil
}

// HostOf is the name of the host that r was measured on, "" where that is several.
func (s *Snapshot) HostOf(r *Row) string {
	if h := s.host(r); h != nil {
		return h.Name
	}
	return s.Host
}

// StateOf is how the host of r is; where rows are one host's it is well.
func (s *Snapshot) StateOf(r *Row) HostState {
	if h := s.host(r); h != nil {
		return h.State
	}
	return HostOK
}

// OriginOf is the collector that measured r.
func (s *Snapshot) OriginOf(r *Row) conn.Origin {
	if h := s.host(r); h != nil {
		return h.Origin
	}
	return s.Origin
}

// FirstOf reports whether the tick was the first of r's host, so that its rates are
// not known.
func (s *Snapshot) FirstOf(r *Row) bool {
	if h := s.host(r); h != nil {
		return h.First
	}
	return s.First
}
