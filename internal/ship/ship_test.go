package ship

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tcptop/internal/spool"
	"tcptop/internal/testkit/records"
)

func TestDelivers(t *testing.T) {
	srv := newServer(t, func(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
		q := r.URL.Query()
		if q.Get("query") != "INSERT INTO `tcptop`.`flows` FORMAT JSONEachRow" || !strings.HasPrefix(q.Get("insert_deduplication_token"), "web-1/1000000000000000000/") ||
			r.Header.Get("Authorization") != "Bearer s3cret" || r.Method != http.MethodPost {
			t.Errorf("%s %v %v", r.Method, r.URL, r.Header)
		}
		store(s, w, r, lines)
	})
	h := records.NewHost()
	s := shipper(t, srv.URL, newSpool(t, spool.Config{}))
	s.put(t, h, 5)
	s.Close(10 * time.Second)
	srv.engine.Exact(t, h.Truth)
	if st := s.Stats(); st.Records != 20 || st.Requests != 5 || st.Retries != 0 || st.Err != nil || st.Spool.Segments != 0 {
		t.Errorf("%+v", st)
	}
}

// An engine may do whatever comes to its mind: once it is well again, what is stored and
// what was dropped is what there was, and nothing is there twice; where the spool had to
// drop what the engine may have (in even seeds it is small), or the engine refused what it
// had not answered to before, that is told apart.
func TestHostileEngine(t *testing.T) {
	whims := []func(*server, http.ResponseWriter, *http.Request, []byte){
		store, cut, lostAck, truncated, status(500), status(502), status(429), status(503, "Retry-After", "0"), status(503, "Retry-After", "rubbish"),
		status(404), status(401), status(302, "Location", "http://192.0.2.1/"), status(408),
	}
	for seed := range uint64(4) {
		var n atomic.Int64
		random := rand.New(rand.NewPCG(seed, 1))
		order := make([]int, 1<<12)
		for i := range order {
			order[i] = random.IntN(len(whims))
		}
		whimsical := func(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
			token := r.URL.Query().Get("insert_deduplication_token")
			var epoch, number uint64
			if _, err := fmt.Sscanf(token, "web-1/%d/%d", &epoch, &number); err != nil {
				t.Error(err)
			}
			switch {
			case number%9 == 4: // what it refuses it always refuses
				status([]int{400, 413, 422}[number%3])(s, w, r, lines)
			case number%9 == 7:
				refuseMany(s, w, r, lines)
			default:
				whims[order[int(n.Add(1))%len(order)]](s, w, r, lines)
			}
		}
		srv := newServer(t, whimsical)
		h := records.NewHost()
		s := shipper(t, srv.URL, newSpool(t, spool.Config{MaxSize: int64(20+1000*(seed%2)) * 4096}))
		for i := range 60 {
			s.put(t, h, 1)
			if i == 30 {
				srv.become(hang)
			}
			if i == 35 {
				srv.become(whimsical)
			}
		}
		if seed%2 == 1 {
			s.delivered(t)
		}
		srv.become(store)
		s.delivered(t)
		s.put(t, h, 1) // tells of what was refused last
		s.delivered(t)
		s.Close(10 * time.Second)
		st := s.Stats()
		// What was sent, never answered and then had to make room or was refused may be stored as well.
		unsure := st.Spool.Dropped[spool.Unacknowledged].RxBytes
		if got := srv.engine.All().RxBytes; unsure == 0 {
			srv.engine.Exact(t, h.Truth)
		} else if got < h.Truth.RxBytes || got-unsure > h.Truth.RxBytes {
			t.Errorf("seed %d: %d bytes, of which %d may be there twice, are not %d", seed, got, unsure, h.Truth.RxBytes)
		}
		if full := st.Spool.Dropped[spool.SpoolFull]; seed%2 == 1 && full.Records > 0 {
			t.Errorf("seed %d: %+v dropped from a spool that has room", seed, full)
		}
		dropped := uint64(0)
		for _, sums := range st.Spool.Dropped {
			dropped += sums.Records
		}
		if dropped != srv.engine.Records || srv.engine.Twice != 0 || st.Err != nil {
			t.Errorf("seed %d: counted %d, told %d, %d twice, %v", seed, dropped, srv.engine.Records, srv.engine.Twice, st.Err)
		}
		t.Logf("seed %d: %d requests, %d retries, %d known tokens, dropped %v", seed, st.Requests, st.Retries, srv.doubles, st.Spool.Dropped)
	}
}

