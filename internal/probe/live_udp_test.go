package probe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// TestLiveUDP has flows of known bytes and datagrams: connected and not, a reader
// that asks who sent and one that does not.
func TestLiveUDP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			l := watch(t)
			if l == nil || !l.probe.cfg.UDP {
				return
			}
			server, err := net.ListenPacket("udp", addr)
			must(t, err)
			defer server.Close()
			client, err := net.Dial("udp", server.LocalAddr().String())
			must(t, err)
			defer client.Close()
			buf := make([]byte, 4096)
			for i := range 10 {
				_, err := client.Write(buf[:1000+i])
				must(t, err)
				if i%2 == 0 {
					_, from, err := server.ReadFrom(buf)
					must(t, err)
					_, err = server.WriteTo(buf[:7], from)
					must(t, err)
					_, err = client.Read(buf)
					must(t, err)
					continue
				}
				_, err = server.(*net.UDPConn).Read(buf) // does not ask
				must(t, err)
			}
			a, b := endOf(t, client.(*net.UDPConn), client.LocalAddr()), endOf(t, server.(*net.UDPConn), server.LocalAddr())
			l.until(func() error {
				return errors.Join(flowIs(l.flows[flowID{a.cookie, b.port}], conn.Out, 10045, 10, 35, 5),
					flowIs(l.flows[flowID{b.cookie, a.port}], conn.In, 35, 5, 10045, 10))
			})
		})
	}
}

// TestLiveUDPThreads has threads that preempt each other in the midst of hooks: what
// the kernel keeps from these then, it counts.
func TestLiveUDPThreads(t *testing.T) {
	const threads, each = 8, 5000
	l := watch(t)
	if l == nil || !l.probe.cfg.UDP {
		return
	}
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer server.Close()
	var all sync.WaitGroup
	var ends []end
	for range threads {
		client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
		must(t, err)
		defer client.Close()
		ends = append(ends, endOf(t, client, client.LocalAddr()))
		all.Go(func() {
			runtime.LockOSThread()
			for range each {
				if _, err := client.Write(make([]byte, 100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	to := endOf(t, server, server.LocalAddr()).port
	l.until(func() error {
		var counted uint64
		for _, e := range ends {
			counted += l.flows[flowID{e.cookie, to}].TxPackets
		}
		skipped, err := l.probe.Skipped()
		must(t, err)
		none := !kernelIs(t, 7, 0) && l.probe.udpTier == udpTiers[0].name
		if counted > threads*each || counted+skipped < threads*each || none && skipped > 0 {
			return fmt.Errorf("counted %d, skipped %d of %d", counted, skipped, threads*each)
		}
		return nil
	})
}

// TestLiveUDPFile sends a file: its pages take another way than what is written.
func TestLiveUDPFile(t *testing.T) {
	l := watch(t)
	if l == nil || !l.probe.cfg.UDP {
		return
	}
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer server.Close()
	client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
	must(t, err)
	defer client.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "pages"))
	must(t, err, file.Truncate(3000))
	defer file.Close()
	raw, err := client.SyscallConn()
	must(t, err)
	for range 3 {
		var start int64
		var n int
		must(t, raw.Control(func(fd uintptr) { n, err = unix.Sendfile(int(fd), int(file.Fd()), &start, 3000) }), err)
		if got, _, err := server.ReadFrom(make([]byte, 4096)); err != nil || got != n || n != 3000 {
			t.Fatalf("sent %d, received %d: %v", n, got, err)
		}
	}
	a, b := endOf(t, client, client.LocalAddr()), endOf(t, server, server.LocalAddr())
	l.until(func() error {
		return errors.Join(flowIs(l.flows[flowID{a.cookie, b.port}], conn.Out, 9000, 3, 0, 0),
			flowIs(l.flows[flowID{b.cookie, a.port}], conn.In, 0, 0, 9000, 3))
	})
}

// TestLiveUDPSegmented is a connected socket whose very first send is segmented.
func TestLiveUDPSegmented(t *testing.T) {
	l := watch(t)
	if l == nil || !l.probe.cfg.UDP {
		return
	}
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer server.Close()
	client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
	must(t, err)
	defer client.Close()
	raw, err := client.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 100) }), err)
	buf := make([]byte, 4096)
	_, err = client.Write(buf[:1050])
	must(t, err)
	for range 11 {
		_, _, err := server.ReadFrom(buf)
		must(t, err)
	}
	a, b := endOf(t, client, client.LocalAddr()), endOf(t, server, server.LocalAddr())
	l.until(func() error {
		return errors.Join(flowIs(l.flows[flowID{a.cookie, b.port}], conn.Out, 1050, 11, 0, 0),
			flowIs(l.flows[flowID{b.cookie, a.port}], conn.In, 0, 0, 1050, 11))
	})
}

func flowIs(c conn.Conn, dir conn.Dir, tx, txPackets, rx, rxPackets uint64) error {
	if c.TxBytes != tx || c.TxPackets != txPackets || c.RxBytes != rx || c.RxPackets != rxPackets || c.Dir != dir {
		return fmt.Errorf("%v tx %d in %d, rx %d in %d; want %v tx %d in %d, rx %d in %d", c.Dir,
			c.TxBytes, c.TxPackets, c.RxBytes, c.RxPackets, dir, tx, txPackets, rx, rxPackets)
	}
	if int(c.Owner.PID) != os.Getpid() || !c.Raddr.Netip().IsLoopback() || c.Partial {
		return fmt.Errorf("flow %+v", c)
	}
	return nil
}
