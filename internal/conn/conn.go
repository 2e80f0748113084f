package conn

import (
	"bytes"
	"net/netip"
	"strconv"
)

// ID names one connection or flow, unique on this host while it is up.
//
// Cookie is the kernel's socket cookie (sock_gen_cookie, net/core/sock_diag.c):
// never reused. Serial tells apart what one socket does in turn: for TCP it
// counts the connections of a socket that was disconnected and connected again,
// for UDP it is the start of the flow in monotonic nanoseconds. Host tells several
// hosts apart where their rows are joined, from 1; 0 is this host.
type ID struct {
	Cookie uint64
	Serial uint64
	Host   uint16
}

// TimeWaitSerial marks the small socket that a connection leaves behind for
// time-wait (inet_twsk_alloc): the connection has ended, its cookie lives on.
const TimeWaitSerial = 1 << 63

// Append writes the text form of the id: the cookie in hexadecimal and, where
// the serial is not zero, a dash and the serial.
func (id ID) Append(b []byte) []byte {
	b = strconv.AppendUint(b, id.Cookie, 16)
	switch id.Serial {
	case 0:
		return b
	case TimeWaitSerial:
		return append(b, "-tw"...)
	}
	b = append(b, '-')
	return strconv.AppendUint(b, id.Serial, 16)
}

func (id ID) String() string { return string(id.Append(nil)) }

// Addr is an IP address in 16 bytes; IPv4 is kept v4-mapped (RFC 4291, 2.5.5.2),
// so that a v4 peer of a v6 socket and of a v4 socket are the same address.
type Addr [16]byte

// AddrFrom converts a to its 16-byte form.
func AddrFrom(a netip.Addr) Addr { return a.As16() }

// Netip returns the address with v4-mapped ones as plain IPv4.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// Is4 reports whether the address is IPv4, v4-mapped ones included.
func (a Addr) Is4() bool { return netip.AddrFrom16(a).Is4In6() }

// Name is a short kernel string such as a task's comm or a congestion control's
// name: at most 15 bytes, ended by a zero byte. It is hostile until escaped.
type Name [16]byte

// MakeName cuts s to what the kernel would keep of it.
func MakeName(s string) Name {
	var n Name
	copy(n[:len(n)-1], s)
	return n
}

// Bytes returns the bytes before the first zero.
func (n *Name) Bytes() []byte {
	if i := bytes.IndexByte(n[:], 0); i >= 0 {
		return n[:i]
	}
	return n[:]
}

func (n Name) String() string { return string(n.Bytes()) }

// Has says which groups of fields of a Conn were measured. A group that is not
// set is missing (null), never zero.
type Has uint16

// The groups of fields.
const (
	HasBytes      Has = 1 << iota // RxBytes, TxBytes
	HasPackets                    // RxPackets, TxPackets
	HasPath                       // RTT … SndWnd, DeliveryRate, RetransPackets … CEPackets, Busy … ECN
	HasQueues                     // SendQueue, Unsent, RecvQueue
	HasBacklog                    // Backlog, BacklogMax
	HasDrops                      // Drops
	HasUID                        // UID
	HasRaddr                      // Raddr, Rport
	HasCgroup                     // Cgroup
	HasSettings                   // MSS, CC, Cwnd, Ssthresh, PacingRate
	HasRcvWnd                     // RcvWnd
	HasHolders                    // Holders
	HasAccepts                    // Accepts, SYNQueue, SYNFlood
	HasListens                    // ListenOverflows, ListenDrops, CookiesSent
	HasRecvBuffer                 // RecvBuffer
	HasSendErrors                 // SendErrors
)

// Owner is the process that a connection belongs to. PID 0 means not known.
type Owner struct {
	PID    uint32      // thread group, as the host's pid namespace sees it
	Start  uint32      // the group leader's start since boot in 1/100 s: tells a reused pid apart
	Comm   Name        // of the thread group leader
	Source OwnerSource // how we know
	Kernel bool        // the socket belongs to the kernel, not to a process
}

// Place is what a socket's user id, cgroup, network namespace and device say about where it belongs. Many
// connections share one Place; it is never changed once published.
type Place struct {
	User        string
	Cgroup      string
	Unit        string
	Slice       string
	Session     string
	Container   string
	ContainerID string
	Image       string
	Pod         string
	Namespace   string
	NetNS       string // name of the network namespace
	Iface       string // name of the network device
	Workload    string // as an engine tells it; "" elsewhere, where it follows (WorkloadName)
}

// Container is what a runtime says of one container. Empty is not known; all of it is
// hostile until escaped.
type Container struct {
	ID        string
	Name      string
	Image     string
	Pod       string // name of its pod
	PodUID    string
	Namespace string // of the pod, in Kubernetes
	Cgroup    string // path, where the runtime tells and the id is not in it
}

