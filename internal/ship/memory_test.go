package ship

import (
	"runtime"
	"testing"
	"time"

	"tcptop/internal/flow"
	"tcptop/internal/spool"
	"tcptop/internal/testkit/records"
)

// An engine that hangs, and a disk that hangs with it, cost no memory beyond what is bounded:
// a few intervals that wait, and 8 MiB of segments at most.
func TestMemoryIsBounded(t *testing.T) {
	srv := newServer(t, hang)
	h := records.NewHost()
	sp := newSpool(t, spool.Config{MaxSize: 400 << 10})
	s := idle(t, srv.URL, sp)
	big := func() (all []flow.Record) { // of as many records as an interval has at most
		for range 550 {
			all = append(all, h.Interval()...)
		}
		return all
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	interval := big()
	before := heap()
	for range 60 {
		s.Put(big())
	}
	waiting := int64(heap()) - int64(before)
	s.begin()
	for range 60 {
		s.Put(interval)
		s.put(t, h, 1)
	}
	grown := max(waiting, int64(heap())-int64(before))
	if grown > 24<<20 {
		t.Errorf("%d bytes more", grown)
	}
	st := s.Stats()
	if st.Spool.Bytes > 400<<10 || st.Spool.Dropped[spool.SpoolFull].Records == 0 {
		t.Errorf("%+v", st.Spool)
	}
	s.Close(10 * time.Second)
	t.Logf("%d KiB more, %d KiB on disk", grown>>10, st.Spool.Bytes>>10)
}