// An engine that is away for long costs the oldest, counted; memory holds none of it.
func TestDown(t *testing.T) {
	srv := newServer(t, store)
	addr := srv.Listener.Addr().String()
	srv.Close()
	h := records.NewHost()
	sp := newSpool(t, spool.Config{MaxSize: 10 * 4096})
	s := shipper(t, "http://"+addr, sp)
	s.put(t, h, 50)
	st := s.Stats()
	if d := st.Spool.Dropped[spool.SpoolFull]; d.Records == 0 || st.Spool.Bytes > 10*4096 || st.Spool.Memory != 0 || len(st.Spool.Dropped) != 1 {
		t.Errorf("%+v", st)
	}
	s.Close(10 * time.Second)
	if n := sp.Stats().Segments; n == 0 {
		t.Error("nothing waits")
	}
	up := newServer(t, store)
	s = shipper(t, up.URL, sp) // the engine is back, and the agent another
	s.delivered(t)
	s.Close(10 * time.Second)
	up.engine.Exact(t, h.Truth)
}

// What the engine refuses is halved once: the good half is stored.
func TestRefused(t *testing.T) {
	srv := newServer(t, func(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
		if strings.Contains(string(lines), `"conn":"5"`) {
			status(400)(s, w, r, lines)
			return
		}
		store(s, w, r, lines)
	})
	h := records.NewHost()
	s := shipper(t, srv.URL, newSpool(t, spool.Config{}))
	s.put(t, h, 1)
	srv.asked(t, 3)
	s.delivered(t)
	srv.become(store)
	s.put(t, h, 1)
	s.delivered(t)
	s.Close(10 * time.Second)
	srv.engine.Exact(t, h.Truth)
	if d := s.Stats().Spool.Dropped[spool.Rejected]; d.Records != 2 || srv.engine.Reasons[spool.Rejected] != d || s.Stats().Spool.Dead == 0 {
		t.Errorf("%+v, told %+v", s.Stats(), srv.engine.Reasons)
	}
}

// An address or rights that are wrong are said, once, and cost nothing.
func TestDenied(t *testing.T) {
	for _, code := range []int{301, 401, 403, 404} {
		srv := newServer(t, status(code, "Location", "http://192.0.2.1/"))
		h := records.NewHost()
		s := shipper(t, srv.URL, newSpool(t, spool.Config{}))
		s.put(t, h, 2)
		srv.asked(t, 3)
		if st := s.Stats(); !st.Denied || st.Spool.Segments != 2 || st.Spool.Dropped != nil {
			t.Errorf("%d: %+v", code, st)
		}
		srv.become(store)
		s.delivered(t)
		s.Close(10 * time.Second)
		srv.engine.Exact(t, h.Truth)
		news := s.News()
		if len(news) != 2 || !strings.Contains(news[0], "the address or the rights are wrong") || news[1] != "delivered again" {
			t.Errorf("%d: %q", code, news)
		}
	}
}

// A disk that hangs costs records, counted, and never the time of who measures.
func TestQueueFull(t *testing.T) {
	srv := newServer(t, store)
	h := records.NewHost()
	sp := newSpool(t, spool.Config{})
	s := idle(t, srv.URL, sp)
	for range 20 {
		s.Put(h.Interval())
	}
	s.begin()
	s.put(t, h, 1)
	s.delivered(t)
	s.Close(10 * time.Second)
	srv.engine.Exact(t, h.Truth)
	if d := s.Stats().Spool.Dropped[spool.DiskSlow]; d.Records < 15*4-4 || srv.engine.Reasons[spool.DiskSlow] != d {
		t.Errorf("%+v, told %+v", d, srv.engine.Reasons)
	}
}

// An engine of old knows no token: it gets none, from then on.
func TestOldClickHouse(t *testing.T) {
	srv := newServer(t, func(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
		if r.URL.Query().Has("insert_deduplication_token") {
			w.WriteHeader(500)
			_, _ = w.Write([]byte("Code: 115, e.displayText() = DB::Exception: Unknown setting insert_deduplication_token, e.what() = DB::Exception\n"))
			return
		}
		s.engine.Insert(s.t, lines)
	})
	h := records.NewHost()
	s := shipper(t, srv.URL, newSpool(t, spool.Config{}))
	s.put(t, h, 4)
	s.delivered(t)
	s.Close(10 * time.Second)
	srv.engine.Exact(t, h.Truth)
	if n := srv.count(); n != 5 {
		t.Errorf("%d requests", n)
	}
}

