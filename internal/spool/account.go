package spool

import (
	"maps"
	"time"

	"tcptop/internal/flow"
)

// Why records are dropped.
const (
	SpoolFull      = "spool_full"     // the oldest make room
	Unacknowledged = "unacknowledged" // likewise or refused, but it was sent before and no answer came: the engine may have it
	DiskFull       = "disk_full"      // the disk takes nothing, and neither does memory
	DiskSlow       = "disk_slow"      // the disk takes less than there is
	Rejected       = "rejected"       // the engine refuses what is in them
	Corrupt        = "corrupt"        // the segment was damaged
)

// Reasons are all of them.
var Reasons = []string{SpoolFull, Unacknowledged, DiskFull, DiskSlow, Rejected, Corrupt}

// tally is what was dropped, by reason.
type tally map[string]*flow.Sums

func (t tally) add(reason string, sums *flow.Sums) {
	if t[reason] == nil {
		t[reason] = &flow.Sums{}
	}
	t[reason].Add(sums)
}

func (t tally) clone() tally {
	c := maps.Clone(t)
	for reason, sums := range c {
		was := *sums
		c[reason] = &was
	}
	return c
}

// Stats is how the spool fares.
type Stats struct {
	Segments int       // that wait for an engine
	Held     int       // of these, in memory
	Bytes    int64     // on disk, but for dead letters
	Memory   int64     // bytes of segments in memory
	Dead     int64     // bytes of dead letters
	Oldest   time.Time // of what waits; zero where nothing does
	Err      error     // why the disk takes nothing now; nil is nothing
	Damaged  uint64    // segments found damaged
	Torn     uint64    // segments that a kill kept from being whole
	Dropped  map[string]flow.Sums
}

// Stats returns how the spool fares, without waiting.
func (s *Spool) Stats() Stats { return *s.stats.Load() }

func (s *Spool) counted(reason string, sums, carried *flow.Sums) {
	if s.count.Dropped == nil {
		s.count.Dropped = map[string]flow.Sums{}
	}
	d := s.count.Dropped[reason]
	fresh := sums.Less(carried) // what was carried has been counted
	d.Add(&fresh)
	s.count.Dropped[reason] = d
}

func (s *Spool) publish() {
	c := s.count
	c.Dropped = maps.Clone(s.count.Dropped)
	for _, e := range s.entries {
		if e.data == nil {
			c.Bytes += e.size
		}
		c.Memory += int64(len(e.data))
		if e.refused != "" {
			continue
		}
		c.Segments++
		if e.data != nil {
			c.Held++
		}
		if c.Oldest.IsZero() || e.Time.Before(c.Oldest) {
			c.Oldest = e.Time
		}
	}
	for _, d := range s.dead {
		c.Dead += d.size
	}
	s.stats.Store(&c)
}
