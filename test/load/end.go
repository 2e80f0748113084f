package main

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit/truth"
)

// end is one end of a connection: a socket and the truth about it.
type end struct {
	truth.Record
	fd     int
	gotFIN bool // the kernel's own counter then has one byte too many
}

// self is what all records of this process share.
func self() (truth.Record, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		return truth.Record{}, fmt.Errorf("network namespace: %w", err)
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return truth.Record{}, err
	}
	return truth.Record{NetNS: st.Ino, PID: os.Getpid(), Comm: strings.TrimSuffix(string(comm), "\n")}, nil
}

// newEnd describes a connected TCP socket.
func newEnd(fd int, kind, dir string) (*end, error) {
	rec, err := self()
	if err != nil {
		return nil, err
	}
	e := &end{Record: rec, fd: fd}
	e.Kind, e.Proto, e.Dir = kind, "tcp", dir
	local, err := localAddr(fd)
	if err != nil {
		return nil, err
	}
	e.Laddr, e.Lport = local.Addr(), local.Port()
	sa, err := unix.Getpeername(fd)
	if err != nil {
		return nil, fmt.Errorf("peer's address: %w", err)
	}
	remote, err := addrPort(sa)
	if err != nil {
		return nil, err
	}
	e.Raddr, e.Rport = remote.Addr(), remote.Port()
	return e, nil
}

// tell prints the truth. The cookie is asked for here, not earlier: the kernel
// makes it when first asked, and who counts must not depend on that.
func (e *end) tell(c *console) (err error) {
	if e.Cookie, err = cookie(e.fd); err != nil {
		return err
	}
	return c.say(e.Record)
}

func (e *end) close() error { return unix.Close(e.fd) }

// check compares the truth with the kernel's counters (RFC 4898) in tcp_info.
func (e *end) check() error {
	info, err := unix.GetsockoptTCPInfo(e.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return fmt.Errorf("tcp_info: %w", err)
	}
	received := info.Bytes_received
	if e.gotFIN {
		received--
	}
	sent := info.Bytes_sent - info.Bytes_retrans
	if sent != e.TxBytes || received != e.RxBytes {
		return fmt.Errorf("%s %v to %v: truth is tx %d rx %d, the kernel has tx %d rx %d",
			e.Kind, e.Local(), e.Remote(), e.TxBytes, e.RxBytes, sent, received)
	}
	return nil
}

func localAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("local address: %w", err)
	}
	return addrPort(sa)
}

func cookie(fd int) (string, error) {
	c, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	if err != nil {
		return "", fmt.Errorf("socket cookie: %w", err)
	}
	return strconv.FormatUint(c, 16), nil
}
