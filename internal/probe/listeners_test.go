package probe

import (
	"testing"
)

// Each time falls into a bucket whose middle is at most an eighth away (wait_bucket).
func TestWaitOf(t *testing.T) {
	bucketOf := func(us uint32) uint32 {
		shift := uint32(0)
		for us>>shift >= 8 {
			shift++
		}
		return shift<<2 + us>>shift
	}
	for us := uint64(0); us < 1<<32; us += 1 + us/97 {
		b := bucketOf(uint32(us))
		got := int64(waitOf(b))
		if off := max(got-int64(us), int64(us)-got); off > int64(us)/8 || b >= uint32(len(waits{})) {
			t.Fatalf("%d µs are in bucket %d, which is %d", us, b, got)
		}
	}
}

func TestWaitsSince(t *testing.T) {
	var before, now waits
	before[3], now[3] = 1000, 1000 // an earlier tick's
	if _, _, any := now.since(&before); any {
		t.Error("nothing came, and there is a median")
	}
	before[5], now[5] = ^uint32(0), 97 // the counter went round: 98
	now[40]++
	now[60]++
	if p50, p99, any := now.since(&before); !any || p50 != 5 || p99 != waitOf(40) {
		t.Errorf("median %d, 99th percentile %d", p50, p99)
	}
	var one waits
	one[20]++
	if p50, p99, any := one.since(&waits{}); !any || p50 != waitOf(20) || p99 != p50 {
		t.Errorf("of one: median %d, 99th percentile %d", p50, p99)
	}
}

const netstat = "TcpExt: SyncookiesSent Other ListenOverflows ListenDrops More\nTcpExt: 5 1 7 18446744073709551615 2\nIpExt: A\nIpExt: 1\n"

func TestListenStats(t *testing.T) {
	want := listenStats{overflows: 7, drops: 1<<64 - 1, cookies: 5}
	if got, ok := parseListenStats([]byte(netstat)); !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, text := range []string{"", "TcpExt:\n", "TcpExt: ListenDrops\nTcpExt: 1\n", "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 2\n",
		"TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 -2 3\n"} {
		if got, ok := parseListenStats([]byte(text)); ok {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestSpaceDue holds that a namespace's statistics are read at once where something happens at
// a listener or there are handshakes, else every calmTicks.
func TestSpaceDue(t *testing.T) {
	sp := &space{}
	ls := &listeners{known: map[uint64]*listener{1: {slot: 1, netns: 7}}, spaces: map[uint32]*space{7: sp}}
	due := func(what string, want bool) {
		t.Helper()
		if got := sp.due(); got != want {
			t.Errorf("%s: due %v", what, got)
		}
	}
	due("never read", true)
	sp.read = true
	for range calmTicks - 1 {
		due("nothing happens", false)
	}
	due("nothing has happened for long", true)
	table := &slotTable{hot: []tcptopHot{{}, {Listen: 1}}, slots: []tcptopConn{{Netns: 7}, {Netns: 7}}}
	ls.stir(table, []uint32{0})
	due("a connection has moved", false)
	ls.stir(table, []uint32{0, 1})
	due("a listener has", true)
	due("no longer", false)
	ls.known[1].queued = true
	ls.spaces[7].unread = -1 << 20 // look reads it, which takes a namespace
	for range 2 {
		if ls.look(nil); sp.stirred || sp.unread != 0 {
			t.Error("there are handshakes, and it was not due")
		}
	}
}

func FuzzListenStats(f *testing.F) {
	f.Add([]byte(netstat))
	f.Add([]byte("TcpExt: ListenDrops ListenDrops ListenDrops\nTcpExt: 1 1 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, ok := parseListenStats(text); !ok && got != (listenStats{}) {
			t.Errorf("refused, and %+v", got)
		}
	})
}
