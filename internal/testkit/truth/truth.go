// Package truth is the language in which the traffic generator (test/load)
// tells tests what it did: JSON lines, one Record per socket end or UDP flow,
// and short Lines that say when the generator is ready.
package truth

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// Record is one end of a TCP connection or one UDP flow (a socket and a remote
// address) as the generator knows it. V4-mapped addresses are plain IPv4.
type Record struct {
	Kind    string     `json:"kind"`            // what the generator did with it
	Proto   string     `json:"proto"`           // tcp, udp
	State   string     `json:"state,omitempty"` // as ss prints it; only where the workload holds it
	Dir     string     `json:"dir,omitempty"`   // in, out, listen
	Laddr   netip.Addr `json:"laddr"`
	Lport   uint16     `json:"lport"`
	Raddr   netip.Addr `json:"raddr"`
	Rport   uint16     `json:"rport"`
	NetNS   uint64     `json:"netns"`             // inode of the network namespace
	PID     int        `json:"pid"`               // 0 where no process holds the socket
	Comm    string     `json:"comm"`              // of the thread group leader
	Start   uint64     `json:"start,omitempty"`   // of that process, since boot in 1/100 s; 0 where it is not said
	Cmdline string     `json:"cmdline,omitempty"` // of that process, joined by spaces; empty where it is not said
	Cookie  string     `json:"cookie,omitempty"`  // SO_COOKIE in hexadecimal

	TxBytes   uint64 `json:"tx_bytes"` // payload sent, each byte once
	RxBytes   uint64 `json:"rx_bytes"` // payload received in order, read or not
	TxPackets uint64 `json:"tx_packets,omitempty"`
	RxPackets uint64 `json:"rx_packets,omitempty"` // datagrams; UDP only
}

// Local returns the local address and port.
func (r *Record) Local() netip.AddrPort { return netip.AddrPortFrom(r.Laddr, r.Lport) }

// Remote returns the remote address and port.
func (r *Record) Remote() netip.AddrPort { return netip.AddrPortFrom(r.Raddr, r.Rport) }

// Line is one line of the generator's output: a Record, or one of the others.
type Line struct {
	*Record
	Ready bool  `json:"ready,omitempty"` // everything is up and held
	OK    bool  `json:"ok,omitempty"`    // a command was done
	Conns int   `json:"conns,omitempty"` // connections held, or touched by the command
	PIDs  []int `json:"pids,omitempty"`  // processes that hold them
}

// Reader reads the generator's output.
type Reader struct {
	lines *bufio.Scanner
	ready bool
}

// NewReader reads lines from r.
func NewReader(r io.Reader) *Reader { return &Reader{lines: bufio.NewScanner(r)} }

// Next returns the next line, or io.EOF.
func (r *Reader) Next() (Line, error) {
	var l Line
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return l, err
		}
		return l, io.EOF
	}
	if err := json.Unmarshal(r.lines.Bytes(), &l); err != nil {
		return l, fmt.Errorf("parse %q: %w", r.lines.Bytes(), err)
	}
	return l, nil
}

// Records reads records up to the end or to a line that says ready.
func (r *Reader) Records() ([]Record, error) {
	var records []Record
	for {
		l, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return records, err
		case l.Ready:
			r.ready = true
			return records, nil
		case l.Record != nil:
			records = append(records, *l.Record)
		}
	}
}

// Ready reports whether a line said that the generator is ready.
func (r *Reader) Ready() bool { return r.ready }
