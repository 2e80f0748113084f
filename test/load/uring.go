package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/io_uring.h. No library is needed for one request at a time.
const (
	opAccept  = 13
	opConnect = 16

	sqeAsync    = 1 << 4
	setupSQPoll = 1 << 1
	needWakeup  = 1 << 0
	enterEvents = 1 << 0

	featNonFixed = 1 << 7 // a thread that polls takes any file (5.11)
	enterWakeup  = 1 << 1

	offSQRing, offCQRing, offSQEs = 0, 0x8000000, 0x10000000
)

type uringParams struct {
	sqEntries, cqEntries, flags, cpu, idle, features, wqFD uint32
	_                                                      [3]uint32
	sq                                                     struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// uringSQE is struct io_uring_sqe.
type uringSQE struct {
	op, flags uint8
	ioprio    uint16
	fd        int32
	off, addr uint64
	len, rw   uint32
	data      uint64
	_         [3]uint64
}

// uring is a ring of io_uring(7) that takes one request at a time.
type uring struct {
	fd     int
	async  bool
	poll   bool
	p      uringParams
	sq, cq []byte
	sqe    *uringSQE
}

// newUring makes a ring; without a thread that polls where that would take only files
// that were registered.
func newUring(flags uint32, async bool) (*uring, error) {
	r := &uring{async: async, poll: flags&setupSQPoll != 0}
	r.p.flags = flags
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&r.p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	if r.poll && r.p.features&featNonFixed == 0 {
		if err := unix.Close(int(fd)); err != nil {
			return nil, err
		}
		return newUring(0, async)
	}
	r.fd = int(fd)
	unix.CloseOnExec(r.fd)
	var err error
	if r.sq, err = r.mmap(offSQRing, int(r.p.sq.array+4*r.p.sqEntries)); err != nil {
		return nil, err
	}
	if r.cq, err = r.mmap(offCQRing, int(r.p.cq.cqes+16*r.p.cqEntries)); err != nil {
		return nil, err
	}
	sqes, err := r.mmap(offSQEs, int(unsafe.Sizeof(uringSQE{})))
	if err != nil {
		return nil, err
	}
	r.sqe = (*uringSQE)(unsafe.Pointer(unsafe.SliceData(sqes)))
	return r, nil
}

func (r *uring) mmap(off int64, n int) ([]byte, error) {
	mem, err := unix.Mmap(r.fd, off, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map the ring: %w", err)
	}
	return mem, nil
}

func at(ring []byte, off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&ring[off])) }

// do makes one request and waits for its result.
func (r *uring) do(e uringSQE) (int32, error) {
	if r.async {
		e.flags |= sqeAsync
	}
	*r.sqe = e
	*at(r.sq, r.p.sq.array) = 0
	atomic.AddUint32(at(r.sq, r.p.sq.tail), 1)
	head := at(r.cq, r.p.cq.head)
	for end := time.Now().Add(actorPatience); time.Now().Before(end); {
		if atomic.LoadUint32(at(r.cq, r.p.cq.tail)) != *head {
			cqe := r.cq[r.p.cq.cqes+16*(*head&*at(r.cq, r.p.cq.mask)):]
			res := int32(binary.NativeEndian.Uint32(cqe[8:]))
			atomic.AddUint32(head, 1)
			if res < 0 {
				return 0, unix.Errno(-res)
			}
			return res, nil
		}
		if err := r.enter(); err != nil {
			return 0, err
		}
	}
	return 0, unix.ETIMEDOUT
}

// enter submits what is not yet, and waits for a result.
func (r *uring) enter() error {
	submit, flags := uintptr(1), uintptr(enterEvents)
	if atomic.LoadUint32(at(r.sq, r.p.sq.head)) == *at(r.sq, r.p.sq.tail) {
		submit = 0
	}
	if r.poll && atomic.LoadUint32(at(r.sq, r.p.sq.flags))&needWakeup != 0 {
		flags |= enterWakeup
	}
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), submit, 1, flags, 0, 0)
	if errno != 0 && errno != unix.EINTR && errno != unix.EAGAIN {
		return fmt.Errorf("io_uring_enter: %w", errno)
	}
	return nil
}

func (r *uring) connect(fd int, to netip.AddrPort) error {
	sa := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], to.Port())
	defer runtime.KeepAlive(sa)
	_, err := r.do(uringSQE{op: opConnect, fd: int32(fd), addr: uint64(uintptr(unsafe.Pointer(sa))), off: unix.SizeofSockaddrInet4})
	return err
}

func (r *uring) accept(l int) (int, error) {
	fd, err := r.do(uringSQE{op: opAccept, fd: int32(l), rw: unix.SOCK_CLOEXEC})
	return int(fd), err
}
