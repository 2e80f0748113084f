package ssh

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// peerEnv has the test's own program be one end of a connection: NAME serve|dial ADDRESS.
const peerEnv = "TCPTOP_TEST_PEER"

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(peerEnv)); len(words) == 3 {
		if err := servePeer(words[0], words[1], words[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	testkit.Main(m)
}

// servePeer says ok when it listens, or is connected, and after each line that it obeyed:
// accept, send N, receive N.
func servePeer(name, role, addr string) error {
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return err
	}
	var l net.Listener
	var c net.Conn
	var err error
	if role == "dial" {
		c, err = net.Dial("tcp4", addr)
	} else {
		l, err = net.Listen("tcp4", addr)
	}
	for in := bufio.NewScanner(os.Stdin); err == nil; {
		fmt.Println("ok")
		if !in.Scan() {
			return in.Err()
		}
		var what string
		var n int
		_, _ = fmt.Sscan(in.Text(), &what, &n)
		switch what {
		case "accept":
			c, err = l.Accept()
		case "send":
			_, err = c.Write(make([]byte, n))
		case "receive":
			_, err = io.CopyN(io.Discard, c, int64(n))
		}
	}
	return err
}

// peer is such a process.
type peer struct {
	t   *testing.T
	pid int
	in  io.Writer
	out *bufio.Reader
}

func newPeer(t *testing.T, ns *testkit.NS, name, role, addr string) *peer {
	t.Helper()
	c := ns.Command(os.Args[0])
	c.Env, c.Stderr = append(os.Environ(), peerEnv+"="+name+" "+role+" "+addr), t.Output()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	p := &peer{t, c.Process.Pid, in, bufio.NewReader(out)}
	p.ok()
	return p
}

func (p *peer) tell(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) ok() {
	p.t.Helper()
	if said, err := p.out.ReadString('\n'); err != nil || said != "ok\n" {
		p.t.Fatalf("%q, %v", said, err)
	}
}
