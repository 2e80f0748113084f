package kernel

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// peer is a client in a process of its own, a shell, which reads nothing.
type peer struct {
	cmd *testkit.Cmd
	in  io.WriteCloser
}

// peerOf connects a client that sends what say prints, then waits to be let go.
func peerOf(t *testing.T, ns *testkit.NS, l *socket, say string) *peer {
	t.Helper()
	testkit.Tools(t, "bash")
	script := fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; printf %%s '%s' >&3; read -r", l.port(), say)
	p := &peer{cmd: ns.Command("bash", "-c", script)}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// leave ends the process, whose exit closes its connection.
func (p *peer) leave(t *testing.T) {
	t.Helper()
	_ = p.in.Close()
	_ = p.cmd.Wait() // read's exit code says that there was no line
}

// TestResetByPeer lets a client reset a connection that the server still holds. The
// server's row ends in the client's context, and has the server's process, whether a
// tick had seen it before or not, and whether the server is quick to close or not.
func TestResetByPeer(t *testing.T) {
	for _, c := range []struct {
		name     string
		interval time.Duration
		close    bool
	}{
		{"seen before", tick, false},
		{"unseen", 2 * time.Second, false},
		{"unseen and closed", 2 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) { resetByPeer(t, c.interval, c.close) })
	}
}

func resetByPeer(t *testing.T, interval time.Duration, closes bool) {
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true, Interval: interval})
	l := listen(t, ns, 0, 8)
	client := peerOf(t, ns, l, "hello")
	s := l.accept()
	s.receive(5)
	if interval == tick {
		w.until(patience, func(seen *seen) error {
			if seen.live[s.id()].Owner.PID != ownPID() {
				return fmt.Errorf("the server's row has no owner yet")
			}
			return nil
		})
	}
	s.send(3) // unread when the client goes: its close is a reset
	s.drain()
	client.leave(t)
	if closes {
		s.close()
	}
	w.until(patience, func(seen *seen) error {
		return bothEnds(seen, ns, client, map[conn.Dir]end{
			conn.In:  {reason: conn.ResetRemote, tx: 3, rx: 5},
			conn.Out: {reason: conn.ResetLocal, tx: 5, rx: 3},
		})
	})
}

// TestResetUnread lets the server close with bytes that it never read.
func TestResetUnread(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true})
	l := listen(t, ns, 0, 8)
	client := peerOf(t, ns, l, "unread")
	s := l.accept()
	s.queue(6)
	s.close()
	w.until(patience, func(seen *seen) error {
		return bothEnds(seen, ns, client, map[conn.Dir]end{
			conn.In:  {reason: conn.ResetLocal, tx: 0, rx: 6},
			conn.Out: {reason: conn.ResetRemote, tx: 6, rx: 0},
		})
	})
	client.leave(t)
}

// end is how one side of a connection ended.
type end struct {
	reason conn.CloseReason
	tx, rx uint64
}

// bothEnds requires one closed row per direction; in is ours, out the client's.
func bothEnds(s *seen, ns *testkit.NS, client *peer, want map[conn.Dir]end) error {
	pids := map[conn.Dir]uint32{conn.In: ownPID(), conn.Out: uint32(client.cmd.Process.Pid)}
	var rows []table.Row
	for _, r := range s.closed {
		if uint64(r.NetNS) != ns.Inode() {
			continue
		}
		rows = append(rows, r)
		got := end{r.Reason, r.TxBytes, r.RxBytes}
		if got != want[r.Dir] || r.Event != conn.EventClose || r.Owner.PID != pids[r.Dir] {
			return fmt.Errorf("%v ended with event %v, pid %d, %v, tx %d rx %d; the truth is pid %d, %v",
				r.Dir, r.Event, r.Owner.PID, r.Reason, r.TxBytes, r.RxBytes, pids[r.Dir], want[r.Dir])
		}
	}
	if len(rows) != 2 || rows[0].Dir == rows[1].Dir {
		return fmt.Errorf("closed rows: %v", rows)
	}
	return nil
}

// TestRefused connects to a port where nobody listens.
func TestRefused(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true})
	s := newSocket(t, ns)
	if err := s.tryConnect(9); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("connect: %v", err)
	}
	w.until(patience, func(seen *seen) error {
		for _, r := range seen.closed {
			if uint64(r.NetNS) != ns.Inode() {
				continue
			}
			if r.Event == conn.EventFail && r.Reason == conn.Refused && r.Owner.PID == ownPID() &&
				r.Dir == conn.Out && r.Rport == 9 && r.Lport != 0 && r.TxBytes == 0 && r.RxBytes == 0 {
				return nil
			}
			return fmt.Errorf("row of the refused connection: %+v", r)
		}
		return fmt.Errorf("no row of the refused connection")
	})
}