// ContainerFeed is how whoever asks container runtimes tells what they say. Its
// functions may be called from any goroutine.
type ContainerFeed struct {
	Wanted <-chan struct{} // closed once there is a container that has no name yet
	Found  func(Container)
	Listed func() // those that were there have been told of
	Failed func() // a runtime did not answer; it is asked again
}

// Process is what /proc says of an owner. Many connections share one Process;
// it is never changed once published.
type Process struct {
	Exe     string
	Cmdline string
}

// Task is one process as /proc describes it now. Texts are empty where nothing is
// known or permitted, and hostile until escaped.
type Task struct {
	PID     uint32
	Comm    string
	Exe     string // path of the program
	Cmdline string // arguments, joined by spaces
}

// Conn is one TCP connection, TCP listener or UDP flow: cumulative counters and
// current gauges as they were when the sample was taken.
type Conn struct {
	ID      ID
	Has     Has
	Proto   Proto
	State   State
	Dir     Dir
	Partial bool // traffic before tcptop started is unknown

	Laddr, Raddr Addr
	Lport, Rport uint16
	Seat         uint32 // none other that its source names has it for as long as this one lives; 0 is none (Seats)
	NetNS        uint32 // inode of the network namespace
	Ifindex      uint32 // device that the socket is bound to, else the one it is routed through; 0 is not known
	UID          uint32
	Cgroup       uint64 // id in the cgroup2 hierarchy
	Owner        Owner
	Holders      uint16   // how many processes held the socket when last looked
	Place        *Place   // nil until enriched
	Process      *Process // nil until enriched
	Remote       *Remote  // nil where nothing is known of the remote address

	RxBytes, TxBytes     uint64 // payload, each byte once
	RxPackets, TxPackets uint64 // TCP segments or UDP datagrams
	RetransBytes         uint64
	RetransPackets       uint32
	LostPackets          uint32
	ReorderedPackets     uint32
	CEPackets            uint32 // delivered with a mark of congestion

	RTT, RTTVar, MinRTT uint32 // µs; 0 is not measured yet
	ConnectTime         uint32 // µs from SYN to established, or to the failure; 0 is not known
	AcceptTime          uint32 // µs from established to accepted; 0 is not known
	SYNRetries          uint32 // how often the SYN was sent again; known with ConnectTime and in syn-sent
	Cwnd, Ssthresh, MSS uint32 // segments, segments, bytes
	SndWnd, RcvWnd      uint32 // bytes
	PacingRate          uint64 // bytes per second; 0 is none
	DeliveryRate        uint64 // bytes per second; 0 is not measured yet
	CC                  Name

	SendQueue, Unsent, RecvQueue uint32 // bytes
	Backlog, BacklogMax, Drops   uint32 // listeners: connections; UDP: datagrams
	RecvBuffer                   uint32 // UDP: bytes that RecvQueue may have, each datagram's overhead included
	SendErrors                   uint32 // UDP: calls that failed; the last one's error is Errno

	// Of listeners.
	Accepts              uint64 // connections accepted since it was first seen
	AcceptP50, AcceptP99 uint32 // µs that those of the newest tick with any had waited; 0 is not known
	SYNQueue             uint32 // connections in their handshake
	// Of its network namespace, since it was first seen.
	ListenOverflows, ListenDrops, CookiesSent uint32

	// The kernel's chronographs (enum tcp_chrono, include/linux/tcp.h) in µs since the
	// connection opened: busy with data that is not acknowledged yet; of that, held back
	// by the peer's window, and by the send buffer.
	Busy, RwndLimited, SndbufLimited uint64
	Chrono                           Chrono  // the one that runs on until the next sample
	CAState                          CAState // of the congestion control
	Probes                           uint8   // window or keepalive probes without an answer
	AppLimited                       bool    // DeliveryRate was measured while there was too little to send
	CwndLimited                      bool    // the congestion window is full
	SndbufFull                       bool    // the send buffer takes no more: less than a third of it is free (sk_stream_is_writeable)
	ECN                              bool    // both sides agreed on ECN
	SYNFlood                         bool    // a listener has had more handshakes than it takes, and dropped SYNs or sent cookies

	Sampled    int64 // monotonic ns when the counters were read; 0 is the time of the sample
	Opened     int64 // monotonic ns when it opened; 0 is not known
	LastActive int64 // monotonic ns of the last packet either way; 0 is not known
	Reason     CloseReason
	Detail     CloseDetail
	Errno      Errno // the socket's error when the connection ended, of UDP the last send's; 0 is none
}
