package testkit

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// linkQueue is how many packets may be under way on a link, each way.
const linkQueue = 4096

// packet is one on its way: it arrives when it is due.
type packet struct {
	due  time.Time
	data []byte
}

// Link joins two namespaces by a path that takes delay each way: a device of that name
// in both of them, up and with an address of its own in a.b.c.0/24. It ends with the test.
func Link(t testing.TB, name string, a, b *NS, addrA, addrB string, delay time.Duration) {
	t.Helper()
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		skip(t, "needs /dev/net/tun (CONFIG_TUN): the machines that test this have it: "+err.Error())
	}
	Tools(t, "ip")
	ends := [2]*os.File{a.tun(name, addrA), b.tun(name, addrB)}
	var done sync.WaitGroup
	for i := range ends {
		done.Go(func() { carry(t, ends[i], ends[1-i], delay) })
	}
	t.Cleanup(func() {
		for _, f := range ends {
			if err := f.Close(); err != nil {
				t.Errorf("close %s: %v", name, err)
			}
		}
		done.Wait()
	})
}

// tun makes a device whose packets this process reads and writes.
func (ns *NS) tun(name, addr string) (f *os.File) {
	ns.t.Helper()
	var err error
	ns.Do(func() { f, err = openTUN(name) })
	if err != nil {
		ns.t.Fatalf("device %s: %v", name, err)
	}
	for _, args := range [][]string{{"link", "set", name, "up", "mtu", "1500"}, {"addr", "add", addr + "/24", "dev", name, "nodad"}} {
		if out, err := ns.Command("ip", args...).CombinedOutput(); err != nil {
			ns.t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	return f
}

func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("TUNSETIFF: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// carry takes packets from one end to the other until either is closed.
func carry(t testing.TB, from, to *os.File, delay time.Duration) {
	queue := make(chan packet, linkQueue)
	var writer sync.WaitGroup
	writer.Go(func() { deliver(t, to, queue) })
	defer writer.Wait()
	defer close(queue)
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("read %s: %v", from.Name(), err)
			}
			return
		}
		select {
		case queue <- packet{time.Now().Add(delay), append([]byte(nil), buf[:n]...)}:
		default: // as any router would
		}
	}
}

func deliver(t testing.TB, to *os.File, queue <-chan packet) {
	for p := range queue {
		if wait := time.Until(p.due); wait > 0 {
			<-time.After(wait)
		}
		if _, err := to.Write(p.data); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Errorf("write %s: %v", to.Name(), err)
			return
		}
	}
}
