package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"tcptop/internal/fleet"
	"tcptop/internal/table"
)

// knower knows of every time from begin to now what a host has sent, which is the seconds
// since begin.
type knower struct {
	begin, now time.Time
	fails      error
}

func (k *knower) Ask(_ context.Context, at time.Time) (*fleet.Answer, error) {
	if at.IsZero() {
		at = k.now
	}
	a := &fleet.Answer{Time: at}
	if !at.Before(k.begin) {
		a.Hosts = []fleet.Host{{Name: "web", Known: true, Heard: at, Tx: 1, TxBytes: at.Sub(k.begin).Seconds()}}
	}
	return a, k.fails
}

// TestEnginePast goes to and fro in what an engine knows, whose clock is an hour ahead.
func TestEnginePast(t *testing.T) {
	const every = time.Minute
	k := &knower{now: time.Now().Add(time.Hour).Truncate(every).Add(3 * time.Second)}
	k.begin = k.now.Add(-time.Hour).Truncate(every)
	e := &engineFeed{groups: question{}.by(k.Ask), every: every, turned: make(chan struct{}, 1)}
	e.at = e.groups
	live, _, err := e.snapshot(t.Context())
	if err != nil || !live.Time.Round(time.Second).Equal(k.now.UTC()) {
		t.Fatalf("%v at %v, for the engine it is %v", err, live.Time, k.now)
	}
	move := e.move()
	for i, c := range []struct {
		to    time.Time
		ticks int
		want  time.Duration // before the last whole interval; -1 is an end
		first bool
	}{
		{to: live.Time.Add(-1), want: 0, first: true}, // as the screen does that goes back
		{ticks: -1, want: every, first: true},
		{ticks: -2, want: 3 * every, first: true},
		{ticks: 1, want: 2 * every},
		{ticks: 1, want: every},
		{ticks: 1, want: 0},
		{ticks: 1, want: -1}, // later than now
		{to: k.now.Add(-12 * every), want: 12 * every, first: true},
		{to: k.now.Add(-12 * every), ticks: 1, want: 11 * every},
		{to: k.begin.Add(time.Second), want: k.now.Truncate(every).Sub(k.begin), first: true},
		{ticks: -1, want: -1}, // earlier than all
		{ticks: 1, want: k.now.Truncate(every).Sub(k.begin) - every},
	} {
		var got *table.Snapshot
		err := move(c.to, c.ticks, func(s *table.Snapshot) { got = s })
		if c.want < 0 {
			if !errors.Is(err, io.EOF) || got != nil {
				t.Errorf("%d: %v", i, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		at := k.now.Truncate(every).Add(-c.want)
		if sent := moved(got); !got.Time.Equal(at) || got.First != c.first || got.Elapsed != every || sent != fmt.Sprintf("web %.0f", at.Sub(k.begin).Seconds()) {
			t.Errorf("%d: %v, not %v, first %v, sent %s", i, got.Time, at, got.First, sent)
		}
		got.Release()
	}
	k.fails = errors.New("it is down")
	if err := move(time.Time{}, -1, nil); !errors.Is(err, k.fails) {
		t.Errorf("%v", err)
	}
	if s, about, err := e.snapshot(t.Context()); err != nil || len(about) != 1 || s.Hosts[0].State != table.HostSlow {
		t.Errorf("%v, %q", err, about)
	}
}

// moved is what rows have sent.
func moved(s *table.Snapshot) (text string) {
	for r := range s.Rows() {
		text += fmt.Sprintf("%s %d", s.HostOf(r), r.TxBytes)
	}
	return text
}

// What hosts did not see, and whose clock is wrong, is said of the first one.
func TestAboutAnswer(t *testing.T) {
	a := &fleet.Answer{Hosts: []fleet.Host{{Name: "a"}, {Name: "b", Lossy: true}, {Name: "c", Lossy: true, Off: -5 * time.Minute}, {Name: "d", Lossy: true}}}
	want := []string{"b and 2 more did not see everything in the last minutes", "the clock of c is not the engine's: it is -5m0s off"}
	if got := aboutAnswer(a); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
