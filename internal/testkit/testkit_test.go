package testkit_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestNetNS(t *testing.T) {
	home, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	prefix := netip.MustParsePrefix("fd00::7/128")
	ns := testkit.NetNS(t, prefix)
	var inside string
	ns.Do(func() { inside, err = os.Readlink("/proc/thread-self/ns/net") })
	if err != nil {
		t.Fatal(err)
	}
	if inside == home || inside != fmt.Sprintf("net:[%d]", ns.Inode()) {
		t.Errorf("inside %s, at home %s, inode %d", inside, home, ns.Inode())
	}
	if after, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || after != home {
		t.Errorf("after Do in %s: %v", after, err)
	}
	out, err := ns.Command("ip", "-o", "addr", "show", "up").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1/8", "::1/128", prefix.String()} {
		if !strings.Contains(string(out), addr) {
			t.Errorf("%s is missing in:\n%s", addr, out)
		}
	}
}

func TestEventually(t *testing.T) {
	calls := 0
	testkit.Eventually(t, time.Minute, func() error {
		if calls++; calls < 4 {
			return errors.New("not yet")
		}
		return nil
	})
	if calls != 4 {
		t.Errorf("%d calls", calls)
	}
}

func TestPatience(t *testing.T) {
	t.Setenv("TCPTOP_PATIENCE", "")
	if got := testkit.Patience(time.Second); got != time.Second {
		t.Errorf("patience of %v", got)
	}
	t.Setenv("TCPTOP_PATIENCE", "4")
	if got := testkit.Patience(time.Second); got != 4*time.Second {
		t.Errorf("fourfold patience of %v", got)
	}
}

func TestScaled(t *testing.T) {
	for scale, want := range map[string]int{"": 100, "7": 14, "101": 1} {
		t.Setenv("TCPTOP_SCALE", scale)
		if got := testkit.Scaled(100); got != want {
			t.Errorf("100 by %q is %d, want %d", scale, got, want)
		}
	}
}

func TestBPFObjects(t *testing.T) {
	testkit.Kernel(t)
	before := testkit.BPFObjects(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "testkit_probe", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	left := testkit.NoneLeft(t, before, "testkit_")
	if err := left(); err == nil || !strings.Contains(err.Error(), "testkit_probe") {
		t.Errorf("a map that is there: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, left)
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "golden")
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, path, []byte("a\n"))
}

func TestReadTruth(t *testing.T) {
	const lines = `{"kind":"write","proto":"tcp","dir":"out","laddr":"127.0.0.1","lport":7,"raddr":"::1","rport":8,"netns":1,"pid":2,"comm":"x","tx_bytes":3,"rx_bytes":4}
{"ready":true}
{"kind":"later","laddr":"","raddr":""}
`
	records, err := testkit.ReadTruth(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 1 || records[0].Local().String() != "127.0.0.1:7" || records[0].TxBytes != 3 {
		t.Errorf("read %+v", records)
	}
}
