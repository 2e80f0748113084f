// Package flow makes records of snapshots for an engine that keeps them: per interval
// the connections that moved most, those that ended, and one rest, so that the sum of
// an interval's records is what moved in it, to the byte.
//
// It reads no clock and keeps no snapshot: the same snapshots give the same records.
package flow

import (
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Config bounds what an interval gives. Zero fields take their defaults.
type Config struct {
	Interval time.Duration // 10s
	Top      int           // records of connections that go on; 200
	Ends     int           // records of connections that ended; ten times Top
}

// Folder folds snapshots into records. It is for one goroutine.
type Folder struct {
	cfg   Config
	seats []seat // by Row.Pos
	ended ranking
	rest  Record
	lost  conn.OwnerTotal // sums of Snapshot.Totals as of the last interval
	start int64           // monotonic ns of the first snapshot; 0 before it
	begin int64           // of the interval
}

// seat is what is known of the row at a position.
type seat struct {
	id  conn.ID
	has bool  // was is known
	was Moved // since the connection opened, as of the last record
}

// New returns a Folder without a past.
func New(cfg Config) *Folder {
	if cfg.Interval <= 0 {
		cfg.Interval = 10 * time.Second
	}
	if cfg.Top <= 0 {
		cfg.Top = 200
	}
	if cfg.Ends <= 0 {
		cfg.Ends = 10 * cfg.Top
	}
	return &Folder{cfg: cfg}
}

// Fold takes the next snapshot; none may be left out. It returns the records of the
// interval that ends with it, or with end, after which no more come; nil before that.
// The rest is the last of them. s may be released afterwards.
func (f *Folder) Fold(s *table.Snapshot, end bool) []Record {
	if s.First || f.start == 0 {
		f.restart(s)
	}
	for r := range s.Rows() {
		f.look(r)
	}
	passed := time.Duration(s.Mono - f.begin)
	if !end && passed+s.Elapsed/2 < f.cfg.Interval || s.First && !end { // the tick nearest to the interval's end
		return nil
	}
	return f.records(s, passed)
}

// restart begins with s: what moved before it is nobody's.
func (f *Folder) restart(s *table.Snapshot) {
	clear(f.seats)
	f.start, f.begin = s.Mono, s.Mono
	f.lost = sumTotals(s.Totals)
}

// look finds the row's base and notes its end.
func (f *Folder) look(r *table.Row) {
	p := f.seat(r)
	if p.id != r.ID {
		*p = seat{id: r.ID}
	}
	if !p.has && r.Has&conn.HasBytes != 0 {
		p.has = true
		if r.Opened <= f.start { // what it moved before was not ours to see
			p.was = movedBy(&r.Conn)
		}
	}
	if r.Event != conn.EventClose && r.Event != conn.EventFail {
		return
	}
	rec := Record{Kind: End, Row: *r, Moved: p.take(r)}
	f.ended.offer(rec, f.cfg.Ends, &f.rest)
}

func (f *Folder) seat(r *table.Row) *seat {
	if n := int(r.Pos) + 1; n > len(f.seats) {
		f.seats = append(f.seats, make([]seat, n-len(f.seats))...)
	}
	return &f.seats[r.Pos]
}

// take is what the row moved since its last record, which the next no longer tells.
func (p *seat) take(r *table.Row) Moved {
	if !p.has {
		return Moved{}
	}
	now := movedBy(&r.Conn)
	m := now.since(&p.was)
	p.was = now
	return m
}

// records ends the interval.
func (f *Folder) records(s *table.Snapshot, passed time.Duration) []Record {
	var top ranking
	for r := range s.Rows() {
		if m := f.seat(r).take(r); m != (Moved{}) {
			top.offer(Record{Kind: Update, Row: *r, Moved: m}, f.cfg.Top, &f.rest)
		}
	}
	f.rest.Kind = Rest
	f.addLost(s.Totals)
	all := append(append(top.sorted(), f.ended.sorted()...), f.rest)
	frame := &table.Snapshot{Time: s.Time, Mono: s.Mono, Host: s.Host, Origin: s.Origin}
	for i := range all {
		all[i].frame, all[i].Interval = frame, passed
	}
	f.ended, f.rest, f.begin = ranking{}, Record{}, s.Mono
	return all
}

// addLost counts in the rest the connections that never had a row.
func (f *Folder) addLost(totals []conn.OwnerTotal) {
	now := sumTotals(totals)
	f.rest.Conns += now.Conns - f.lost.Conns
	f.rest.Moved.RxBytes += now.RxBytes - f.lost.RxBytes
	f.rest.Moved.TxBytes += now.TxBytes - f.lost.TxBytes
	f.lost = now
}

func sumTotals(totals []conn.OwnerTotal) (sum conn.OwnerTotal) {
	for i := range totals {
		sum.Conns += totals[i].Conns
		sum.RxBytes += totals[i].RxBytes
		sum.TxBytes += totals[i].TxBytes
	}
	return sum
}