// An engine that took something, said nothing, and then refuses it has us count it apart.
func TestRefusedAfterLostAck(t *testing.T) {
	var n atomic.Int64
	srv := newServer(t, func(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
		if n.Add(1) == 1 {
			lostAck(s, w, r, lines)
			return
		}
		status(400)(s, w, r, lines)
	})
	h := records.NewHost()
	s := shipper(t, srv.URL, newSpool(t, spool.Config{}))
	s.put(t, h, 1)
	srv.asked(t, 4)
	s.delivered(t)
	srv.become(store)
	s.put(t, h, 1)
	s.delivered(t)
	s.Close(10 * time.Second)
	told := srv.engine.Reasons[spool.Unacknowledged]
	stored := srv.engine.Stored
	if stored != h.Truth || told.Records != 4 || told != s.Stats().Spool.Dropped[spool.Unacknowledged] {
		t.Errorf("stored %+v of %+v, told %+v", stored, h.Truth, told)
	}
}

func TestUnderstand(t *testing.T) {
	for _, c := range []struct {
		code   int
		header string
		body   string
		want   verdict
		unsure bool
	}{
		{200, "", "", stored, false},
		{200, "", "Code: 27. DB::Exception: Cannot parse input", refused, false},
		{500, "241", "Code: 241. DB::Exception: Memory limit exceeded", later, false},
		{404, "60", "Code: 60. DB::Exception: Table tcptop.flows does not exist", denied, false},
		{500, "", "Code: 60, e.displayText() = DB::Exception: Table tcptop.flows doesn't exist", denied, false},
		{500, "", "Code: 26, e.displayText() = DB::Exception: Cannot parse", refused, false},
		{500, "", "Code: 999999999999999999999999", later, false},
		{502, "", "<html>", later, true},
		{504, "", "", later, true},
		{429, "", "", later, false},
		{413, "", "", refused, false},
		{418, "", "", denied, false},
	} {
		resp := &http.Response{StatusCode: c.code, Header: http.Header{}, Body: http.NoBody}
		if c.header != "" {
			resp.Header.Set("X-Clickhouse-Exception-Code", c.header)
		}
		a, _ := read(resp)
		e := clickhouse{}
		if a = e.understand(a, resp.Header, []byte(c.body)); a.verdict != c.want || a.unsure != c.unsure {
			t.Errorf("%d %q: %+v", c.code, c.body, a)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
	}{{"", 0}, {"7", 7 * time.Second}, {"-7", 0}, {"99999999", maxWait}, {"Thu, 26 Nov 2026 12:00:09 GMT", 9 * time.Second}, {"Thu, 26 Nov 2026 11:00:00 GMT", 0}, {"soon", 0}} {
		h := http.Header{"Retry-After": {c.text}, "Date": {"Thu, 26 Nov 2026 12:00:00 GMT"}}
		if got := retryAfter(h); got != c.want {
			t.Errorf("%q: %v", c.text, got)
		}
	}
}

// Agents that failed together do not come back together: of a thousand no tenth of the
// time that the wait may take sees more than its share.
func TestJitter(t *testing.T) {
	b := newBackoff()
	b.random = rand.New(rand.NewPCG(1, 1)).Int64N
	for _, c := range []struct {
		failures int
		asked    time.Duration
		from, to time.Duration
	}{{0, 0, 0, 500 * time.Millisecond}, {3, 0, 0, 4 * time.Second}, {6, 0, 0, 30 * time.Second}, {99, 0, 0, 30 * time.Second}, {0, time.Minute, time.Minute, 75 * time.Second}} {
		bins := make([]int, 10)
		for range 1000 {
			d := b.after(c.failures, c.asked)
			if d < c.from || d >= c.to {
				t.Fatalf("after %d: %v", c.failures, d)
			}
			bins[int(10*(d-c.from)/(c.to-c.from))]++
		}
		if slices.Max(bins) > 140 || slices.Min(bins) < 60 {
			t.Errorf("after %d: %v", c.failures, bins)
		}
	}
	if d := b.after(5, now); d != 0 {
		t.Errorf("at once is %v", d)
	}
}

func TestHalve(t *testing.T) {
	for _, lines := range []string{"a\nb\n", "a\nbbbbbbbbbb\n", "aaaaaaaaaaa\nb\n", "a\nb\nc\n"} {
		first, second := halve([]byte(lines))
		if string(first)+string(second) != lines || len(first) == 0 || len(second) == 0 || first[len(first)-1] != '\n' {
			t.Errorf("%q: %q %q", lines, first, second)
		}
	}
}
