package testkit

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// clockSlack is how much later than its tick's time a sample may have been read.
const clockSlack = int64(5 * time.Second)

// CheckSource takes samples of a source and fails the test where one breaks what every
// conn.Source promises, whatever it measures with. After the first sample traffic is
// run beside it (nil: none); when that is done and ticks more samples have come, the
// context ends, and the source must stop with one last sample.
func CheckSource(t testing.TB, source conn.Source, ticks int, traffic func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &contract{t: t, live: map[conn.ID]conn.Conn{}, closed: map[conn.ID]bool{}}
	over := make(chan struct{})
	var once sync.Once
	for s, err := range source(ctx) {
		if err != nil {
			t.Errorf("sample %d: %v", c.samples, err)
			break
		}
		c.check(s, ctx.Err() != nil)
		once.Do(func() {
			go func() {
				defer close(over)
				if traffic != nil {
					traffic()
				}
			}()
		})
		select {
		case <-over:
			ticks--
		default:
		}
		if ticks < 0 {
			cancel()
		}
	}
	cancel()
	once.Do(func() { close(over) })
	<-over
	if !c.last {
		t.Errorf("the source ended after %d samples without a last one", c.samples)
	}
}

// CheckReplay holds a source that ends by itself, such as a recording, to the same.
func CheckReplay(t testing.TB, source conn.Source) {
	t.Helper()
	c := &contract{t: t, live: map[conn.ID]conn.Conn{}, closed: map[conn.ID]bool{}}
	for s, err := range source(context.Background()) {
		if err != nil {
			t.Fatalf("sample %d: %v", c.samples, err)
		}
		if s.Reset != (c.samples == 0) {
			t.Errorf("sample %d: reset is %v", c.samples, s.Reset)
		}
		c.check(s, s.Last)
	}
	if !c.last {
		t.Errorf("the recording ended after %d samples without a last one", c.samples)
	}
}

// contract is what a source has said so far.
type contract struct {
	t       testing.TB
	samples int
	last    bool
	before  conn.Sample // without its slices
	live    map[conn.ID]conn.Conn
	closed  map[conn.ID]bool
}

func (c *contract) check(s *conn.Sample, ended bool) {
	c.t.Helper()
	c.frame(s, ended)
	seen := map[conn.ID]bool{}
	for i := range s.Conns {
		x := &s.Conns[i]
		if seen[x.ID] {
			c.t.Errorf("sample %d: %v twice: %+v", c.samples, x.ID, *x)
		}
		seen[x.ID] = true
		if c.closed[x.ID] && x.Proto == conn.TCP {
			c.t.Errorf("sample %d: %v came back after it had closed", c.samples, x.ID)
		}
		c.conn(x, s)
		c.live[x.ID] = *x
	}
	for i := range s.Closed {
		x := &s.Closed[i]
		if c.closed[x.ID] && x.Proto == conn.TCP {
			c.t.Errorf("sample %d: %v closed twice", c.samples, x.ID)
		}
		if x.Proto == conn.TCP && x.State != conn.Closed && x.State != conn.SynSent {
			c.t.Errorf("sample %d: %v closed in state %v", c.samples, x.ID, x.State)
		}
		c.conn(x, s)
		c.closed[x.ID] = true
	}
	for _, id := range s.Gone {
		if _, known := c.live[id]; !known {
			c.t.Errorf("sample %d: %v went and was never there", c.samples, id)
		}
		delete(c.live, id)
	}
	c.samples++
}

// frame checks what a sample says of itself.
func (c *contract) frame(s *conn.Sample, ended bool) {
	c.t.Helper()
	b := &c.before
	switch {
	case c.last:
		c.t.Errorf("sample %d comes after the last", c.samples)
	case ended && !s.Last:
		c.t.Errorf("sample %d: the context has ended", c.samples)
	case s.Last && !ended:
		c.t.Errorf("sample %d is the last before the context ended", c.samples)
	case s.Time.Location() != time.UTC || s.Time.IsZero():
		c.t.Errorf("sample %d: time %v", c.samples, s.Time)
	case s.Mono < b.Mono || s.Mono == 0:
		c.t.Errorf("sample %d: clock went from %d to %d", c.samples, b.Mono, s.Mono)
	case s.Origin.String() == "":
		c.t.Errorf("sample %d: origin %d", c.samples, s.Origin)
	case c.samples > 0 && (s.Origin != b.Origin || s.Host != b.Host):
		c.t.Errorf("sample %d: from %v %q, before from %v %q", c.samples, s.Origin, s.Host, b.Origin, b.Host)
	}
	was, is := reflect.ValueOf(b.Loss), reflect.ValueOf(s.Loss)
	for i := range is.NumField() {
		if is.Field(i).Uint() < was.Field(i).Uint() {
			c.t.Errorf("sample %d: %s went back", c.samples, is.Type().Field(i).Name)
		}
	}
	c.last = s.Last
	*b = conn.Sample{Mono: s.Mono, Origin: s.Origin, Host: s.Host, Loss: s.Loss, Last: s.Last}
}

// conn checks one connection against itself and against what was said of it before.
func (c *contract) conn(x *conn.Conn, s *conn.Sample) {
	c.t.Helper()
	wrong := func(what string) { c.t.Errorf("sample %d: %s: %+v", c.samples, what, *x) }
	for _, rule := range []struct {
		broken bool
		what   string
	}{
		{x.ID.Cookie == 0 || x.NetNS == 0, "no identity"},
		{x.Proto != conn.TCP && x.Proto != conn.UDP, "no protocol"},
		{(x.Proto == conn.TCP) != (x.State.String() != ""), "state"},
		{x.Has&conn.HasBytes == 0 && x.RxBytes+x.TxBytes != 0, "bytes that were not measured"},
		{x.Has&conn.HasPackets == 0 && x.RxPackets+x.TxPackets != 0, "packets that were not measured"},
		{x.Has&conn.HasBacklog == 0 && x.Backlog+x.BacklogMax != 0, "a backlog that was not measured"},
		{x.Has&conn.HasRaddr == 0 && x.Rport != 0, "a remote that was not measured"},
		{x.Has&conn.HasUID == 0 && x.UID != 0, "a user that was not measured"},
		{x.State == conn.Listen && (x.Dir != conn.DirListen || x.Has&(conn.HasBytes|conn.HasRaddr) != 0), "a listener"},
		{(x.Owner.PID == 0 && !x.Owner.Kernel) != (x.Owner.Source == 0), "an owner without a source, or a source without an owner"},
		{x.Opened < 0 || x.Opened > s.Mono+clockSlack, "opened in the future"},
		{x.LastActive < 0 || x.LastActive > s.Mono+clockSlack, "active in the future"},
	} {
		if rule.broken {
			wrong(rule.what)
		}
	}
	was, known := c.live[x.ID]
	if known && was.Has&x.Has&conn.HasBytes != 0 &&
		(x.RxBytes < was.RxBytes || x.TxBytes < was.TxBytes || x.RxPackets < was.RxPackets || x.TxPackets < was.TxPackets) {
		wrong("counters went back")
	}
}
