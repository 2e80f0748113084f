package diag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

const (
	// The kernel fills at most 32 KiB per datagram of a dump, and as much only for
	// readers with room for it (netlink_dump, net/netlink/af_netlink.c).
	datagramSize = 64 << 10
	maxDatagram  = 1 << 20
	socketBuffer = 1 << 20
	// repeats is how often a dump that was disturbed is taken again.
	repeats = 3
)

// Attributes of an inet_diag_msg, linux/inet_diag.h.
const (
	attrInfo      = 2
	attrCong      = 4
	attrSkmeminfo = 7
	attrCgroupID  = 21 // unasked, since 5.9
)

// wantedAttrs are the attributes to ask for: bit n-1 is attribute n.
const wantedAttrs = 1<<(attrInfo-1) | 1<<(attrCong-1) | 1<<(attrSkmeminfo-1)

const requestSize = 56

// request is a struct inet_diag_req_v2.
type request [requestSize]byte

func protocol(p conn.Proto) uint8 {
	if p == conn.UDP {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// dumpRequest asks for all sockets of a protocol and family in some states, with
// some attributes.
func dumpRequest(family uint8, proto conn.Proto, states uint32, attrs uint8) *request {
	r := &request{family, protocol(proto), attrs}
	binary.NativeEndian.PutUint32(r[4:], states)
	return r
}

// socketRequest asks for one socket.
func socketRequest(family uint8, c *conn.Conn) *request {
	r := &request{family, protocol(c.Proto), wantedAttrs}
	id := r[8:] // struct inet_diag_sockid
	binary.BigEndian.PutUint16(id, c.Lport)
	binary.BigEndian.PutUint16(id[2:], c.Rport)
	putAddr(id[4:20], family, c.Laddr)
	putAddr(id[20:36], family, c.Raddr)
	binary.NativeEndian.PutUint32(id[36:], c.Ifindex)
	binary.NativeEndian.PutUint32(id[40:], uint32(c.ID.Cookie))
	binary.NativeEndian.PutUint32(id[44:], uint32(c.ID.Cookie>>32))
	return r
}

func putAddr(dst []byte, family uint8, a conn.Addr) {
	if family == unix.AF_INET {
		copy(dst, a[12:])
		return
	}
	copy(dst, a[:])
}

// link is a sock_diag socket. It belongs to the network namespace that it was opened in.
type link struct {
	netns  *os.File // of another namespace; nil is our own
	conn   *netlink.Conn
	raw    syscall.RawConn
	buf    *[]byte // lent by the owner of all links
	n      int
	err    error
	read   func(fd uintptr) bool // receive once, made only once
	filled int64                 // monotonic ns at which the kernel filled the datagram at hand
}

// dial opens a link in a namespace, whose file it closes in the end; nil is our own.
func dial(netns *os.File, buf *[]byte) (*link, error) {
	l := &link{netns: netns, buf: buf}
	l.read = func(fd uintptr) bool {
		l.n, l.err = unix.Read(int(fd), *l.buf)
		return !errors.Is(l.err, unix.EAGAIN)
	}
	if err := l.connect(); err != nil {
		return nil, errors.Join(fmt.Errorf("open a sock_diag socket: %w", err), l.Close())
	}
	return l, nil
}

func (l *link) connect() (err error) {
	var c netlink.Config
	if l.netns != nil {
		c.NetNS = int(l.netns.Fd())
	}
	if l.conn, err = netlink.Dial(unix.NETLINK_SOCK_DIAG, &c); err != nil {
		return err
	}
	// A smaller buffer only makes dumps slower.
	_ = l.conn.SetReadBuffer(socketBuffer)
	l.raw, err = l.conn.SyscallConn()
	return err
}

// reopen leaves behind what is still on its way.
func (l *link) reopen() error {
	if err := l.conn.Close(); err != nil {
		return fmt.Errorf("close a sock_diag socket: %w", err)
	}
	l.conn = nil
	return l.connect()
}

// Close may be called more than once.
func (l *link) Close() error {
	var errs []error
	if l.conn != nil {
		errs = append(errs, l.conn.Close())
		l.conn = nil
	}
	if l.netns != nil {
		errs = append(errs, l.netns.Close())
		l.netns = nil
	}
	return errors.Join(errs...)
}

// ask sends a request and hands the sockets of the answer to use, which must not
// keep them. It reports whether the dump was consistent.
func (l *link) ask(r *request, flags netlink.HeaderFlags, use func(msg []byte)) (consistent bool, err error) {
	if l.conn == nil {
		if err := l.connect(); err != nil {
			return false, fmt.Errorf("open a sock_diag socket: %w", err)
		}
	}
	sent, err := l.conn.Send(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request | flags},
		Data:   r[:],
	})
	if err != nil {
		return false, fmt.Errorf("ask sock_diag: %w", err)
	}
	a := answer{seq: sent.Header.Sequence, use: use}
	l.filled = monotonic()
	for !a.done {
		b, err := l.receive()
		next := monotonic()
		if err == nil {
			err = a.walk(b)
		}
		l.filled = next // the kernel fills the next one when it hands one over (netlink_recvmsg)
		if err != nil {
			return false, fmt.Errorf("ask sock_diag: %w", err)
		}
	}
	return !a.interrupted, nil
}

// receive returns the next datagram. It does not go through the library, which would
// allocate a copy of each: a dump of 100,000 sockets is 45 MB.
func (l *link) receive() ([]byte, error) {
	for {
		if err := l.raw.Read(l.read); err != nil {
			return nil, err
		}
		if !errors.Is(l.err, unix.EINTR) {
			return (*l.buf)[:max(l.n, 0)], l.err
		}
	}
}

// look asks for one connection and reports whether it is there under its cookie.
func (l *link) look(r *reading, e *row) bool {
	found := false
	_, err := l.ask(socketRequest(e.family, &e.Conn), 0, func(msg []byte) {
		found = r.decode(msg, e.Proto, e.NetNS)
		r.Sampled = l.filled
	})
	return err == nil && found
}
