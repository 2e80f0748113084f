package record

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
)

var write = flag.Bool("write-fixture", false, "write the fixture of the present format, once, when that is new")

// fixture is what every version's file holds, as far as the version knew it.
func fixture() []*conn.Sample {
	h := newHost(42)
	var all []*conn.Sample
	for range 150 {
		all = append(all, clone(h.sample(h.rng.IntN(2), 100, 20)))
	}
	return all
}

// TestVersions reads a file of each version of the format. Members that came later are
// not in it and stay empty; every other must be what was recorded then.
func TestVersions(t *testing.T) {
	const v1 = "testdata/v1.tcptop"
	if *write {
		cfg := config(t)
		w, err := Create(cfg)
		must(t, err)
		for _, s := range fixture() {
			must(t, w.Write(s))
		}
		must(t, w.Close())
		b, err := os.ReadFile(segments(t, cfg.Dir)[0])
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(v1), 0o755))
		must(t, os.WriteFile(v1, b, 0o644))
	}
	got, gaps := replayed(t, v1)
	if len(got) != 150 || len(gaps) > 0 {
		t.Fatalf("%d ticks and gaps %v", len(got), gaps)
	}
	var sum conn.Conn
	var ends, gone, totals int
	users, texts := map[string]int{}, map[string]int{}
	for _, s := range got {
		for _, c := range s.Conns {
			sum.RxBytes += c.RxBytes
			sum.TxPackets += c.TxPackets
			sum.RTT += c.RTT
			sum.LastActive += c.LastActive / 1e9
			if c.Place != nil {
				users[c.Place.User+c.CC.String()+c.Owner.Comm.String()+c.State.String()]++
			}
			if c.Process != nil {
				texts[c.Process.Cmdline]++
			}
		}
		ends, gone, totals = ends+len(s.Closed), gone+len(s.Gone), totals+len(s.Totals)
	}
	last := got[149]
	type facts struct {
		Rx, Packets     uint64
		RTT             uint32
		Active          int64
		Ends, Gone, Sum int
		Users           map[string]int
		Texts           int
		Host            string
		RingFull        uint64
	}
	have := facts{sum.RxBytes, sum.TxPackets, sum.RTT, sum.LastActive, ends, gone, totals, users, len(texts), last.Host, last.Loss.RingFull}
	want := facts{
		Rx: 18349580, Packets: 6233, RTT: 6647826, Active: 362375, Ends: 40, Gone: 32, Sum: 942,
		Users: map[string]int{"user0cubicnginxestablished": 116, "user1cubicnginxestablished": 117, "user2cubicnginxestablished": 69},
		Texts: 18, Host: "testhost", RingFull: 14,
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("what the fixture holds (-want +got):\n%s", diff)
	}
}
