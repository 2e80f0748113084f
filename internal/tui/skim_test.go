package tui

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// TestSkim holds that what is known of pages that have not changed shows the same
// screen as looking at every row does.
func TestSkim(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	d := start(t, 120, 30, Config{})
	w := &skimWorld{rng: rng, mono: 100 * second}
	skipped := 0
	for n := range 400 {
		d.tick(w.tick(n), n)
		w.press(d)
		d.arrange() // may hand the cursor on
		d.arrange()
		for at, p := range d.shown.Pages() {
			if at < len(d.skim.pages) && d.skim.pages[at].Version == p.Version() {
				skipped++
			}
		}
		v := d.view()
		got := fmt.Sprint(v.total, v.rows, v.at, v.offset, v.cursor, aliveID(v), windowIDs(v))
		d.skim = skim{}
		d.arrange()
		if want := fmt.Sprint(v.total, v.rows, v.at, v.offset, v.cursor, aliveID(v), windowIDs(v)); got != want {
			t.Fatalf("tick %d, sort %v, filter %q, cursor %v:\n%s, but from every row\n%s", n, v.sort, d.bar.text(), v.cursor, got, want)
		}
		got1, want1 := d.seen.digest(d.shown), new(observer).digest(d.shown)
		if !reflect.DeepEqual(got1.count, want1.count) || !slices.Equal(got1.moments, want1.moments) || len(got1.events) != len(want1.events) {
			t.Fatalf("tick %d is digested as %+v, but from every row as %+v", n, got1.count, want1.count)
		}
	}
	if skipped < 10_000 {
		t.Errorf("only %d pages were known", skipped)
	}
}

// skimWorld is connections of which few move in a tick.
type skimWorld struct {
	rng  *rand.Rand
	mono int64
	all  []conn.Conn
	next uint64
}

func (w *skimWorld) tick(n int) *conn.Sample {
	s := &conn.Sample{Time: time.Unix(int64(1e9+n), 0).UTC(), Mono: w.mono, Host: "web1", Origin: conn.FromBPF, Reset: n%150 == 149}
	w.mono += second
	for n := range 2 + 40*w.rng.IntN(2) {
		if n == 0 && len(w.all) == 0 || s.Reset {
			for range 3000 {
				s.Conns = append(s.Conns, w.open())
			}
			w.all = slices.Clone(s.Conns)
			return s
		}
		switch i := w.rng.IntN(len(w.all)); w.rng.IntN(6) {
		case 0:
			c := w.open()
			c.Opened = w.mono - 2*second + 1
			s.Conns, w.all = append(s.Conns, c), append(w.all, c)
		case 1:
			s.Closed = append(s.Closed, w.all[i])
			w.all = slices.Delete(w.all, i, i+1)
		case 2:
			s.Gone = append(s.Gone, w.all[i].ID)
			w.all = slices.Delete(w.all, i, i+1)
		default:
			c := &w.all[i]
			c.RxBytes += uint64(w.rng.IntN(10_000))
			c.RTT = uint32(w.rng.IntN(5000))
			c.LastActive = w.mono
			s.Conns = append(s.Conns, *c)
		}
	}
	return s
}

func (w *skimWorld) open() conn.Conn {
	w.next++
	switch w.rng.IntN(20) {
	case 0:
		c := listener(w.next, "nginx", 80, "::", uint16(w.rng.IntN(5000)))
		c.Backlog = uint32(w.rng.IntN(2)) * 512
		return c
	case 1: // hidden once it is idle, and back when it moves
		return conn.Conn{ID: conn.ID{Cookie: w.next, Serial: 7}, Has: conn.HasBytes | conn.HasPackets | conn.HasRaddr, Proto: conn.UDP,
			Laddr: addr("192.0.2.1"), Lport: 53, Raddr: addr("198.51.100.200"), Rport: uint16(w.rng.IntN(60_000)), LastActive: w.mono}
	}
	return tcp(w.next, fmt.Sprint("process-with-a-long-name-", w.rng.IntN(30)), uint32(w.rng.IntN(90)+1), "192.0.2.1", 443, "203.0.113.9", uint16(w.rng.IntN(60_000)))
}

// press does what people do now and then.
func (w *skimWorld) press(d *driver) {
	if w.rng.IntN(4) > 0 {
		return
	}
	fields := []string{"rate", "rate", "rx_bytes", "process", "rport", "state", "rtt_us", "age_ms", "idle_ms", "limit", "remote"}
	filters := []string{"", "", "rport>20000", "comm~1", "state=established and rtt<4ms", "age>30s", "proto=udp", "rate>0"}
	keys := []string{"j", "k", "G", "g", "pgdown", "pgup", "I", "F", "o", "o", "m", "m", "2", "4", "1", "t", "esc", "space", "space"}
	switch w.rng.IntN(4) {
	case 0:
		d.view().sort.column = fields[w.rng.IntN(len(fields))]
	case 1:
		d.bar.set(filters[w.rng.IntN(len(filters))])
	default:
		d.press(keys[w.rng.IntN(len(keys))])
	}
}

func aliveID(v *view) (id conn.ID) {
	if v.alive != nil {
		id = v.alive.ID
	}
	return id
}

func windowIDs(v *view) (ids []conn.ID) {
	for i := range v.window {
		ids = append(ids, v.window[i].key().id)
	}
	return ids
}
