package kernel

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// onThreads calls f on n threads at once, with the number of the thread.
func onThreads(n int, f func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			<-begin
			errs[i] = f(i)
		})
	}
	close(begin)
	all.Wait()
	return errors.Join(errs...)
}

// TestUDPThreads has eight threads talk over one unconnected socket, each to a
// remote of its own, and eight read the answers, whoever comes first.
func TestUDPThreads(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 9)
	hub, others := ends[0], ends[1:]
	must(t, onThreads(len(others), func(i int) error {
		for k := range testkit.Scaled(2000) {
			if err := hub.send(others[i].addr, 1+(k+i*97)%1400); err != nil {
				return err
			}
			if err := others[i].read(0); err != nil {
				return err
			}
		}
		return nil
	}))
	w.exact(ends...)
	must(t, onThreads(len(others), func(i int) error {
		for k := range testkit.Scaled(2000) {
			if err := others[i].send(hub.addr, 1+(k+i*97)%1400); err != nil {
				return err
			}
			if err := hub.read(0); err != nil {
				return err
			}
		}
		return nil
	}))
	w.exact(ends...)
}

// TestUDPFirstAtOnce has two threads send the first datagrams of a flow at the same
// moment, many times over: it is one flow.
func TestUDPFirstAtOnce(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 201)
	hub := ends[0]
	var here atomic.Int64
	must(t, onThreads(2, func(i int) error {
		for k, e := range ends[1:] {
			for here.Add(1); here.Load() < int64(2*k+2); { // a channel would let one go much earlier
				runtime.Gosched()
			}
			for range 5 {
				if err := hub.send(e.addr, 100+i); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for i, e := range ends[1:] {
		if n, err := e.drain(); err != nil || n != 10 {
			t.Fatalf("socket %d read %d of 10: %v", i, n, err)
		}
	}
	w.exact(ends...)
}

// TestUDPSharedQueue has threads read one queue while others fill it, without a
// lock-step: datagrams wait in it and may be dropped.
func TestUDPSharedQueue(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 5)
	hub, senders := ends[0], ends[1:]
	must(t, unix.SetsockoptInt(hub.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<10))
	var sending sync.WaitGroup
	sending.Add(len(senders))
	must(t, onThreads(len(senders)+2, func(i int) error {
		if i < len(senders) {
			defer sending.Done()
			return flood(senders[i], hub, 5000)
		}
		return hub.readUntil(&sending)
	}))
	w.exact(ends...)
}

// readUntil reads until nobody sends any more and the queue is empty.
func (e *udpEnd) readUntil(sending *sync.WaitGroup) error {
	over := make(chan struct{})
	go func() {
		defer close(over)
		sending.Wait()
	}()
	for {
		_, err := e.drain()
		if err != nil {
			return err
		}
		select {
		case <-over:
			_, err := e.drain()
			return err
		default:
			runtime.Gosched()
		}
	}
}

// flood sends n datagrams whether there is room or not.
func flood(from, to *udpEnd, n int) error {
	for k := range n {
		if err := from.send(to.addr, 1+k%1400); err != nil {
			return err
		}
	}
	return nil
}
