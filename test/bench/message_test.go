package bench

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const messageSize = 64

// messages sends small messages over a TCP connection whose ends one thread holds,
// as test/load does it with datagrams: nobody waits for another thread to be
// scheduled, so what a hook costs is not lost in that.
func messages(seconds float64) (o outcome, err error) {
	from, to, err := tcpPair()
	if err != nil {
		return o, err
	}
	defer unix.Close(from)
	defer unix.Close(to)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin, used := time.Now(), threadTime()
	var took time.Duration
	for took.Seconds() < seconds {
		for range 64 {
			if err := message(from, to); err != nil {
				return o, err
			}
		}
		o.Ops += 64
		took = time.Since(begin)
	}
	o.OpsPerSec = o.Ops / took.Seconds()
	o.CPU = float64(threadTime()-used) / o.Ops
	return o, nil
}

func message(from, to int) error {
	var buf [messageSize]byte
	if n, err := unix.Write(from, buf[:]); n != messageSize {
		return fmt.Errorf("wrote %d bytes: %w", n, err)
	}
	if n, err := unix.Read(to, buf[:]); n != messageSize {
		return fmt.Errorf("read %d bytes: %w", n, err)
	}
	return nil
}

// threadTime is the processor time of this thread so far, in nanoseconds.
func threadTime() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic("no clock of this thread: " + err.Error())
	}
	return ts.Nano()
}

// tcpPair returns both ends of a connection over loopback, blocking and without delay.
func tcpPair() (from, to int, err error) {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(l)
	if err := unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	if err := unix.Listen(l, 1); err != nil {
		return 0, 0, err
	}
	at, err := unix.Getsockname(l)
	if err != nil {
		return 0, 0, err
	}
	if from, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, 0, err
	}
	if err := unix.Connect(from, at); err != nil {
		return 0, 0, err
	}
	if err := unix.SetsockoptInt(from, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, 0, err
	}
	to, _, err = unix.Accept4(l, unix.SOCK_CLOEXEC)
	return from, to, err
}
