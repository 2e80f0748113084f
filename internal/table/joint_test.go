package table

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// told is a row of another host's table.
func told(cookie uint64, event conn.Event, rx uint64) Row {
	return Row{Conn: conn.Conn{ID: conn.ID{Cookie: cookie}, Proto: conn.TCP, State: conn.Established, Has: conn.HasBytes}, Event: event, Moved: true, RxRate: rx}
}

// joined is what a snapshot of j has, a word for each row.
func joined(j *Joint, mono int64) []string {
	s := j.Snapshot(time.Unix(0, mono), mono)
	defer s.Release()
	var all []string
	for r := range s.Rows() {
		all = append(all, fmt.Sprintf("%s/%s %v %d", s.HostOf(r), r.ID, r.Event, r.RxRate))
	}
	if s.Len() != len(all) {
		all = append(all, fmt.Sprintf("Len is %d", s.Len()))
	}
	slices.Sort(all)
	return all
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestJoint(t *testing.T) {
	j := NewJoint([]string{"a", "b"}, 0)
	j.Apply(0, &Told{Mono: 1, First: true, Rows: []Row{told(1, conn.EventSample, 0), told(2, conn.EventSample, 0)}})
	j.Apply(1, &Told{Mono: 1, First: true, Rows: []Row{told(1, conn.EventSample, 0)}})
	equal(t, "the same id on two hosts", joined(j, 1), "a/1 sample 0", "a/2 sample 0", "b/1 sample 0")

	j.Apply(0, &Told{Mono: 2, Rows: []Row{told(1, conn.EventSample, 10), told(3, conn.EventOpen, 30)}})
	j.Apply(1, &Told{Mono: 2, Rows: []Row{told(1, conn.EventClose, 5)}})
	equal(t, "what moved", joined(j, 2), "a/1 sample 10", "a/2 sample 0", "a/3 open 30", "b/1 close 5")

	equal(t, "no tick in time: rates stay, events do not", joined(j, 3), "a/1 sample 10", "a/2 sample 0", "a/3 sample 30")

	j.Apply(0, &Told{Mono: 4, Rows: []Row{told(3, conn.EventClose, 7), told(4, conn.EventOpen, 1)}})
	j.Apply(0, &Told{Mono: 5, Rows: []Row{told(2, conn.EventSample, 9), told(4, conn.EventSample, 2)}, Gone: []conn.ID{{Cookie: 1}, {Cookie: 99}}})
	equal(t, "two ticks at once", joined(j, 5), "a/2 sample 9", "a/3 close 0", "a/4 open 2")

	j.Apply(0, &Told{Mono: 6, Full: true, Rows: []Row{told(4, conn.EventSample, 3)}})
	equal(t, "everything", joined(j, 6), "a/4 sample 3")

	j.State(0, HostGone, "no route", 7)
	equal(t, "gone", joined(j, 7))
	s := j.Snapshot(time.Unix(0, 8), 8)
	if h := s.Hosts[0]; h.State != HostGone || h.Since != 7 || h.Why != "no route" || h.Heard != 6 {
		t.Errorf("%+v", h)
	}
	j.State(0, HostOK, "", 9)
	j.Apply(0, &Told{Mono: 9, First: true, Rows: []Row{told(4, conn.EventSample, 0)}})
	s = j.Snapshot(time.Unix(0, 9), 9)
	for r := range s.Rows() {
		if !s.FirstOf(r) || s.HostOf(r) != "a" {
			t.Errorf("first: %v, of %q", s.FirstOf(r), s.HostOf(r))
		}
	}
}

// TestJointHeld keeps a snapshot as it was while later ones are made.
func TestJointHeld(t *testing.T) {
	j := NewJoint([]string{"a"}, 0)
	j.Apply(0, &Told{First: true, Rows: []Row{told(1, conn.EventSample, 0)}})
	old := j.Snapshot(time.Unix(0, 1), 1)
	for n := range uint64(5) {
		j.Apply(0, &Told{Rows: []Row{told(1, conn.EventSample, n+1), told(n+2, conn.EventOpen, 1)}})
		j.Snapshot(time.Unix(0, 2), 2).Release()
	}
	for r := range old.Rows() {
		if old.Len() != 1 || r.RxRate != 0 {
			t.Errorf("%d rows, %+v", old.Len(), r)
		}
	}
}

func TestJointBound(t *testing.T) {
	j := NewJoint([]string{"a", "b"}, 3)
	var rows []Row
	for n := range uint64(10) {
		rows = append(rows, told(n+1, conn.EventSample, 1))
	}
	for range 3 {
		j.Apply(0, &Told{Full: true, Rows: rows})
		j.Apply(1, &Told{Full: true, Rows: rows[:2]})
		s := j.Snapshot(time.Unix(0, 1), 1)
		if s.Len() != 5 || s.Loss.RowsFull != 7 {
			t.Errorf("%d rows, %d without room", s.Len(), s.Loss.RowsFull)
		}
	}
	for n := range uint64(1000) { // positions are used again
		j.Apply(0, &Told{Rows: []Row{told(1000+n, conn.EventClose, 1)}, Gone: []conn.ID{{Cookie: 1}, {Cookie: 2}, {Cookie: 3}}})
		j.Snapshot(time.Unix(0, 1), 1).Release()
	}
	if n := len(j.t.pages); n > 3 {
		t.Errorf("%d pages for 5 rows", n)
	}
}

// TestJointNotShown adds up what hosts have no rows for, but for those that are not heard.
func TestJointNotShown(t *testing.T) {
	j := NewJoint([]string{"a", "b"}, 0)
	j.Apply(0, &Told{Mono: 1, First: true, NotShown: 30})
	j.Apply(1, &Told{Mono: 1, First: true, NotShown: 7})
	if s := j.Snapshot(time.Unix(0, 1), 1); s.NotShown() != 37 || s.Hosts[1].NotShown != 7 {
		t.Errorf("%d are not shown, %d of b", s.NotShown(), s.Hosts[1].NotShown)
	}
	j.State(1, HostGone, "no route", 2)
	j.Apply(0, &Told{Mono: 2, NotShown: 29})
	if s := j.Snapshot(time.Unix(0, 2), 2); s.NotShown() != 29 {
		t.Errorf("%d are not shown, want 29", s.NotShown())
	}
}
