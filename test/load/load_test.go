package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/testkit"
	"tcptop/internal/testkit/truth"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// tuple names one end of a connection.
type tuple struct{ local, remote netip.AddrPort }

// byTuple indexes records and fails on two with the same tuple.
func byTuple(t *testing.T, records []testkit.Truth) map[tuple]testkit.Truth {
	t.Helper()
	index := make(map[tuple]testkit.Truth)
	for _, r := range records {
		k := tuple{r.Local(), r.Remote()}
		if _, ok := index[k]; ok {
			t.Errorf("two records of %v", k)
		}
		index[k] = r
	}
	return index
}

// mirrored checks that each end's peer is there and got what the end sent.
func mirrored(t *testing.T, records []testkit.Truth) {
	t.Helper()
	index := byTuple(t, records)
	for k, r := range index {
		peer, ok := index[tuple{k.remote, k.local}]
		switch {
		case !ok:
			t.Errorf("%s %v has no peer", r.Kind, k)
		case peer.RxBytes != r.TxBytes || peer.RxPackets != r.TxPackets || peer.Dir == r.Dir:
			t.Errorf("ends differ:\n%+v\n%+v", r, peer)
		}
	}
}

// TestBulk lets the generator compare its truth with tcp_info (-check).
func TestBulk(t *testing.T) {
	ns := testkit.NetNS(t)
	w := testkit.Start(t, ns, "bulk", "-n", "72", "-max", "2000000", "-seed", "7", "-check", "-hold", "-comm", "bulk,\"x\"")
	records := w.Ready()
	if len(records) != 2*72 {
		t.Errorf("%d records of 72 connections", len(records))
	}
	mirrored(t, records)
	kinds := make(map[string]int)
	for _, r := range records {
		kinds[r.Kind]++
		if r.NetNS != ns.Inode() || r.PID != w.PID() || r.Comm != "bulk,\"x\"" || r.Cookie == "" {
			t.Fatalf("owner is wrong: %+v", r)
		}
	}
	if len(kinds) != len(bulkKinds()) {
		t.Errorf("kinds: %v", kinds)
	}
	if left := w.Finish(); len(left) != 0 {
		t.Errorf("%d records after ready", len(left))
	}
}

// TestBulkLossy shows that bytes_sent less bytes_retrans is exact when segments
// and ACKs are lost.
func TestBulkLossy(t *testing.T) {
	ns := testkit.NetNS(t)
	ns.Nft(`table inet lossy { chain in { type filter hook input priority 0;
		meta l4proto tcp tcp flags & (syn|fin|rst) == 0 numgen random mod 100 < 3 drop; }; }`)
	records := testkit.Start(t, ns, "bulk", "-n", "24", "-max", "3000000", "-par", "24", "-check").Finish()
	mirrored(t, records)
	out, err := ns.Command("nstat", "-as", "TcpRetransSegs").Output()
	if err != nil {
		t.Fatal(err)
	}
	// nstat leaves zeros out.
	if !bytes.Contains(out, []byte("TcpRetransSegs")) {
		t.Errorf("nothing was lost")
	}
	t.Logf("%s", out)
}

func TestShort(t *testing.T) {
	ns := testkit.NetNS(t)
	records := testkit.Start(t, ns, "short", "-n", "60", "-par", "4", "-servers", "3").Finish()
	if len(records) != 2*60 {
		t.Errorf("%d records of 60 processes", len(records))
	}
	mirrored(t, records)
	comms, pids := make(map[string]int), make(map[int]int)
	for _, r := range records {
		comms[r.Comm]++
		if r.Dir == "out" {
			pids[r.PID]++
		}
	}
	for i := range 60 {
		if comm := fmt.Sprintf("cli-%d", i); comms[comm] != 1 {
			t.Errorf("%d records of %s", comms[comm], comm)
		}
	}
	if len(pids) != 60 {
		t.Errorf("%d processes connected", len(pids))
	}
	if n := comms["srv-0"] + comms["srv-1"] + comms["srv-2"]; n != 60 {
		t.Errorf("servers accepted %d: %v", n, comms)
	}
}

// TestUDP balances what was sent with what was received; the generator itself
// checks each datagram's size and sender.
func TestUDP(t *testing.T) {
	ns := testkit.NetNS(t)
	w := testkit.Start(t, ns, "udp", "-flows", "100", "-seed", "3", "-hold")
	records := w.Ready()
	byTuple(t, records)
	if len(records) < 200 {
		t.Errorf("%d flows", len(records))
	}
	var sum truth.Record
	for _, r := range records {
		sum.TxBytes += r.TxBytes
		sum.RxBytes += r.RxBytes
		sum.TxPackets += r.TxPackets
		sum.RxPackets += r.RxPackets
	}
	if sum.TxBytes != sum.RxBytes || sum.TxPackets != sum.RxPackets {
		t.Errorf("sent and received differ: %+v", sum)
	}
	w.Finish()
}

// TestStates compares the truth with what ss prints.
func TestStates(t *testing.T) {
	testkit.Tools(t, "ss")
	ns := testkit.NetNS(t)
	w := testkit.Start(t, ns, "states")
	want := make(map[string]int)
	for _, r := range w.Ready() {
		want[fmt.Sprint(ssState(r.State), " ", r.Local(), " ", r.Remote())]++
	}
	out, err := ns.Command("ss", "-Htan").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		got[fmt.Sprint(f[0], " ", ssAddr(t, f[3]), " ", ssAddr(t, f[4]))]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("truth and ss differ (-truth +ss):\n%s", diff)
	}
	w.Finish()
}

func ssState(s string) string {
	if s == "established" {
		return "ESTAB"
	}
	return strings.ToUpper(s)
}

// ssAddr reads an address as ss prints it: a dual-stack listener's own is *.
func ssAddr(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	colon := strings.LastIndexByte(s, ':')
	host, port := strings.Trim(s[:colon], "[]"), s[colon+1:]
	if host == "*" {
		host = "::"
	}
	if port == "*" {
		port = "0"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n))
}

func TestIdle(t *testing.T) {
	ns := testkit.NetNS(t)
	w := testkit.Start(t, ns, "idle", "-n", "200", "-touch")
	w.Ready()
	for command, want := range map[string]int{"touch 0.1": 20, "touch 1": 200, "touch 0": 0} {
		if got := w.Tell(command).Conns; got != want {
			t.Errorf("%s moved %d, not %d", command, got, want)
		}
	}
	out, err := ns.Command("ss", "-Htn", "state", "established").Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out, []byte("\n")); n != 400 {
		t.Errorf("ss lists %d sockets, not 400", n)
	}
	w.Finish()
}

// TestBench shows that each benchmark runs and prints its result.
func TestBench(t *testing.T) {
	ns := testkit.NetNS(t)
	for _, args := range [][]string{
		{"bench-bulk", "-conns", "2", "-size", "1024"}, {"bench-rr", "-conns", "2"},
		{"bench-churn"}, {"bench-udp"}, {"bench-udp", "-connected"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			out, err := ns.Command(testkit.Load(t), append(args, "-sec", "0.05")...).Output()
			if err != nil {
				t.Fatal(err)
			}
			var r struct {
				Bench string
				Rate  float64 `json:"ops_per_s"`
			}
			if err := json.Unmarshal(out, &r); err != nil || r.Rate <= 0 || r.Bench == "" {
				t.Errorf("printed %s: %v", out, err)
			}
		})
	}
}
