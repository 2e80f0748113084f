package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tcptop/internal/testkit"
)

// TestFlags asks for parts of what one namespace holds, by every flag that leaves
// rows out, and compares the rows with the truths that it should leave.
func TestFlags(t *testing.T) {
	ns := testkit.NetNS(t)
	one := testkit.Start(t, ns, "bulk", "-n", "30", "-max", "3000000", "-hold", "-comm", "alpha")
	two := testkit.Start(t, ns, "bulk", "-n", "30", "-max", "30000", "-hold", "-comm", "beta", "-seed", "2")
	all := append(one.Ready(), two.Ready()...)
	for i := range all {
		if all[i].Lport == 0 || all[i].Raddr.Is4In6() {
			t.Fatalf("truth %+v", all[i])
		}
	}
	port, other := all[0].Lport, all[7].Rport
	is := func(r *testkit.Truth, p uint16) bool { return r.Lport == p || r.Rport == p }
	for _, c := range []struct {
		flags string
		keep  func(*testkit.Truth) bool
	}{
		{"", func(*testkit.Truth) bool { return true }},
		{"--tcp", func(*testkit.Truth) bool { return true }},
		{"--udp", func(*testkit.Truth) bool { return false }},
		{fmt.Sprintf("--port %d", port), func(r *testkit.Truth) bool { return is(r, port) }},
		{fmt.Sprintf("--port %d,%d", port, other), func(r *testkit.Truth) bool { return is(r, port) || is(r, other) }},
		{fmt.Sprintf("--lport %d", port), func(r *testkit.Truth) bool { return r.Lport == port }},
		{fmt.Sprintf("--rport %d", port), func(r *testkit.Truth) bool { return r.Rport == port }},
		{fmt.Sprintf("--port %d-65535", port), func(r *testkit.Truth) bool { return r.Lport >= port || r.Rport >= port }},
		{fmt.Sprintf("--pid %d", one.PID()), func(r *testkit.Truth) bool { return r.PID == one.PID() }},
		{"--process ^al", func(r *testkit.Truth) bool { return r.Comm == "alpha" }},
		{"--process a$", func(r *testkit.Truth) bool { return true }},
		{"--user root", func(r *testkit.Truth) bool { return true }},
		{"--user 12345", func(r *testkit.Truth) bool { return false }},
		{"--host 127.0.0.0/8", func(r *testkit.Truth) bool { return r.Laddr.Is4() }},
		{"--host ::1", func(r *testkit.Truth) bool { return r.Laddr.Is6() }},
		{"--host 10.0.0.0/8", func(r *testkit.Truth) bool { return false }},
		{"-4", func(r *testkit.Truth) bool { return r.Laddr.Is4() }},
		{"-6", func(r *testkit.Truth) bool { return r.Laddr.Is6() }},
		{"tx_bytes>1M", func(r *testkit.Truth) bool { return r.TxBytes > 1e6 }},
		{"comm=beta and rx_bytes<10k", func(r *testkit.Truth) bool { return r.Comm == "beta" && r.RxBytes < 10e3 }},
		{fmt.Sprintf("--pid %d --port %d", two.PID(), port), func(r *testkit.Truth) bool { return r.PID == two.PID() && is(r, port) }},
	} {
		t.Run(c.flags, func(t *testing.T) {
			args := slices.Concat([]string{"-n", "1"}, netns(ns), strings.Fields(c.flags))
			var want []testkit.Truth
			for i := range all {
				if c.keep(&all[i]) {
					want = append(want, all[i])
				}
			}
			sameSockets(t, rows1(t, args...), want)
		})
	}
	listeners(t, ns)
	one.Finish()
	two.Finish()
}

// sameSockets requires a row for each truth and no other but listeners.
func sameSockets(t *testing.T, rows []record, truths []testkit.Truth) {
	t.Helper()
	got, want := []string{}, []string{}
	for _, r := range rows {
		if r["state"] != "listen" {
			got = append(got, r["conn"]+" "+r["tx_bytes"]+" "+r["rx_bytes"])
		}
	}
	for _, r := range truths {
		want = append(want, fmt.Sprint(r.Cookie, " ", r.TxBytes, " ", r.RxBytes))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("%d rows of %d (-want +got):\n%s", len(got), len(want), diff)
	}
}

