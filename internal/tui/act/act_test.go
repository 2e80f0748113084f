package act

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// sleeper is a process that waits to be signalled.
func sleeper(t *testing.T) (*exec.Cmd, conn.Owner) {
	c := exec.Command("sleep", "60")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	start, err := started(uint32(c.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return c, conn.Owner{PID: uint32(c.Process.Pid), Start: uint32(start), Comm: conn.MakeName("sleep")}
}

func TestSignal(t *testing.T) {
	c, owner := sleeper(t)
	if err := Signal(owner, int(syscall.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v", err)
	}
	if err := Signal(owner, int(syscall.SIGTERM)); err == nil || !strings.Contains(err.Error(), "no such process") {
		t.Errorf("a process that has ended: %v", err)
	}
}

func TestSignalNeverReachesAnotherProcess(t *testing.T) {
	for name, change := range map[string]func(*conn.Owner){
		"started earlier": func(o *conn.Owner) { o.Start -= 500 },
		"started later":   func(o *conn.Owner) { o.Start += 500 },
		"start not known": func(o *conn.Owner) { o.Start = 0 },
	} {
		c, owner := sleeper(t)
		change(&owner)
		if err := Signal(owner, int(syscall.SIGKILL)); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := c.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("%s: the process is gone: %v", name, err)
		}
	}
}

func TestClose(t *testing.T) {
	testkit.Root(t) // CAP_NET_ADMIN closes sockets
	for _, at := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}} {
		network := at[0]
		l, err := net.Listen(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := describe(t, client.(*net.TCPConn))
		other := c
		other.ID.Cookie++
		if err := Close(&other); err == nil {
			t.Errorf("%s: closed a socket with another cookie", network)
		}
		err = Close(&c)
		if err != nil && strings.Contains(err.Error(), "cannot close sockets") {
			t.Skipf("needs a kernel with CONFIG_INET_DIAG_DESTROY: %v", err)
		}
		if err != nil {
			t.Errorf("%s: %v", network, err)
		}
		_ = server.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: the peer sees %v", network, err)
		}
		if err := Close(&c); err == nil || !strings.Contains(err.Error(), "no such socket") {
			t.Errorf("%s: closed twice: %v", network, err)
		}
		for _, c := range []io.Closer{client, server, l} {
			_ = c.Close()
		}
	}
}

func describe(t *testing.T, c *net.TCPConn) conn.Conn {
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var cookie uint64
	_ = raw.Control(func(fd uintptr) { cookie, err = unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_COOKIE) })
	if err != nil {
		t.Fatal(err)
	}
	local, remote := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
	return conn.Conn{ID: conn.ID{Cookie: cookie}, Proto: conn.TCP, Laddr: conn.AddrFrom(local.Addr()), Lport: local.Port(),
		Raddr: conn.AddrFrom(remote.Addr()), Rport: remote.Port()}
}

func TestExportOverwritesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	path, err := Export("view.csv", []byte("a\n"))
	if err != nil || !filepath.IsAbs(path) {
		t.Fatalf("%q, %v", path, err)
	}
	if _, err := Export("view.csv", nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}
