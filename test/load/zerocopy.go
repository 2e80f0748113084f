package main

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// zeroCopier sends with MSG_ZEROCOPY from memory outside Go's heap, which the
// kernel reads until it says otherwise on the socket's error queue.
type zeroCopier struct {
	mem       []byte
	calls     uint64 // sends that the kernel took
	completed uint64 // sends that it has reported as done
}

// newZeroCopier prepares the sending socket.
func newZeroCopier(fd int) (*zeroCopier, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
		return nil, fmt.Errorf("zero-copy: %w", err)
	}
	mem, err := unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return &zeroCopier{mem: mem}, nil
}

func (z *zeroCopier) send(fd int, n int64) (int64, error) {
	k, err := unix.SendmsgN(fd, z.mem[:min(n, chunk)], nil, nil, unix.MSG_ZEROCOPY|unix.MSG_DONTWAIT)
	if err == unix.ENOBUFS {
		// Too many sends wait for their completion: same as a full buffer.
		return 0, unix.EAGAIN
	}
	if err != nil {
		return 0, err
	}
	z.calls++
	return int64(k), nil
}

// settled drains the error queue.
func (z *zeroCopier) settled(fd int) (bool, error) {
	var oob [128]byte
	for z.completed < z.calls {
		_, n, _, _, err := unix.Recvmsg(fd, nil, oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if again(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("error queue: %w", err)
		}
		done, err := completions(oob[:n])
		if err != nil {
			return false, err
		}
		z.completed += done
	}
	return true, nil
}

func (z *zeroCopier) close() error { return unix.Munmap(z.mem) }

// completions counts the sends that a message of the error queue reports: struct
// sock_extended_err (include/uapi/linux/errqueue.h) has the first in ee_info,
// the last in ee_data.
func completions(oob []byte) (uint64, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, fmt.Errorf("error queue: %w", err)
	}
	var n uint64
	for _, m := range messages {
		if len(m.Data) < 16 || m.Data[4] != unix.SO_EE_ORIGIN_ZEROCOPY {
			return 0, fmt.Errorf("error queue has a message that is no completion: %x", m.Data)
		}
		first := binary.NativeEndian.Uint32(m.Data[8:])
		last := binary.NativeEndian.Uint32(m.Data[12:])
		n += uint64(last-first) + 1
	}
	return n, nil
}
