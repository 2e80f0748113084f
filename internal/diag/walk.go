package diag

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// errMalformed is a datagram that does not hold what its headers say, as one that did
// not fit into the buffer.
var errMalformed = errors.New("malformed netlink message")

const headerSize = unix.NLMSG_HDRLEN

// answer is how far the answer to one request has come.
type answer struct {
	seq         uint32
	use         func(msg []byte) // is given the inet_diag_msg and its attributes of each socket
	done        bool
	interrupted bool // what was dumped changed meanwhile (NLM_F_DUMP_INTR)
}

// walk reads one datagram of netlink messages (struct nlmsghdr, linux/netlink.h).
// What answers another request is passed over. It returns errMalformed or the error
// that the kernel answered with, which a dump may also have in its last message.
func (a *answer) walk(b []byte) error {
	for len(b) > 0 {
		if len(b) < headerSize {
			return errMalformed
		}
		n := binary.NativeEndian.Uint32(b)
		if n < headerSize || uint64(n) > uint64(len(b)) {
			return errMalformed
		}
		if binary.NativeEndian.Uint32(b[8:]) == a.seq {
			if err := a.message(b[:n]); err != nil || a.done {
				return err
			}
		}
		b = b[min((int(n)+3)&^3, len(b)):]
	}
	return nil
}

func (a *answer) message(b []byte) error {
	kind, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
	a.interrupted = a.interrupted || flags&unix.NLM_F_DUMP_INTR != 0
	body := b[headerSize:]
	switch kind {
	case unix.SOCK_DIAG_BY_FAMILY:
		a.use(body)
		a.done = flags&unix.NLM_F_MULTI == 0
	case unix.NLMSG_ERROR, unix.NLMSG_DONE:
		a.done = true
		if len(body) < 4 {
			return nil
		}
		if errno := -int32(binary.NativeEndian.Uint32(body)); errno > 0 {
			return unix.Errno(errno)
		}
	case unix.NLMSG_OVERRUN:
		return unix.ENOBUFS
	}
	return nil
}
