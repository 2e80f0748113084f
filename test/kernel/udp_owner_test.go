package kernel

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestUDPOwners counts who holds the socket of a flow: a child that inherited it too, and
// no longer when that has ended.
func TestUDPOwners(t *testing.T) {
	for name, tcp := range map[string]bool{"udp": false, "both": true} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, conn.Config{TCP: tcp, UDP: true})
			ns := testkit.NetNS(t)
			var c net.Conn
			var err error
			ns.Do(func() { c, err = net.Dial("udp", "127.0.0.1:9") })
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			file, err := c.(*net.UDPConn).File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			child := exec.Command("sleep", "1000")
			child.ExtraFiles = []*os.File{file}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = child.Process.Kill() }()
			held := func(want int) func(s *seen) error {
				return func(s *seen) error {
					_, _ = c.Write([]byte("x")) // nobody listens: each second one is refused
					rows := in(ns, s.live)
					if len(rows) != 1 {
						return fmt.Errorf("%d rows, want one", len(rows))
					}
					if r := &rows[0]; r.Has&conn.HasHolders == 0 || int(r.Holders) != want || int(r.Owner.PID) != os.Getpid() {
						return fmt.Errorf("held by %d (known: %v), of %d; want %d, %d", r.Holders, r.Has&conn.HasHolders != 0, r.Owner.PID, want, os.Getpid())
					}
					return nil
				}
			}
			w.until(patience, held(2))
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait()
			w.until(patience, held(1))
		})
	}
}
