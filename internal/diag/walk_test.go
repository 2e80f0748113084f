package diag

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func errno(e unix.Errno) []byte {
	b := make([]byte, 4)
	set32(b, 0, -uint32(e))
	return b
}

func TestWalk(t *testing.T) {
	const seq, multi = 5, unix.NLM_F_MULTI
	body := connection(7).bytes()
	socket := message(unix.SOCK_DIAG_BY_FAMILY, multi, seq, body)
	end := message(unix.NLMSG_DONE, multi, seq, make([]byte, 4))
	for _, c := range []struct {
		name        string
		b           []byte
		given       int
		done        bool
		interrupted bool
		err         error
	}{
		{name: "two and more to come", b: slices.Concat(socket, socket), given: 2},
		{name: "the end", b: slices.Concat(socket, end, socket), given: 1, done: true},
		{name: "an answer to another request", b: slices.Concat(message(unix.NLMSG_DONE, multi, seq-1, errno(unix.EIO)), socket), given: 1},
		{name: "one socket", b: message(unix.SOCK_DIAG_BY_FAMILY, 0, seq, body), given: 1, done: true},
		{name: "an unknown kind", b: slices.Concat(message(unix.NLMSG_NOOP, multi, seq, nil), socket), given: 1},
		{name: "interrupted", b: slices.Concat(message(unix.SOCK_DIAG_BY_FAMILY, multi|unix.NLM_F_DUMP_INTR, seq, body), end),
			given: 1, done: true, interrupted: true},
		{name: "a protocol that is not there", b: message(unix.NLMSG_DONE, multi, seq, errno(unix.ENOENT)), done: true, err: unix.ENOENT},
		{name: "refused", b: message(unix.NLMSG_ERROR, 0, seq, append(errno(unix.EPERM), make([]byte, 16)...)), done: true, err: unix.EPERM},
		{name: "overrun", b: message(unix.NLMSG_OVERRUN, 0, seq, nil), err: unix.ENOBUFS},
		{name: "cut", b: slices.Concat(socket, socket)[:len(socket)+50], given: 1, err: errMalformed},
		{name: "half a header", b: socket[:10], err: errMalformed},
		{name: "a length of nothing", b: make([]byte, 64), err: errMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := 0
			a := answer{seq: seq, use: func(msg []byte) {
				given++
				if !slices.Equal(msg, body) {
					t.Errorf("message of %d bytes, want %d", len(msg), len(body))
				}
			}}
			err := a.walk(c.b)
			if given != c.given || a.done != c.done || a.interrupted != c.interrupted || !errors.Is(err, c.err) {
				t.Errorf("%d sockets, done %v, interrupted %v, %v", given, a.done, a.interrupted, err)
			}
		})
	}
}
