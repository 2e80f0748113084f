package kernel

import (
	"encoding/json"
	"testing"

	"tcptop/internal/testkit"
)

// TestTierDoctor asks the doctor in each situation: its report and its exit status.
func TestTierDoctor(t *testing.T) {
	path := reachable(t)
	ns := testkit.NetNS(t)
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			r := s.run(t, path, ns, "doctor", "-o", "json")
			var report struct {
				Tier    string
				Missing []string
				Refused string
			}
			if err := json.Unmarshal(r.stdout, &report); err != nil {
				t.Fatalf("%v: %s\n%s", err, r.stdout, r.stderr)
			}
			if report.Tier != s.tier || r.status != s.status {
				t.Errorf("tier %q and status %d, want %q and %d\n%s", report.Tier, r.status, s.tier, s.status, r.stderr)
			}
			if s.tier != "full" && len(report.Missing) == 0 || (s.bpf != 0) != (report.Refused != "") {
				t.Errorf("tier %s, missing %q, refused %q", report.Tier, report.Missing, report.Refused)
			}
			r.terse(t)
			if s.bpf != 0 {
				r.names(t, s.cause)
			} else {
				r.names(t, s.without)
			}
		})
	}
}
