package probe

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestExamine requires that the report agrees with what Open does and with itself: a
// tier is used because nothing that it needs is refused.
func TestExamine(t *testing.T) {
	testkit.Kernel(t)
	r := Examine()
	t.Logf("%s %s, lockdown %q, cgroup2 at %q: %v, missing %q, %s", r.Release, r.Arch, r.Lockdown, r.Cgroup, r.Err, r.Missing, r.UDP)
	usable := map[string]bool{tcpTier.name: true}
	for _, h := range r.Hooks {
		t.Logf("%-16s %-28s %v %s", h.Program, h.Section, h.Tiers, h.Why)
		for _, name := range h.Tiers {
			if _, known := usable[name]; !known {
				usable[name] = true
			}
			if h.Why != "" && !strings.Contains(h.Section, "sendpage") {
				usable[name] = false
			}
		}
		if h.Section == "" || h.What == "" || strings.Contains(h.Why, "\n") || (h.Why == "") != (h.Detail == "") && r.Err == nil {
			t.Errorf("%+v", h)
		}
	}
	if r.Release == "" || !r.BTF || len(r.Lacking) > 0 || usable[tcpTier.name] != (r.Err == nil) {
		t.Errorf("report %+v", r)
	}
	first := slices.IndexFunc(udpTiers, func(u tier) bool { return usable[u.name] })
	if r.Err == nil && (first < 0) != (r.UDP == "") || first >= 0 && r.Err == nil && r.UDP != udpTiers[first].name {
		t.Errorf("UDP is counted by %q; usable: %v", r.UDP, usable)
	}
	var unsupported *conn.UnsupportedError
	if r.Err != nil && !errors.As(r.Err, &unsupported) {
		t.Error(r.Err)
	}
}
