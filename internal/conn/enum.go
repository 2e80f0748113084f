package conn

import "strconv"

// Proto is the transport protocol.
type Proto uint8

// The protocols.
const (
	TCP Proto = 1 + iota
	UDP
)

var protoNames = [...]string{"", "tcp", "udp"}

func (p Proto) String() string { return name(protoNames[:], int(p)) }

// State is a TCP state, numbered as in the kernel's include/net/tcp_states.h;
// zero is none (UDP).
type State uint8

// The states.
const (
	Established State = 1 + iota
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listen
	Closing
	NewSynRecv
)

// stateNames are those of ss(8)'s state filter.
var stateNames = [...]string{"", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2",
	"time-wait", "closed", "close-wait", "last-ack", "listen", "closing", "syn-recv"}

func (s State) String() string { return name(stateNames[:], int(s)) }

// States lists the names of all states in the kernel's order.
func States() []string { return stateNames[1:NewSynRecv] }

// Dir says who opened a connection.
type Dir uint8

// The directions; zero is unknown.
const (
	In        Dir = 1 + iota // accepted; UDP: the first datagram came in
	Out                      // connected; UDP: the first datagram went out
	DirListen                // waits for connections
)

var dirNames = [...]string{"", "in", "out", "listen"}

func (d Dir) String() string { return name(dirNames[:], int(d)) }

// Event is what happened to a connection in a tick.
type Event uint8

// The events.
const (
	EventSample Event = iota
	EventOpen
	EventClose
	EventFail
	EventState // it changed its state: only where events are asked for
)

var eventNames = [...]string{"sample", "open", "close", "fail", "state"}

func (e Event) String() string { return name(eventNames[:], int(e)) }

// OwnerSource says how the owner of a connection is known.
type OwnerSource uint8

// The sources; zero is none.
const (
	// OwnerConnect: the process that connected or listened (TCP), or sent the
	// flow's first datagram (UDP).
	OwnerConnect OwnerSource = 1 + iota
	// OwnerAccept: the process seen at work on an accepted connection (TCP), or
	// that received the flow's first datagram (UDP).
	OwnerAccept
	// OwnerFiles: found in a process' open files by the kernel's task_file iterator.
	OwnerFiles
	// OwnerProc: found in /proc.
	OwnerProc
)

var ownerNames = [...]string{"", "connect", "accept", "files", "proc"}

func (s OwnerSource) String() string { return name(ownerNames[:], int(s)) }

// CloseReason says why a connection ended.
type CloseReason uint8

// The reasons; zero is unknown.
const (
	FinLocal CloseReason = 1 + iota
	FinRemote
	ResetLocal
	ResetRemote
	Timeout
	Refused
	Unreachable
	Idle    // a UDP flow without traffic for --udp-timeout
	Aborted // our side gave up connecting
)

var reasonNames = [...]string{"", "fin-local", "fin-remote", "reset-local", "reset-remote",
	"timeout", "refused", "unreachable", "idle", "aborted"}

func (r CloseReason) String() string { return name(reasonNames[:], int(r)) }

// CloseDetail says more of a reason, numbered as enum why in bpf/conn.h.
type CloseDetail uint8

// The details; zero is none.
const (
	Unread       CloseDetail = 1 + iota // reset-local: closed with data that nobody had read
	Linger                              // reset-local: closed with SO_LINGER and no time
	Disconnect                          // reset-local: connected to AF_UNSPEC
	Unaccepted                          // reset-local: the listener closed before it was accepted
	Keepalive                           // timeout: probes of an idle connection
	Retransmits                         // timeout: segments
	WindowProbes                        // timeout: probes of a closed window
	AfterClose                          // fin-local: then reset, by the peer or by us on data that nobody would read
	NoPort                              // aborted: there was no free local port
)

var detailNames = [...]string{"", "unread-data", "linger-zero", "disconnect", "not-accepted",
	"keepalive", "retransmits", "window-probes", "reset-after-close", "no-local-port"}

func (d CloseDetail) String() string { return name(detailNames[:], int(d)) }

// Errno is an error of a socket, numbered as in Linux' include/uapi/asm-generic/errno.h.
type Errno uint8

// errnoNames are those that TCP leaves in a socket (icmp_err_convert, net/ipv4/icmp.c;
// tcp_reset and tcp_write_err, net/ipv4) or that connect(2) ends with.
var errnoNames = map[Errno]string{1: "EPERM", 12: "ENOMEM", 13: "EACCES", 22: "EINVAL", 32: "EPIPE", 71: "EPROTO",
	90: "EMSGSIZE", 92: "ENOPROTOOPT", 95: "EOPNOTSUPP", 97: "EAFNOSUPPORT", 98: "EADDRINUSE", 99: "EADDRNOTAVAIL",
	100: "ENETDOWN", 101: "ENETUNREACH", 102: "ENETRESET", 103: "ECONNABORTED", 104: "ECONNRESET", 105: "ENOBUFS",
	110: "ETIMEDOUT", 111: "ECONNREFUSED", 112: "EHOSTDOWN", 113: "EHOSTUNREACH"}

func (e Errno) String() string {
	switch name := errnoNames[e]; {
	case e == 0:
		return ""
	case name == "":
		return "errno-" + strconv.Itoa(int(e))
	default:
		return name
	}
}

// Origin says which collector measured a sample.
type Origin uint8

// The collectors.
const (
	FromBPF Origin = 1 + iota
	FromDiag
)

var originNames = [...]string{"", "bpf", "diag"}

func (o Origin) String() string { return name(originNames[:], int(o)) }

var facilityNames = [...]string{"", "eBPF", "sock_diag"}

// Facility is what a collector asks of the kernel.
func (o Origin) Facility() string { return name(facilityNames[:], int(o)) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}
