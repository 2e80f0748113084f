package ship

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tcptop/internal/spool"
	"tcptop/internal/testkit/records"
)

// fleet is an engine's side of many agents: how many requests come in each second.
type fleet struct {
	mu    sync.Mutex
	down  bool
	begin time.Time
	came  map[int]int // requests by second
}

func (f *fleet) be(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.came[int(time.Since(f.begin)/time.Second)]++
	if f.down {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// TestStampede has an engine go away from 20 agents for five minutes: while it is away
// they ask ever more rarely, and when it is back what has waited comes at four times the
// usual rate at most, beginning at a random moment of an interval. The clock is false.
func TestStampede(t *testing.T) {
	const agents, interval = 20, 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{begin: time.Now(), came: map[int]int{}}
		target, err := ParseTarget("clickhouse+http://127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		b := newBackoff()
		random, mu := rand.New(rand.NewPCG(1, 2)), new(sync.Mutex)
		b.random = func(n int64) int64 {
			mu.Lock()
			defer mu.Unlock()
			return random.Int64N(n)
		}
		var all []*Shipper
		for range agents {
			all = append(all, start(Config{Target: target, Spool: newSpool(t, spool.Config{}), Interval: interval, Client: &http.Client{Transport: f}}, b))
		}
		h := records.NewHost()
		step := func(intervals int) {
			for range intervals {
				for _, s := range all {
					s.Put(h.Interval())
				}
				time.Sleep(interval)
			}
		}
		came := func(from, to int) (sum, most int) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for second := from; second < to; second++ {
				sum += f.came[second]
				most = max(most, f.came[second])
			}
			return sum, most
		}
		step(2)
		f.be(true)
		step(30)
		if sum, most := came(60, 320); sum > agents*260/10 || most > agents/2 { // a try each 15 s at last, on average
			t.Errorf("%d tries in the outage, %d in a second", sum, most)
		}
		f.be(false)
		step(20)
		for from := 320; from < 420; from += 10 {
			if sum, _ := came(from, from+10); sum > agents*(backlogRate+3) { // what was tried last, and the new one
				t.Errorf("%d requests in the interval from %d s on", sum, from)
			}
		}
		for _, s := range all {
			if n := s.Stats().Spool.Segments; n > 2 {
				t.Errorf("%d segments wait", n)
			}
			s.Close(time.Minute)
		}
		_, out := came(60, 320)
		_, after := came(320, 520)
		t.Logf("most requests in a second: %d in the outage, %d after", out, after)
	})
}
