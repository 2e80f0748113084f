package record

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tcptop/internal/conn"
)

const second = int64(time.Second)

// start is when every recording of these tests begins.
var start = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host makes samples of a host whose connections come, move and go at random.
type host struct {
	rng       *rand.Rand
	tick      int64
	conns     []conn.Conn
	cookie    uint64
	places    []*conn.Place
	processes []*conn.Process
	remotes   []*conn.Remote
	loss      conn.Loss
	totals    []conn.OwnerTotal
}

func newHost(seed uint64) *host {
	h := &host{rng: rand.New(rand.NewPCG(seed, 7)), cookie: 0x19000}
	for i := range 20 {
		h.places = append(h.places, &conn.Place{User: fmt.Sprintf("user%d", i%3), Unit: fmt.Sprintf("unit-%d.service", i), Container: "web\x1b[2J"})
		h.processes = append(h.processes, &conn.Process{Exe: "/usr/bin/x", Cmdline: fmt.Sprintf("x --port %d", i)})
	}
	for i := range 20 {
		h.remotes = append(h.remotes, &conn.Remote{Name: fmt.Sprintf("n%d.example", i), Source: conn.NameDNS, ASN: uint32(64500 + i)})
	}
	h.places, h.processes, h.remotes = append(h.places, nil), append(h.processes, nil), append(h.remotes, nil)
	return h
}

func pick[T any](rng *rand.Rand, of []T) T { return of[rng.IntN(len(of))] }

// open adds a connection.
func (h *host) open() conn.Conn {
	h.cookie += uint64(1 + h.rng.IntN(3))
	c := conn.Conn{
		ID: conn.ID{Cookie: h.cookie}, Proto: conn.TCP, State: conn.Established, Dir: pick(h.rng, []conn.Dir{conn.In, conn.Out}),
		Has:   conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasUID | conn.HasRaddr | conn.HasCgroup | conn.HasSettings,
		Lport: uint16(32768 + h.rng.IntN(28000)), Rport: 443, NetNS: 4026531840, UID: 1000,
		Owner:  conn.Owner{PID: 1000 + uint32(h.rng.IntN(20)), Start: 5000, Comm: conn.MakeName("nginx"), Source: conn.OwnerConnect},
		Opened: h.now(), LastActive: h.now(), MSS: 1448, Cwnd: 10, Ssthresh: 1<<31 - 1, CC: conn.MakeName("cubic"),
		SndWnd: 65536, RcvWnd: 65536, RTT: 20_000, RTTVar: 4000, MinRTT: 18_000,
		Place: pick(h.rng, h.places), Process: pick(h.rng, h.processes), Remote: pick(h.rng, h.remotes),
	}
	c.Laddr = conn.Addr{10: 0xff, 11: 0xff, 12: 10, 13: 0, 14: 0, 15: 7}
	c.Raddr = conn.Addr{10: 0xff, 11: 0xff, 12: 203, 13: 0, 14: byte(h.rng.IntN(256)), 15: byte(h.rng.IntN(256))}
	return c
}

func (h *host) now() int64 { return (1000 + h.tick) * second }

// move is a second of requests and answers over a path of 18 to 22 ms; the kernel
// smooths what it measures of it (RFC 6298, 2.3).
func (h *host) move(c *conn.Conn) {
	n := uint64(1 + h.rng.IntN(8))
	c.TxBytes += n * uint64(100+h.rng.IntN(900))
	c.RxBytes += n * uint64(200+h.rng.IntN(8000))
	c.TxPackets += n + uint64(h.rng.IntN(4))
	c.RxPackets += n + uint64(h.rng.IntN(4))
	for range n {
		rtt := uint32(18_000 + h.rng.IntN(4000))
		c.RTTVar = (3*c.RTTVar + max(c.RTT, rtt) - min(c.RTT, rtt)) / 4
		c.RTT = (7*c.RTT + rtt) / 8
	}
	c.RcvWnd = 65536 + 1024*uint32(h.rng.IntN(60))
	c.LastActive = h.now() - int64(h.rng.IntN(1_000_000))*1000
	if h.rng.IntN(50) == 0 {
		c.RetransBytes += 1448
		c.RetransPackets++
		c.Cwnd = 5 + uint32(h.rng.IntN(20))
		c.MinRTT--
	}
}

// sample is the next tick: opened connections come, each of the others moves or ends
// with the given chances in a thousand.
func (h *host) sample(opened, moves, ends int) *conn.Sample {
	s := &conn.Sample{Time: start.Add(time.Duration(h.tick*second + int64(h.rng.IntN(1000)))), Mono: h.now(), Host: "testhost", Origin: conn.FromBPF}
	h.conns = slices.DeleteFunc(h.conns, func(c conn.Conn) bool {
		if h.rng.IntN(1000) >= ends {
			return false
		}
		if h.rng.IntN(4) == 0 {
			s.Gone = append(s.Gone, c.ID)
			return true
		}
		h.move(&c)
		c.State, c.Reason = conn.Closed, conn.FinRemote
		s.Closed = append(s.Closed, c)
		return true
	})
	for i := range h.conns {
		if h.rng.IntN(1000) < moves {
			h.move(&h.conns[i])
			s.Conns = append(s.Conns, h.conns[i])
		}
	}
	for range opened {
		c := h.open()
		if h.rng.IntN(10) == 0 {
			c.State = conn.Closed
			s.Closed = append(s.Closed, c) // between two ticks
			continue
		}
		h.conns = append(h.conns, c)
		s.Conns = append(s.Conns, c)
	}
	if h.rng.IntN(10) == 0 {
		h.loss.RingFull++
		h.totals = append(h.totals, conn.OwnerTotal{PID: uint32(h.rng.IntN(50)), Comm: conn.MakeName("lost"), Conns: 1})
		h.totals[0].RxBytes += 77
		s.Gone = append(s.Gone, conn.ID{Cookie: 5, Serial: conn.TimeWaitSerial}) // never seen
	}
	s.Loss, s.Totals = h.loss, slices.Clone(h.totals)
	h.tick++
	return s
}

// same fails the test where a sample is not what it was.
func same(t testing.TB, what string, want, got *conn.Sample) {
	t.Helper()
	a, b := *want, *got
	for _, s := range []*conn.Sample{&a, &b} { // a list of nothing may be nil
		s.Conns, s.Closed = append([]conn.Conn{}, s.Conns...), append([]conn.Conn{}, s.Closed...)
		s.Gone, s.Totals = append([]conn.ID{}, s.Gone...), append([]conn.OwnerTotal{}, s.Totals...)
		s.Faults = append([]string{}, s.Faults...)
	}
	if reflect.DeepEqual(a, b) {
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// state is what was said of every connection last.
type state map[conn.ID]conn.Conn

func (s state) apply(x *conn.Sample) {
	for i := range x.Conns {
		s[x.Conns[i].ID] = x.Conns[i]
	}
	for i := range x.Closed {
		delete(s, x.Closed[i].ID)
	}
	for _, id := range x.Gone {
		delete(s, id)
	}
}

// is fails the test where got does not hold the same connections.
func (s state) is(t testing.TB, got *conn.Sample) {
	t.Helper()
	have := state{}
	for _, c := range got.Conns {
		have[c.ID] = c
	}
	if len(got.Conns) != len(s) || !reflect.DeepEqual(s, have) {
		t.Fatalf("%d connections, want %d (-want +got):\n%s", len(got.Conns), len(s), cmp.Diff(s, have))
	}
}
