package act

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// sockDestroy is SOCK_DESTROY of include/uapi/linux/sock_diag.h.
const sockDestroy = 21

// Close has the kernel close the socket of c, as ss -K does. The socket's cookie
// is part of the request: another one with the same addresses is left alone.
func Close(c *conn.Conn) error {
	done := make(chan error, 1)
	go func() {
		// A thread that has changed its network namespace ends with its goroutine.
		runtime.LockOSThread()
		own, err := ownNetNS()
		switch {
		case err != nil:
		case c.NetNS == 0 || c.NetNS == own:
			defer runtime.UnlockOSThread()
		default:
			err = enter(c)
		}
		if err == nil {
			err = destroy(c)
		}
		done <- err
	}()
	return <-done
}

func ownNetNS() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return 0, err
	}
	return uint32(st.Ino), nil
}

// enter changes this thread to the network namespace of c, by way of its owner.
func enter(c *conn.Conn) error {
	if c.Owner.PID == 0 {
		return errors.New("it is in another network namespace, and no process is known to find that by")
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.Owner.PID))
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if uint32(st.Ino) != c.NetNS {
		return errors.New("its process has left the socket's network namespace")
	}
	return reason(unix.Setns(int(f.Fd()), unix.CLONE_NEWNET))
}

func destroy(c *conn.Conn) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return reason(err)
	}
	defer unix.Close(fd)
	limit := unix.Timeval{Sec: 2}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return err
	}
	if err := unix.Sendto(fd, request(c), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return reason(err)
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return err
	}
	return answer(buf[:n])
}

// answer reads the nlmsgerr that the kernel acknowledges with.
func answer(msg []byte) error {
	if len(msg) < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(msg[4:]) != unix.NLMSG_ERROR {
		return errors.New("the kernel's answer makes no sense")
	}
	switch errno := unix.Errno(-int32(binary.NativeEndian.Uint32(msg[unix.SizeofNlMsghdr:]))); errno {
	case 0:
		return nil
	case unix.ENOENT:
		return errors.New("there is no such socket any more")
	case unix.EOPNOTSUPP:
		return errors.New("this kernel cannot close sockets (CONFIG_INET_DIAG_DESTROY), or not in this state")
	case unix.EPERM:
		return errors.New("not permitted (CAP_NET_ADMIN)")
	default:
		return errno
	}
}

// request is a struct nlmsghdr and a struct inet_diag_req_v2
// (include/uapi/linux/inet_diag.h).
func request(c *conn.Conn) []byte {
	const size = unix.SizeofNlMsghdr + 56
	b := make([]byte, size)
	binary.NativeEndian.PutUint32(b[0:], size)
	binary.NativeEndian.PutUint16(b[4:], sockDestroy)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	binary.NativeEndian.PutUint32(b[8:], 1)
	r := b[unix.SizeofNlMsghdr:]
	r[0] = unix.AF_INET6
	if c.Laddr.Is4() && c.Raddr.Is4() {
		r[0] = unix.AF_INET
	}
	r[1] = unix.IPPROTO_TCP
	if c.Proto == conn.UDP {
		r[1] = unix.IPPROTO_UDP
	}
	binary.NativeEndian.PutUint32(r[4:], 1<<32-1) // every state
	binary.BigEndian.PutUint16(r[8:], c.Lport)
	binary.BigEndian.PutUint16(r[10:], c.Rport)
	putAddr(r[12:28], c.Laddr, r[0])
	putAddr(r[28:44], c.Raddr, r[0])
	binary.NativeEndian.PutUint32(r[44:], c.Ifindex)
	binary.NativeEndian.PutUint32(r[48:], uint32(c.ID.Cookie))
	binary.NativeEndian.PutUint32(r[52:], uint32(c.ID.Cookie>>32))
	return b
}

func putAddr(dst []byte, a conn.Addr, family byte) {
	if family == unix.AF_INET {
		copy(dst, a[12:])
		return
	}
	copy(dst, a[:])
}
