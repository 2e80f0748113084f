package kernel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// rdsPort is RDS_TCP_PORT (net/rds/tcp.h): while its module is loaded the kernel listens
// on it in every network namespace.
const rdsPort = 16385

// TestKernelSockets has sockets that the kernel made for itself. Whoever is current when
// it does, this test mostly, is not their owner: eBPF shows the kernel, sock_diag nobody.
// The guests of test/vm have the modules for all of it, other machines for UDP alone.
func TestKernelSockets(t *testing.T) {
	w := watch(t, conn.Config{})
	more := loadModules(t)
	ns := testkit.NetNS(t) // unshare(2) makes the listener, in this process' context
	vxlan(t, ns, w)
	if !more {
		return
	}
	pair := makeOwnPair(t, ns)
	w.until(patience, func(s *seen) error { return pair.check(in(ns, s.live), true) })
	later := watch(t, conn.Config{TCP: true}) // finds them there
	later.until(patience, func(s *seen) error { return pair.check(in(ns, s.live), true) })
	diag := watchDiag(t, conn.Config{TCP: true})
	diag.until(patience, func(s *seen) error { return pair.check(in(ns, s.live), false) })
}

// vxlan sends a datagram through a tunnel: its sender has a row, the kernel's socket that
// carries it none, since it makes no calls.
func vxlan(t *testing.T, ns *testkit.NS, w *watcher) {
	t.Helper()
	testkit.Tools(t, "ip")
	for _, args := range []string{
		"link add tunnel type vxlan id 5 dev lo remote 127.0.0.1 dstport 4789", "link set tunnel up", "addr add 10.9.9.1/24 dev tunnel",
		"neigh add 10.9.9.2 lladdr 02:00:00:00:00:01 dev tunnel",
	} {
		if out, err := ns.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	ns.Do(func() {
		c, err := net.Dial("udp", "10.9.9.2:9")
		if err == nil {
			_, err = c.Write([]byte("x"))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	})
	w.until(patience, func(s *seen) error {
		var got []string
		for _, r := range in(ns, s.live) {
			if r.Proto != conn.UDP {
				continue
			}
			got = append(got, fmt.Sprintf("%v %v:%d of %d", r.Proto, r.Raddr.Netip(), r.Rport, r.Owner.PID))
		}
		if want := fmt.Sprintf("udp 10.9.9.2:9 of %d", os.Getpid()); !slices.Equal(got, []string{want}) {
			return fmt.Errorf("rows %q, want only %q", got, want)
		}
		return nil
	})
}

// ownPair is a kernel's listener that a process connects to, and a kernel's connection to a
// process' listener.
type ownPair struct {
	client, server *actor
	port           uint16 // of the server
}

func makeOwnPair(t *testing.T, ns *testkit.NS) ownPair {
	t.Helper()
	server, client := act(t, ns, "server"), act(t, ns, "client")
	client.tell("connect rds %d blocking", rdsPort)
	port, err := strconv.ParseUint(server.tell("listen smb tcp"), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	mounted := make(chan error, 1)
	go ns.Do(func() { // connects in this thread (ip_connect, fs/smb/client/connect.c), and waits for an answer
		mounted <- unix.Mount("//127.0.0.1/x", t.TempDir(), "cifs", 0, fmt.Sprintf(`ip=127.0.0.1,unc=\\127.0.0.1\x,port=%d,user=u,pass=p`, port))
	})
	server.tell("accept smb-s smb blocking")
	t.Cleanup(func() {
		server.leave()
		if err := <-mounted; err == nil {
			t.Error("cifs is mounted, though nobody served it")
		}
	})
	return ownPair{client, server, uint16(port)}
}

// check requires the rows of both and their other ends.
func (e *ownPair) check(rows []table.Row, named bool) error {
	found := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		var what string
		var pid int // of the process that it is of
		switch {
		case r.Lport == rdsPort && r.State == conn.Listen:
			what = "the kernel's listener"
		case r.Rport == rdsPort:
			what, pid = "who connects to it", e.client.pid
		case r.Rport == e.port:
			what = "the kernel's connection"
		case r.Lport == e.port && r.State == conn.Established:
			what, pid = "who accepted that", e.server.pid
		default:
			continue
		}
		found[what] = true
		kernel := r.Owner.Kernel && r.Owner.Comm.String() == "kernel" && r.Owner.PID == 0
		switch {
		case pid != 0 && (int(r.Owner.PID) != pid || r.Owner.Kernel):
			return fmt.Errorf("%s: of %+v, not of process %d", what, r.Owner, pid)
		case pid == 0 && named && !kernel:
			return fmt.Errorf("%s: of %+v, not of the kernel", what, r.Owner)
		case pid == 0 && !named && r.Owner != (conn.Owner{}):
			return fmt.Errorf("%s: said to be of %+v", what, r.Owner)
		}
	}
	if len(found) != 4 {
		return fmt.Errorf("rows only of %v among %d", found, len(rows))
	}
	return nil
}

// loadModules loads what TCPTOP_MODULES names a directory of, and reports whether it does.
func loadModules(t *testing.T) bool {
	t.Helper()
	dir := os.Getenv("TCPTOP_MODULES")
	if dir == "" {
		return false
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no modules in %s: %v", dir, err)
	}
	for _, name := range files { // in the order of their names
		f, err := os.Open(name)
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), "", 0)
			_ = f.Close()
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			t.Fatalf("load %s: %v", name, err)
		}
	}
	t.Cleanup(func() { // other tests count listeners
		if err := unix.DeleteModule("rds_tcp", unix.O_NONBLOCK); err != nil {
			t.Errorf("unload rds_tcp: %v", err)
		}
	})
	return true
}
