package cli

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/names"
	"tcptop/internal/testkit"
)

const (
	benchRows    = 100_000
	benchRemotes = 8_000
)

// everyRow is a tick in which 100,000 connections move, in an order in which no neighbours
// are alike: of 10,000 processes of 20 users, in 500 cgroups and 100 network namespaces,
// to 8,000 remotes. Their devices are known, as those of TCP with eBPF are.
func everyRow() []conn.Conn {
	all := make([]conn.Conn, benchRows)
	for i := range all {
		p := i * 7919 % 10_000 // a process is one user's, in one cgroup and namespace
		all[i] = conn.Conn{ID: conn.ID{Cookie: uint64(i + 1)}, Seat: uint32(i + 1), Has: conn.HasUID | conn.HasCgroup | conn.HasRaddr | conn.HasBytes, Proto: conn.TCP,
			Raddr: remoteOf(i % benchRemotes), NetNS: uint32(1 + p%100), Ifindex: 2, UID: uint32(p % 20), Cgroup: 1<<40 + uint64(p%500),
			Owner: conn.Owner{PID: uint32(1<<30 + p), Start: 1, Comm: conn.MakeName("server")}, Opened: 2}
	}
	return all
}

func remoteOf(i int) conn.Addr {
	return conn.AddrFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
}

// asked is a question for the address of one remote and its answer, in one namespace.
func asked(tb testing.TB, i int, netns uint32) []conn.DNSMessage {
	tb.Helper()
	name := dnsmessage.MustNewName(fmt.Sprintf("n%d.example.", i))
	q := dnsmessage.Question{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	a := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 3600},
		Body: &dnsmessage.AResource{A: remoteOf(i).Netip().As4()}}
	pack := func(m dnsmessage.Message) []byte {
		data, err := m.Pack()
		if err != nil {
			tb.Fatal(err)
		}
		return data
	}
	head := dnsmessage.Header{ID: uint16(i)}
	msg := conn.DNSMessage{Time: 1, Socket: 1, NetNS: netns, Data: pack(dnsmessage.Message{Header: head, Questions: []dnsmessage.Question{q}})}
	head.Response = true
	told := conn.DNSMessage{Time: 1, Socket: 1, Answer: true,
		Data: pack(dnsmessage.Message{Header: head, Questions: []dnsmessage.Question{q}, Answers: []dnsmessage.Resource{a}})}
	return []conn.DNSMessage{msg, told}
}

// BenchmarkEnrich is what names for everything add to a tick in which 100,000 connections
// move and nothing is new, in processor time: the difference to ticks without, taken in
// turn, of the median ones and of the quickest ones. The aim is 5 ms.
func BenchmarkEnrich(b *testing.B) {
	for _, legacy := range []bool{false, true} {
		b.Run(map[bool]string{false: "cgroup2", true: "hybrid"}[legacy], func(b *testing.B) { benchEnrich(b, legacy) })
	}
}

func benchEnrich(b *testing.B, legacy bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := namer{enrich.New(enrich.Config{LookupUser: func(uint32) string { return "u" }, Proc: procOf(b, legacy)}), names.New(names.Config{})}
	defer n.owners.Close()
	all := everyRow()
	s := &conn.Sample{Mono: 3, Conns: make([]conn.Conn, len(all))}
	for i := range benchRemotes / 2 {
		s.DNS = append(s.DNS, asked(b, i, all[i].NetNS)...)
	}
	for range 3 {
		copy(s.Conns, all)
		n.apply(s)
		s.DNS = nil
	}
	var bare, whole []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		t0 := threadTime(b)
		copy(s.Conns, all)
		t1 := threadTime(b)
		copy(s.Conns, all)
		n.apply(s)
		t2 := threadTime(b)
		bare, whole = append(bare, t1-t0), append(whole, t2-t1)
	}
	slices.Sort(bare)
	slices.Sort(whole)
	adds := func(at int) float64 { return (whole[at] - bare[at]).Seconds() * 1000 }
	b.ReportMetric(adds(len(bare)/2), "cpu-ms/tick")
	b.ReportMetric(adds(0), "least-cpu-ms/tick")
	if s.Conns[0].Place == nil || s.Conns[0].Process == nil || s.Conns[0].Remote == nil {
		b.Errorf("not named: %v", s.Conns[0])
	}
}

// TestEnrichAllocatesNothingPerRow: a tick whose rows are all known costs the same few
// allocations, however many rows it has.
func TestEnrichAllocatesNothingPerRow(t *testing.T) {
	for _, seats := range []bool{true, false} { // sock_diag gives none
		n := namer{enrich.New(enrich.Config{LookupUser: func(uint32) string { return "u" }, Proc: procOf(t, true)}), names.New(names.Config{})}
		defer n.owners.Close()
		all := everyRow()[:20_000]
		for i := range all {
			if !seats {
				all[i].Seat = 0
			}
		}
		s := &conn.Sample{Mono: 3, Conns: make([]conn.Conn, len(all))}
		s.DNS = asked(t, 0, all[0].NetNS)
		for range 3 {
			copy(s.Conns, all)
			n.apply(s)
			s.DNS = nil
		}
		testkit.Eventually(t, time.Minute, func() error { // once all that was asked for has been read
			allocs := testing.AllocsPerRun(5, func() {
				copy(s.Conns, all)
				n.apply(s)
			})
			if allocs > 16 {
				return fmt.Errorf("%v allocations in a tick of %d rows, seats: %v", allocs, len(all), seats)
			}
			return nil
		})
		if c := &s.Conns[0]; c.Place == nil || c.Process == nil || c.Remote == nil {
			t.Errorf("not named: %+v", c)
		}
	}
}

func threadTime(tb testing.TB) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// procOf is a procfs without processes, with the hierarchies of control groups.
func procOf(tb testing.TB, legacy bool) string {
	dir := tb.TempDir()
	mounts := "30 23 0:26 / /nowhere rw - cgroup2 cgroup2 rw\n"
	if legacy {
		mounts += "31 23 0:27 / /nowhere/memory rw - cgroup cgroup rw,memory\n"
	}
	if err := os.Mkdir(filepath.Join(dir, "self"), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "self/mountinfo"), []byte(mounts), 0o600); err != nil {
		tb.Fatal(err)
	}
	return dir
}
