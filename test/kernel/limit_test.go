package kernel

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// scenario makes a cause and says what both ends have to be held back by.
type scenario struct {
	name             string
	make             func(t testing.TB) *transfer
	sender, receiver []conn.Limit // any of these; nil is not judged
}

const (
	linkDelay = 10 * time.Millisecond // each way
)

func scenarios() []scenario {
	is := func(l ...conn.Limit) []conn.Limit { return l }
	return []scenario{
		{"nothing to do", func(t testing.TB) *transfer { return near(t, tuning{}) }, is(conn.LimitIdle), is(conn.LimitIdle)},
		{"sender sleeps", func(t testing.TB) *transfer {
			e := near(t, tuning{})
			e.send(e.sender, 10_000, 20*time.Millisecond)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitApp), nil},
		{"request and answer, 20 ms away", func(t testing.TB) *transfer {
			e := far(t, "", tuning{})
			e.answer(e.receiver, 1000)
			e.answer(e.sender, 1000)
			if _, err := e.sender.Write(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			return e
		}, is(conn.LimitApp), is(conn.LimitApp)},
		{"receiver does not read", func(t testing.TB) *transfer {
			e := near(t, tuning{})
			e.send(e.sender, 1<<16, 0)
			return e
		}, is(conn.LimitPeerWindow), is(conn.LimitReader)},
		{"receiver reads slowly", func(t testing.TB) *transfer {
			e := near(t, tuning{})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 8192, 20*time.Millisecond)
			return e
		}, is(conn.LimitPeerWindow), is(conn.LimitReader)},
		{"tiny receive buffer, 20 ms away", func(t testing.TB) *transfer {
			e := far(t, "", tuning{rcvbuf: 4096, cc: "cubic"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitPeerWindow), nil},
		{"tiny receive buffer, 20 ms away, bbr", func(t testing.TB) *transfer {
			e := far(t, "", tuning{rcvbuf: 4096, cc: "bbr"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitPeerWindow), nil},
		{"tiny send buffer, 20 ms away, bbr", func(t testing.TB) *transfer {
			e := far(t, "", tuning{sndbuf: 4096, cc: "bbr"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitSendBuffer), nil},
		{"tiny send buffer, 20 ms away", func(t testing.TB) *transfer {
			e := far(t, "", tuning{sndbuf: 4096, cc: "cubic"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitSendBuffer), nil},
		{"token bucket, cubic", func(t testing.TB) *transfer {
			e := far(t, "tbf rate 10mbit burst 10kb limit 10mb", tuning{cc: "cubic"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitCwnd, conn.LimitSendBuffer), nil}, // without a loss the window outgrows the largest send buffer in time
		{"token bucket, queue deeper than the send buffer", func(t testing.TB) *transfer {
			e := far(t, "tbf rate 10mbit burst 10kb limit 10mb", tuning{sndbuf: 100_000, cc: "cubic", segments: true})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitSendBuffer), nil},
		{"token bucket, bbr", func(t testing.TB) *transfer {
			e := far(t, "tbf rate 10mbit burst 10kb limit 1mb", tuning{cc: "bbr"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitCwnd), nil},
		{"token bucket with a short queue", func(t testing.TB) *transfer {
			e := far(t, "tbf rate 10mbit burst 10kb limit 30kb", tuning{cc: "cubic"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitCwnd, conn.LimitLoss), nil},
		{"one segment in ten lost", func(t testing.TB) *transfer {
			e := far(t, lossy, tuning{cc: "cubic"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitLoss), nil},
		{"sender sleeps, one in ten lost", func(t testing.TB) *transfer {
			e := far(t, lossy, tuning{cc: "cubic"})
			e.send(e.sender, 1000, 50*time.Millisecond)
			e.read(e.receiver, 1<<16, 0)
			return e
		}, is(conn.LimitApp, conn.LimitLoss), nil},
		{"token bucket, slower reader", func(t testing.TB) *transfer {
			e := far(t, "tbf rate 10mbit burst 10kb limit 1mb", tuning{cc: "cubic"})
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, 4096, 20*time.Millisecond)
			return e
		}, is(conn.LimitPeerWindow), is(conn.LimitReader)},
	}
}

// near is a connection over loopback.
func near(t testing.TB, tune tuning) *transfer {
	ns := inhabited(t)
	return joinAt(t, ns, ns, "127.0.0.1", tune)
}

// inhabited is a namespace with a process in it, without which sock_diag does not find it.
func inhabited(t testing.TB) *testkit.NS {
	ns := testkit.NetNS(t)
	if err := ns.Command("sleep", "infinity").Start(); err != nil {
		t.Fatal(err)
	}
	return ns
}

// lossy drops every tenth segment that carries bytes on its way, at random.
const lossy = "lossy"

const dropForwarded = `table inet lossy {
	chain through {
		type filter hook forward priority 0
		meta length > 200 numgen random mod 10 == 0 drop
	}
}`

// far is a connection over a router and a path of 20 ms there and back. queue is what
// the router does with what goes to the receiver: a qdisc, or lossy.
func far(t testing.TB, queue string, tune tuning) *transfer {
	testkit.Tools(t, "ip", "tc")
	client, router, server := inhabited(t), testkit.NetNS(t), inhabited(t)
	testkit.Link(t, "near", client, router, "10.1.0.1", "10.1.0.2", linkDelay)
	testkit.Link(t, "far", router, server, "10.2.0.1", "10.2.0.2", 0)
	routed(t, client, router, server)
	if tune.segments {
		inside(t, client, "ip", "link", "set", "near", "gso_max_segs", "1")
	}
	switch queue {
	case "":
	case lossy:
		router.Nft(dropForwarded)
	default:
		inside(t, router, "tc", append([]string{"qdisc", "add", "dev", "far", "root"}, strings.Fields(queue)...)...)
	}
	return joinAt(t, client, server, "10.2.0.2", tune)
}

// routed lets client, 10.1.0.1, and server, 10.2.0.2, reach each other by router, the 10.1.0.2 and 10.2.0.1.
func routed(t testing.TB, client, router, server *testkit.NS) {
	t.Helper()
	var err error
	router.Do(func() { err = os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) })
	if err != nil {
		t.Fatal(err)
	}
	inside(t, client, "ip", "route", "add", "10.2.0.0/24", "via", "10.1.0.2")
	inside(t, server, "ip", "route", "add", "10.1.0.0/24", "via", "10.2.0.1")
}

func inside(t testing.TB, ns *testkit.NS, name string, args ...string) {
	t.Helper()
	if out, err := ns.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// judged is how many ticks in a row are judged, of which 95 % have to be right. A
// machine that is busy with other things may keep a scenario from being steady: then
// the next ones are.
const judged = 60

// side is one end of a scenario's connection and its verdicts once it is steady.
type side struct {
	name   string
	id     conn.ID
	want   []conn.Limit
	window []verdict
}

// TestLimit makes each cause and compares it with the verdicts of both collectors, tick
// by tick once it is steady. The confusion table goes to the log; docs/limit.md has one.
func TestLimit(t *testing.T) {
	testkit.Kernel(t)
	var sides []side
	for _, s := range scenarios() {
		e := s.make(t)
		sides = append(sides, side{s.name + ", sender", cookieOf(t, e.sender), s.sender, nil},
			side{s.name + ", receiver", cookieOf(t, e.receiver), s.receiver, nil})
	}
	bpf, dump := watch(t, conn.Config{TCP: true}), watchDiag(t, conn.Config{TCP: true})
	compareLimits(t, "bpf", bpf, slices.Clone(sides))
	compareLimits(t, "sock_diag", dump, sides)
}

func compareLimits(t *testing.T, source string, w *watcher, sides []side) {
	t.Helper()
	for i := range sides {
		w.follow(sides[i].id)
	}
	w.until(patience, func(s *seen) (err error) {
		for i := range sides {
			err = cmp.Or(err, sides[i].look(s.followed[sides[i].id]))
		}
		return err
	})
	w.stop()
	t.Logf("%s, %d ticks:", source, judged)
	for i := range sides {
		t.Logf("%-48s%s", sides[i].name, distribution(sides[i].window))
	}
}

// look takes the newest ticks if 95 % of them are right.
func (s *side) look(rows []verdict) error {
	if s.window != nil {
		return nil
	}
	if len(rows) < judged {
		return fmt.Errorf("%s: %d ticks", s.name, len(rows))
	}
	newest, right := rows[len(rows)-judged:], 0
	for _, r := range newest {
		if slices.Contains(s.want, r.limit) {
			right++
		}
	}
	if s.want != nil && right*100 < 95*judged {
		return fmt.Errorf("%s: %d of %d ticks are %v:%s", s.name, right, judged, s.want, distribution(newest))
	}
	s.window = slices.Clone(newest)
	return nil
}

// distribution says how many percent of the ticks had which verdict, with its mean share.
func distribution(rows []verdict) string {
	count, share := map[conn.Limit]int{}, map[conn.Limit]int{}
	for _, r := range rows {
		count[r.limit]++
		share[r.limit] += int(r.share)
	}
	var line strings.Builder
	for _, l := range slices.SortedFunc(maps.Keys(count), func(a, b conn.Limit) int { return cmp.Compare(count[b], count[a]) }) {
		fmt.Fprintf(&line, "  %s %.0f %%", cmp.Or(l.String(), "-"), 100*float64(count[l])/float64(len(rows)))
		if l != 0 {
			fmt.Fprintf(&line, " (share %d %%)", share[l]/count[l])
		}
	}
	return line.String()
}
