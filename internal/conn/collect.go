package conn

import (
	"fmt"
	"strings"
	"time"
)

// Config says what a collector measures.
type Config struct {
	Interval    time.Duration // between samples; 100 ms at least
	TCP, UDP    bool
	DNS         bool          // note what this host asks the DNS, where UDP is measured; sock_diag can't
	Transitions bool          // tell of each change of a TCP connection's state; sock_diag can't
	Stats       bool          // have the kernel time BPF programs, which costs each run of any on this host some 55 ns; sock_diag does not know
	MaxConns    int           // TCP connections that there is room for, see MaxFlows; 0 sizes the table by memory
	UDPTimeout  time.Duration // how long a flow may be idle before its place is given away; sock_diag does not know
	Host        string        // name that samples carry
	Calm        bool          // nobody watches: passes over the whole host, for what no hook tells, come a third as often where they cost much, and less room is kept for bursts; sock_diag does not know
}

// MaxFlows is how many UDP flows there is room for beside that many TCP connections.
func MaxFlows(maxConns int) int { return min(max(maxConns/4, 4<<10), 64<<10) }

// PermissionError says that a collector is kept from measuring, and by what.
type PermissionError struct {
	Origin  Origin
	Missing []string // capabilities: "CAP_BPF" …; empty where something else refuses
	Remedy  string   // what would help, where that is known
	Err     error
}

func (e *PermissionError) Error() string {
	if len(e.Missing) > 0 {
		return "measuring in the kernel needs " + strings.Join(e.Missing, ", ")
	}
	return fmt.Sprintf("the kernel does not permit %s here: %v", e.Origin.Facility(), e.Err)
}

func (e *PermissionError) Unwrap() error { return e.Err }

// UnsupportedError says what this kernel lacks for a collector, in one line.
type UnsupportedError struct {
	Origin Origin
	What   string
	Detail string // what the kernel said to it, over many lines: for bug reports
	Err    error
}

func (e *UnsupportedError) Error() string { return "this kernel lacks " + e.What }

func (e *UnsupportedError) Unwrap() error { return e.Err }
