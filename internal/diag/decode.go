package diag

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

const (
	msgSize  = 72        // struct inet_diag_msg
	attrSize = 4         // struct nlattr
	attrKind = 1<<14 - 1 // NLA_TYPE_MASK: the bits above are flags
	// memUsedAt and memLimitAt are where it has sk_wmem_queued and sk_sndbuf.
	memUsedAt  = 4 * unix.SK_MEMINFO_WMEM_QUEUED
	memLimitAt = 4 * unix.SK_MEMINFO_SNDBUF
	// dropsAt is where struct sock's sk_drops is in INET_DIAG_SKMEMINFO (since 4.7).
	dropsAt = 4 * unix.SK_MEMINFO_DROPS
	// recvBufferAt is where it has sk_rcvbuf.
	recvBufferAt = 4 * unix.SK_MEMINFO_RCVBUF
)

// reading is one socket as a dump has it.
type reading struct {
	conn.Conn        // without owner, Opened and LastActive; packets in the kernel's 32 bits
	family    uint8  // that it must be asked for with
	small     bool   // a time-wait or syn-recv socket, which has no counters
	inode     uint32 // 0 is none: no process holds it
	idle      uint32 // ms since the last packet either way; noIdle is not known
	sent      uint64 // tcp_sock.bytes_sent, with what was sent again
	received  uint64 // tcp_sock.bytes_received, with the FIN
}

// decode reads an inet_diag_msg and its attributes; false if they are not whole. It
// allocates nothing.
func (r *reading) decode(b []byte, proto conn.Proto, netns uint32) bool {
	if len(b) < msgSize {
		return false
	}
	state := conn.State(b[1])
	*r = reading{
		Conn: conn.Conn{
			Proto:   proto,
			State:   state,
			Lport:   binary.BigEndian.Uint16(b[4:]),
			Rport:   binary.BigEndian.Uint16(b[6:]),
			Ifindex: binary.NativeEndian.Uint32(b[40:]),
			NetNS:   netns,
			UID:     binary.NativeEndian.Uint32(b[64:]),
		},
		family: b[0],
		inode:  binary.NativeEndian.Uint32(b[68:]),
		idle:   noIdle,
	}
	r.ID.Cookie = uint64(binary.NativeEndian.Uint32(b[44:])) | uint64(binary.NativeEndian.Uint32(b[48:]))<<32
	if r.ID.Cookie == 0 || !r.addrs(b) {
		return false
	}
	r.queues(binary.NativeEndian.Uint32(b[56:]), binary.NativeEndian.Uint32(b[60:]))
	counted, ok := r.attributes(b[msgSize:])
	if !ok {
		return false
	}
	if proto == conn.TCP && !counted {
		r.shrink()
	}
	if proto == conn.UDP {
		r.State = 0
	}
	return true
}

func (r *reading) addrs(b []byte) bool {
	switch r.family {
	case unix.AF_INET:
		r.Laddr, r.Raddr = mapped(b[8:12]), mapped(b[24:28])
	case unix.AF_INET6:
		r.Laddr, r.Raddr = conn.Addr(b[8:24]), conn.Addr(b[24:40])
	default:
		return false
	}
	return true
}

func mapped(v4 []byte) conn.Addr {
	a := conn.Addr{10: 0xff, 11: 0xff}
	copy(a[12:], v4)
	return a
}

// queues gives idiag_rqueue and idiag_wqueue their meanings (tcp_diag_get_info,
// net/ipv4/tcp_diag.c, and udp_diag_get_info, net/ipv4/udp_diag.c).
func (r *reading) queues(receive, send uint32) {
	r.Has = conn.HasUID
	switch {
	case r.Proto == conn.TCP && r.State == conn.Listen:
		r.Has |= conn.HasBacklog
		r.Dir = conn.DirListen
		r.Backlog, r.BacklogMax = receive, send
		return
	case r.Proto == conn.TCP || r.Rport != 0:
		r.Has |= conn.HasRaddr
	}
	r.Has |= conn.HasQueues
	r.RecvQueue, r.SendQueue = receive, send
}

// attributes reads struct nlattr after struct nlattr; counted is whether there was a
// tcp_info, which small sockets don't have.
func (r *reading) attributes(b []byte) (counted, ok bool) {
	for len(b) >= attrSize {
		n, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if n < attrSize || n > len(b) {
			return counted, false
		}
		v := b[attrSize:n]
		switch kind & attrKind {
		case attrInfo:
			counted = true
			r.info(v)
		case attrCong:
			if r.State != conn.Listen {
				r.CC = name(v)
			}
		case attrSkmeminfo:
			if len(v) >= memUsedAt+4 && r.Proto == conn.TCP && r.State != conn.Listen {
				used := int64(int32(binary.NativeEndian.Uint32(v[memUsedAt:])))
				r.SndbufFull = used+used/2 > int64(int32(binary.NativeEndian.Uint32(v[memLimitAt:])))
			}
			if len(v) >= dropsAt+4 && (r.Proto == conn.UDP || r.State == conn.Listen) {
				r.Has |= conn.HasDrops
				r.Drops = binary.NativeEndian.Uint32(v[dropsAt:])
				if r.Proto == conn.UDP {
					r.Has |= conn.HasRecvBuffer
					r.RecvBuffer = binary.NativeEndian.Uint32(v[recvBufferAt:])
				}
			}
		case attrCgroupID:
			if len(v) >= 8 {
				r.Has |= conn.HasCgroup
				r.Cgroup = binary.NativeEndian.Uint64(v)
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return counted, true
}

func name(b []byte) (n conn.Name) {
	copy(n[:len(n)-1], b)
	return n
}

// shrink keeps of a socket without counters what it does say (inet_twsk_diag_fill and
// inet_req_diag_fill, net/ipv4/inet_diag.c).
func (r *reading) shrink() {
	switch r.State {
	case conn.SynRecv, conn.NewSynRecv:
		r.State, r.Dir = conn.SynRecv, conn.In
	case conn.TimeWait, conn.FinWait2:
		r.ID.Serial = conn.TimeWaitSerial
	default:
		return
	}
	r.small = true
	r.Has, r.UID = conn.HasRaddr|conn.HasHolders, 0 // no process has one
	r.RecvQueue, r.SendQueue = 0, 0
}
