package conn

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
)

var eventNames = [...]string{"sample", "open", "close", "fail"}

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
	Idle // a UDP flow without traffic for --udp-timeout
)

var reasonNames = [...]string{"", "fin-local", "fin-remote", "reset-local", "reset-remote",
	"timeout", "refused", "unreachable", "idle"}

func (r CloseReason) String() string { return name(reasonNames[:], int(r)) }

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
