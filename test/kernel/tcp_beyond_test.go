package kernel

import (
	"fmt"
	"maps"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// way is an owner and a remote.
type way struct {
	pid    uint32
	remote string
}

// TestBeyond has three processes talk to three addresses over more connections than there
// are slots. Rows and what is not shown are together the truth, for each owner and remote, while
// they are open and while they end.
func TestBeyond(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true, MaxConns: roomFor(t, 64)})
	server := act(t, ns, "server")
	port := server.tell("listen l wide")
	filler := act(t, ns, "filler")
	want, open, n := map[way]sum{}, map[way]sum{}, 0
	join := func(client *actor, remote string) string {
		n++
		name := fmt.Sprint("c", n)
		client.tell("connect %s %s:%s blocking", name, remote, port)
		server.tell("accept %s l blocking", name)
		client.tell("send %s %d", name, 1000+n)
		server.tell("receive %s %d", name, 1000+n)
		server.tell("send %s %d", name, n)
		client.tell("receive %s %d", name, n)
		for _, end := range []struct {
			way    way
			tx, rx int
		}{{way{uint32(client.pid), remote}, 1000 + n, n}, {way{uint32(server.pid), "127.0.0.1"}, n, 1000 + n}} {
			want[end.way] = want[end.way].plus(1, uint64(end.tx), uint64(end.rx))
			open[end.way] = open[end.way].plus(1, 0, 0)
		}
		return name
	}
	part := func(client *actor, name, remote string) {
		client.tell("close %s", name)
		server.tell("close %s", name)
		for _, way := range []way{{uint32(client.pid), remote}, {uint32(server.pid), "127.0.0.1"}} {
			open[way] = sum{conns: open[way].conns - 1}
		}
	}
	for range 40 { // more sockets than the room
		join(filler, "127.0.0.1")
	}
	type one struct {
		client       *actor
		name, remote string
	}
	var all []one
	for i := range 3 {
		client := act(t, ns, fmt.Sprint("client", i))
		for _, remote := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
			for range 7 + i {
				all = append(all, one{client, join(client, remote), remote})
			}
		}
	}
	agrees := func() {
		t.Helper()
		w.until(patience, func(s *seen) error { return beyond(s, ns, want, open) })
	}
	agrees()
	if err := w.look(func(s *seen) error { return manyUnseen(s, 2*len(all)) }); err != nil {
		t.Error(err)
	}
	for i, c := range all {
		part(c.client, c.name, c.remote)
		if i == len(all)/2 || i == len(all)-1 { // more ends in a tick than the queue to user space has room for may be among them
			agrees()
		}
	}
	s := w.stop()
	s.loss.TableFull, s.loss.QueueFull = 0, 0
	if err := noLoss(s); err != nil {
		t.Error(err)
	}
}

// manyUnseen wants most of n connections to have no row: the host's own ends may have made
// room for some.
func manyUnseen(s *seen, n int) error {
	open := uint64(0)
	for i := range s.totals {
		open += s.totals[i].Open
	}
	if open < uint64(n)*3/4 {
		return fmt.Errorf("%d connections are not shown, want about %d", open, n)
	}
	return nil
}

// beyond compares what is in rows, what has ended and what is not shown with the truth.
func beyond(s *seen, ns *testkit.NS, want, open map[way]sum) error {
	got, now := map[way]sum{}, map[way]sum{}
	ours := func(w way) bool { _, known := want[w]; return known }
	add := func(r *table.Row, live bool) {
		at := way{r.Owner.PID, r.Raddr.Netip().String()}
		if uint64(r.NetNS) != ns.Inode() || r.Dir == conn.DirListen || r.State == conn.TimeWait {
			return
		}
		got[at] = got[at].plus(1, r.TxBytes, r.RxBytes)
		if live {
			now[at] = now[at].plus(1, 0, 0)
		}
	}
	for _, r := range s.live {
		if r.Event != conn.EventClose && r.Event != conn.EventFail {
			add(&r, true)
		}
	}
	for i := range s.closed {
		add(&s.closed[i], false)
	}
	for i := range s.totals {
		o := &s.totals[i]
		at := way{o.PID, o.Raddr.Netip().String()}
		if ours(at) {
			got[at] = got[at].plus(o.Open+o.Conns, o.OpenTx+o.TxBytes, o.OpenRx+o.RxBytes)
			now[at] = now[at].plus(o.Open, 0, 0)
		}
	}
	maps.DeleteFunc(now, func(_ way, s sum) bool { return s.conns == 0 })
	left := maps.Clone(open)
	maps.DeleteFunc(left, func(_ way, s sum) bool { return s.conns == 0 })
	if !maps.Equal(got, want) {
		return fmt.Errorf("rows and sums have %v, the truth is %v", got, want)
	}
	if !maps.Equal(now, left) {
		return fmt.Errorf("open are %v, in truth %v", now, left)
	}
	return nil
}
