package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// benchUDPMain measures datagrams: one thread sends and receives in turn, so
// that none is lost and each costs the same. An op is one sent and received.
func benchUDPMain(args []string, c *console) error {
	b := newBench("bench-udp", 64)
	connected := b.fs.Bool("connected", false, "connect both sockets")
	ports := [2]uint16{}
	for i, name := range []string{"from", "to"} {
		b.fs.Func(name, "`port` of that end (any)", func(s string) error {
			port, err := strconv.ParseUint(s, 10, 16)
			ports[i] = uint16(port)
			return err
		})
	}
	if err := b.fs.Parse(args); err != nil {
		return err
	}
	if b.size < 1 || b.size > 60000 {
		return fmt.Errorf("-size is not 1 to 60000")
	}
	u := &udp{fam: v4}
	var p [2]*udpSock
	for i, port := range ports {
		s, err := u.socket(false)
		if err != nil {
			return err
		}
		p[i] = s
		if err := errors.Join(s.bind(port), block(s.fd)); err != nil {
			return err
		}
	}
	d := &datagrams{from: p[0].fd, to: p[1].fd, buf: make([]byte, b.size)}
	if *connected {
		if err := p[0].connect(p[1]); err != nil {
			return err
		}
		if err := p[1].connect(p[0]); err != nil {
			return err
		}
	} else {
		port := p[1].addr.Port()
		d.remote = &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: p[1].addr.Addr().As4(), Port: port<<8 | port>>8}
		d.sender = new(unix.RawSockaddrInet4)
	}
	r := result{Bench: "udp"}
	begin := time.Now()
	err := b.threads(func() error {
		for time.Since(begin) < b.duration() {
			for range 64 {
				if err := d.one(); err != nil {
					return err
				}
			}
			r.Ops += 64
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.Seconds = time.Since(begin).Seconds()
	return c.say(r)
}

// datagrams sends from one socket to another, with addresses where remote and
// sender are not nil.
type datagrams struct {
	from, to       int
	buf            []byte
	remote, sender *unix.RawSockaddrInet4
	room           uint32 // for sender, in bytes
}

func (d *datagrams) one() error {
	d.room = unix.SizeofSockaddrInet4
	length := uintptr(0)
	if d.remote != nil {
		length = unix.SizeofSockaddrInet4
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(d.from), uintptr(unsafe.Pointer(&d.buf[0])),
		uintptr(len(d.buf)), 0, uintptr(unsafe.Pointer(d.remote)), length)
	if errno != 0 {
		return fmt.Errorf("sendto: %w", errno)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(d.to), uintptr(unsafe.Pointer(&d.buf[0])),
		uintptr(len(d.buf)), 0, uintptr(unsafe.Pointer(d.sender)), uintptr(unsafe.Pointer(&d.room)))
	if errno != 0 {
		return fmt.Errorf("recvfrom: %w", errno)
	}
	if int(n) != len(d.buf) {
		return fmt.Errorf("received %d bytes, not %d", n, len(d.buf))
	}
	return nil
}
