package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// What hosts move with each peer is the same with recording rules and without, and all
// rows together are the hosts.
func TestTogether(t *testing.T) {
	for _, records := range []bool{false, true} {
		f := newFakeEngine(t)
		f.records = records
		f.groups = []fakeGroup{{host: "web", process: "nginx", tx: 5000, rx: 700}, {host: "db", process: "postgres", tx: 300, rx: 400, peer: "10.0.0.0/24"},
			{host: "web", process: "php", tx: 100, rx: 20, peer: "10.0.0.0/24"}, {host: "db", process: "x", tx: 1, rx: 2, peer: "192.0.2.7"}}
		e := f.engine(Config{Top: 2})
		a, err := e.AskPeers(t.Context(), noon)
		if err != nil {
			t.Fatal(err)
		}
		s := NewRoll().Snapshot(a, noon, int64(time.Hour), "")
		var got []string
		for r := range s.Rows() {
			name := r.Raddr.Netip().String()
			if r.Remote != nil {
				name = r.Remote.Name
			}
			got = append(got, fmt.Sprintf("%q %s %d %d %d %d", s.HostOf(r), name, r.TxRate, r.RxRate, r.TxBytes, r.RxBytes))
		}
		want := []string{`"" internet 5000 700 300000 42000`, `"" 10.0.0.0/24 400 420 24000 25200`, `"" other 1 2 60 120`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records %v: %s", records, diff)
		}
		if len(s.Hosts) != 3 || s.Hosts[0].State != table.HostOK || s.Hosts[2].Name != "" {
			t.Errorf("%+v", s.Hosts)
		}
		w, err := e.AskWorkloads(t.Context(), noon)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.Together) != 1 || w.Together[0].Total != 6523 || w.Together[0].Tx != 5401 {
			t.Errorf("records %v: %+v", records, w.Together)
		}
		if r := w.Together[0].row(); r.Place.WorkloadName() != "unit:app.service" || r.Has&conn.HasRaddr != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// The groups of more hosts are not added up at each look where no recording rule does so.
func TestTogetherOfMany(t *testing.T) {
	f := newFakeEngine(t)
	for i := range mostTogether + 1 {
		f.groups = append(f.groups, fakeGroup{host: fmt.Sprintf("h%04d", i), process: "p", tx: float64(i)})
	}
	e := f.engine(Config{Top: 3})
	a, err := e.AskPeers(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	if a.Together != nil || len(a.Groups) != 3 || len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "of the 3 groups") {
		t.Errorf("%d together, %d groups, %q", len(a.Together), len(a.Groups), a.Warnings)
	}
	if slices.ContainsFunc(f.asked, byOne.MatchString) {
		t.Errorf("it asks for all: %q", f.asked)
	}
	f.records = true
	if a, err = f.engine(Config{Top: 3}).AskPeers(t.Context(), noon); err != nil || len(a.Together) != 1 || len(a.Warnings) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// A host that nobody hears and an engine without groups leave no sums behind.
func TestTogetherOfNobody(t *testing.T) {
	f := newFakeEngine(t)
	a, err := f.engine(Config{}).AskPeers(t.Context(), noon)
	if err != nil || a.Together == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	s := NewRoll().Snapshot(a, noon, int64(time.Hour), "it does not answer")
	if s.Len() != 1 || s.Hosts[0].Name != "" {
		t.Errorf("%d rows, %+v", s.Len(), s.Hosts)
	}
}
