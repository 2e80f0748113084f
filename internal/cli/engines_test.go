package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	"tcptop/internal/fleet"
	"tcptop/internal/table"
)

// told is an engine that answers with one host of its name.
func told(name string) *question {
	q := question{name: name}
	return q.by(func(_ context.Context, at time.Time) (*fleet.Answer, error) {
		return &fleet.Answer{Time: at, Hosts: []fleet.Host{{Name: name, Heard: at, Known: true}}}, nil
	})
}

// What is looked at says what is asked for, at once; what is asked about another time is
// of the same.
func TestEngines(t *testing.T) {
	e := &engineFeed{groups: told("groups"), peers: told("peers"), workloads: told("workloads"), conns: told("conns"), every: time.Hour, turned: make(chan struct{}, 1)}
	e.at = e.of("")
	views := []string{"Remotes", "Workloads", "Processes", "Connections"}
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // the next tick is in an hour
	defer cancel()
	err := e.each(ctx, func(s *table.Snapshot, _ []string) bool {
		defer s.Release()
		got = append(got, s.Hosts[0].Name)
		if len(got) > len(views) {
			return false
		}
		if !e.viewed(views[len(got)-1]) {
			t.Errorf("%s is what was looked at before", views[len(got)-1])
		}
		return true
	})
	want := []string{"conns", "peers", "workloads", "groups", "conns"}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if e.viewed("Connections") {
		t.Error("the same view asks again")
	}
	e.viewed("Hosts")
	err = e.move()(time.Now().Add(-time.Minute), 0, func(s *table.Snapshot) {
		if s.Hosts[0].Name != "groups" {
			t.Errorf("the past is of %s", s.Hosts[0].Name)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// A question is given up when something else is looked at; an engine that does not answer
// while the other does ends nothing.
func TestEngineTurned(t *testing.T) {
	asked := make(chan struct{})
	slow, broken := question{name: "slow"}, question{name: "broken"}
	e := &engineFeed{groups: told("groups"), every: time.Hour, turned: make(chan struct{}, 1)}
	e.conns = slow.by(func(ctx context.Context, _ time.Time) (*fleet.Answer, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	e.peers = broken.by(func(context.Context, time.Time) (*fleet.Answer, error) { return nil, errors.New("no route") })
	e.at = e.of("")
	go func() {
		<-asked
		e.viewed("Hosts")
	}()
	n := 0
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := e.each(ctx, func(s *table.Snapshot, about []string) bool {
		defer s.Release()
		switch n++; n {
		case 1:
			if s.Hosts[0].Name != "groups" {
				t.Errorf("of %s", s.Hosts[0].Name)
			}
			e.viewed("Remotes")
			return true
		default:
			if s.Len() != 0 || len(about) != 1 || about[0] != "broken does not answer: no route" {
				t.Errorf("%d rows, %q", s.Len(), about)
			}
			return false
		}
	})
	if err != nil || n != 2 {
		t.Errorf("%d answers, %v", n, err)
	}
	// An engine that has not answered yet is waited for where there is another one.
	e = &engineFeed{groups: told("groups"), conns: e.peers, every: time.Hour, turned: make(chan struct{}, 1), wait: true}
	e.at = e.of("")
	if s, about, err := e.snapshot(t.Context()); err != nil || s.Len() != 0 || len(about) != 1 {
		t.Errorf("%q, %v", about, err)
	}
	// Where nobody has answered yet there is nothing to show.
	e = &engineFeed{groups: e.conns, every: time.Hour, turned: make(chan struct{}, 1)}
	e.at = e.of("")
	if err := e.each(t.Context(), func(*table.Snapshot, []string) bool { return false }); err == nil {
		t.Error("an engine that never answered has something to show")
	}
}
