package main

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit/truth"
)

// udpBuffer is the receive buffer of each socket, in bytes: more than any step
// of the lock-step puts into it.
const udpBuffer = 4 << 20

// udpSock is a UDP socket and the truth about its flows.
type udpSock struct {
	u     *udp
	fd    int
	fam   family
	kind  string
	addr  netip.AddrPort // where others reach it
	flows []*truth.Record
	buf   []byte
}

// socket opens a non-blocking socket, bound to the loopback address if bind.
func (u *udp) socket(bind bool) (*udpSock, error) {
	fd, err := unix.Socket(u.fam.domain(), unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	s := &udpSock{u: u, fd: fd, fam: u.fam, kind: u.kind, buf: make([]byte, 1<<16)}
	u.socks = append(u.socks, s)
	// Not root: as much as net.core.rmem_max grants.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, udpBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, udpBuffer); err != nil {
			return nil, fmt.Errorf("receive buffer: %w", err)
		}
	}
	if !bind {
		return s, nil
	}
	return s, s.bind(0)
}

// bind binds to a port of the loopback address, 0 being any.
func (s *udpSock) bind(port uint16) (err error) {
	if err := unix.Bind(s.fd, s.fam.sockaddr(netip.AddrPortFrom(s.fam.loopback(), port))); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	s.addr, err = localAddr(s.fd)
	return err
}

// sockets opens n bound sockets.
func (u *udp) sockets(n int) ([]*udpSock, error) {
	all := make([]*udpSock, n)
	for i := range all {
		var err error
		if all[i], err = u.socket(true); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *udpSock) connect(to *udpSock) error {
	if err := unix.Connect(s.fd, s.sockaddr(to.addr)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// sockaddr names to as this socket's family does: a v4 address in a v6 socket
// is v4-mapped.
func (s *udpSock) sockaddr(to netip.AddrPort) unix.Sockaddr { return s.fam.sockaddr(to) }

// sent notes one or more datagrams to a remote.
func (s *udpSock) sent(to netip.AddrPort, bytes, datagrams int) {
	r := s.flow(to, "out")
	r.TxBytes += uint64(bytes)
	r.TxPackets += uint64(datagrams)
}

// got notes one or more datagrams from a remote.
func (s *udpSock) got(from netip.AddrPort, bytes, datagrams int) {
	r := s.flow(from, "in")
	r.RxBytes += uint64(bytes)
	r.RxPackets += uint64(datagrams)
}

// flow finds the flow with a remote; dir is of the datagram that opens it.
func (s *udpSock) flow(remote netip.AddrPort, dir string) *truth.Record {
	for _, r := range s.flows {
		if r.Remote() == remote {
			return r
		}
	}
	r := &truth.Record{Kind: s.kind, Proto: "udp", Dir: dir, Raddr: remote.Addr(), Rport: remote.Port()}
	s.flows = append(s.flows, r)
	return r
}

// tell prints the truth of all flows and returns how many they are. The local
// address is the socket's own: unspecified where it was never bound.
func (s *udpSock) tell(c *console) (int, error) {
	common, err := self()
	if err != nil {
		return 0, err
	}
	if common.Cookie, err = cookie(s.fd); err != nil {
		return 0, err
	}
	local, err := localAddr(s.fd)
	if err != nil {
		return 0, err
	}
	for _, r := range s.flows {
		r.NetNS, r.PID, r.Comm, r.Cookie = common.NetNS, common.PID, common.Comm, common.Cookie
		r.Laddr, r.Lport = local.Addr(), local.Port()
		if err := c.say(r); err != nil {
			return 0, err
		}
	}
	return len(s.flows), nil
}
