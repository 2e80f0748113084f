package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestNetNSName has namespaces that ip-netns(8) keeps, one older and one younger than the
// probe: their rows have their names, from the first connection on.
func TestNetNSName(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "ip")
	older := namedNetNS(t, fmt.Sprintf("tt-older-%d", os.Getpid()))
	w := watch(t, conn.Config{TCP: true})
	younger := namedNetNS(t, fmt.Sprintf("tt-younger-%d", os.Getpid()))
	w.until(patience, func(s *seen) error {
		left := map[string]int{older: 4, younger: 4} // both ends of two connections
		for _, r := range s.live {
			if r.State == conn.Established && r.Place != nil && left[r.Place.NetNS] > 0 {
				left[r.Place.NetNS]--
			}
		}
		if left[older]+left[younger] != 0 {
			return fmt.Errorf("rows too few: %v", left)
		}
		return nil
	})
}

// namedNetNS makes a namespace with two connections in it, until the test ends.
func namedNetNS(t *testing.T, name string) string {
	t.Helper()
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	ip("netns", "add", name)
	t.Cleanup(func() { ip("netns", "del", name) })
	ip("-n", name, "link", "set", "lo", "up")
	c := exec.Command("ip", "netns", "exec", name, testkit.Load(t), "idle", "-n", "2")
	in, err := c.StdinPipe() // at its end it ends
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	return name
}