// listeners are six: one for each address family of each workload.
func listeners(t *testing.T, ns *testkit.NS) {
	t.Helper()
	rows := rows1(t, append(netns(ns), "-n", "1", "-l")...)
	for _, r := range rows {
		if r["state"] != "listen" || r["dir"] != "listen" || r["rport"] != "" {
			t.Errorf("-l: %v", r)
		}
	}
	if len(rows) != 6 {
		t.Errorf("-l: %d rows", len(rows))
	}
}

// TestSortTop asks for the first few of an order.
func TestSortTop(t *testing.T) {
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "bulk", "-n", "30", "-max", "300000", "-hold")
	truths := load.Ready()
	slices.SortFunc(truths, func(a, b testkit.Truth) int { return cmp.Compare(a.TxBytes, b.TxBytes) })
	args := append(netns(ns), "-n", "1", "--top", "5", "--sort")
	for _, order := range []string{"tx_bytes", "-tx_bytes"} {
		var got, want []string
		for _, r := range rows1(t, append(args, order, "state!=listen")...) {
			got = append(got, r["tx_bytes"])
		}
		for i := range 5 {
			r := truths[i]
			if order[0] == '-' {
				r = truths[len(truths)-1-i]
			}
			want = append(want, strconv.FormatUint(r.TxBytes, 10))
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("--sort %s (-want +got):\n%s", order, diff)
		}
	}
	load.Finish()
}

// TestUDPFlags looks at UDP flows through the flags.
func TestUDPFlags(t *testing.T) {
	ns := testkit.NetNS(t)
	p := stream(t, "jsonl", append(netns(ns), "-d", "100ms", "--udp", "--host", "127.0.0.0/8", "--udp-timeout", "10m")...)
	testkit.Eventually(t, patience, func() error { // until it is at work
		testkit.Start(t, ns, "udp", "-flows", "1").Finish()
		return p.printed()
	})
	load := testkit.Start(t, ns, "udp", "-flows", "60", "-hold")
	truths := slices.DeleteFunc(load.Ready(), func(r testkit.Truth) bool { return !r.Raddr.Is4() })
	p.until(patience, func(rows []record) error { return printedFlows(rows, truths) })
	load.Finish()
	for _, r := range p.stop() {
		if r["proto"] != "udp" || r["netns"] != fmt.Sprint(ns.Inode()) || !netip.MustParseAddr(r["raddr"]).Is4() {
			t.Errorf("a row that was not asked for: %v", r)
		}
	}
}

// printed requires that a row was printed already.
func (p *program) printed() error {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.rows) > 0 {
		return nil
	}
	select {
	case <-p.done:
		p.t.Fatal("tcptop has ended without a row")
	default:
	}
	return errors.New("no row")
}

// TestTicks counts ticks and looks at their times.
func TestTicks(t *testing.T) {
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "idle", "-n", "10")
	load.Ready()
	for _, c := range []struct {
		args  []string
		ticks int
		tick  time.Duration
	}{
		{[]string{"-d", "100ms", "-n", "11"}, 11, 100 * time.Millisecond},
		{[]string{"-n", "3"}, 3, time.Second},
		{[]string{"0.3", "4"}, 4, 300 * time.Millisecond},
	} {
		args := slices.Concat([]string{"-o", "jsonl"}, netns(ns), c.args)
		at := map[string]int{}
		lines, missed := output1(t, args...)
		for _, r := range parse(t, lines) {
			at[r["ts"]]++
		}
		var times []time.Time
		for ts, rows := range at {
			when, err := time.Parse(time.RFC3339, ts)
			if err != nil || rows != 20 {
				t.Errorf("%v: %d rows at %s: %v", c.args, rows, ts, err)
			}
			times = append(times, when)
		}
		slices.SortFunc(times, time.Time.Compare)
		if len(times) == 0 {
			t.Fatalf("%v: no rows", c.args)
		}
		all := times[len(times)-1].Sub(times[0])
		if want := time.Duration(c.ticks-1+missed) * c.tick; len(times) != c.ticks || (all-want).Abs() > c.tick/2 {
			t.Errorf("%v: %d ticks in %v", c.args, len(times), all)
		}
	}
	load.Finish()
}
