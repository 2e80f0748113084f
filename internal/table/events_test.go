package table_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// told is a table of events and what it says of each sample: a line per event.
func told(t *testing.T, samples ...*conn.Sample) (all [][]string) {
	t.Helper()
	tab := table.New(table.Config{Events: true})
	for _, s := range samples {
		tab.Apply(s)
		all = append(all, eventLines(tab.Snapshot()))
	}
	return all
}

func eventLines(s *table.Snapshot) (lines []string) {
	for _, r := range s.Events(nil, nil, 0) {
		line := fmt.Sprintf("%d %v %v > %v", r.ID.Cookie, r.Event, r.OldState, r.State)
		if r.OldStateTime != 0 {
			line += fmt.Sprintf(" %v", time.Duration(r.OldStateTime))
		}
		if r.Reason != 0 {
			line += " " + r.Reason.String()
		}
		lines = append(lines, line)
	}
	return lines
}

// turn is a transition at a number of seconds after start.
func turn(cookie uint64, seconds float64, from, to conn.State) conn.Transition {
	return conn.Transition{ID: conn.ID{Cookie: cookie}, Time: start + int64(seconds*float64(second)), From: from, To: to}
}

// hearing is a sample of a source that tells of transitions.
func hearing(s *conn.Sample, all ...conn.Transition) *conn.Sample {
	s.Transitions = append([]conn.Transition{}, all...)
	return s
}

func outgoing(c conn.Conn) conn.Conn {
	c.Dir = conn.Out
	return c
}

func incoming(c conn.Conn) conn.Conn {
	c.Dir = conn.In
	return c
}

func finished(c conn.Conn, r conn.CloseReason) conn.Conn {
	c.State, c.Reason = conn.Closed, r
	return c
}

func TestEvents(t *testing.T) {
	client, server := outgoing(opened(tcp(1, 0, 0), 0.1)), incoming(opened(tcp(2, 0, 0), 0.2))
	old := tcp(3, 0, 0)
	for _, c := range []struct {
		name    string
		samples []*conn.Sample
		want    [][]string
	}{
		{"a whole life in one tick, both ends, in order of time", []*conn.Sample{hearing(at(0)),
			hearing(closing(at(1), finished(client, conn.FinLocal), finished(server, conn.FinRemote)),
				turn(1, 0.3, conn.SynSent, conn.Established), turn(1, 0.5, conn.Established, conn.FinWait1),
				turn(2, 0.6, conn.Established, conn.CloseWait), turn(1, 0.7, conn.FinWait1, conn.FinWait2),
				turn(2, 0.8, conn.CloseWait, conn.LastAck), turn(1, 0.85, conn.FinWait2, conn.Closed), turn(2, 0.9, conn.LastAck, conn.Closed))},
			[][]string{nil, {
				"1 open closed > syn-sent", "2 open syn-recv > established", "1 state syn-sent > established 200ms",
				"1 state established > fin-wait-1 200ms", "2 state established > close-wait 400ms", "1 state fin-wait-1 > fin-wait-2 200ms",
				"2 state close-wait > last-ack 200ms", "1 close fin-wait-2 > closed 150ms fin-local", "2 close last-ack > closed 100ms fin-remote",
			}}},
		{"over several ticks", []*conn.Sample{hearing(at(0)), hearing(at(1, client), turn(1, 0.5, conn.SynSent, conn.Established)),
			hearing(at(2)), hearing(at(3, client), turn(1, 2.5, conn.Established, conn.CloseWait)),
			hearing(closing(at(4), finished(client, conn.FinRemote)), turn(1, 3.5, conn.CloseWait, conn.LastAck), turn(1, 3.75, conn.LastAck, conn.Closed))},
			[][]string{nil, {"1 open closed > syn-sent", "1 state syn-sent > established 400ms"}, nil,
				{"1 state established > close-wait 2s"}, {"1 state close-wait > last-ack 1s", "1 close last-ack > closed 250ms fin-remote"}}},
		{"of a connection older than tcptop how long is not known at first", []*conn.Sample{hearing(at(0, old)),
			hearing(at(1), turn(3, 0.5, conn.Established, conn.CloseWait)), hearing(at(2), turn(3, 1.5, conn.CloseWait, conn.LastAck))},
			[][]string{nil, {"3 state established > close-wait"}, {"3 state close-wait > last-ack 1s"}}},
		{"what was lost makes no time of the next", []*conn.Sample{hearing(at(0, old)),
			hearing(at(1), turn(3, 0.2, conn.Established, conn.FinWait1), turn(3, 0.7, conn.FinWait2, conn.Closing))},
			[][]string{nil, {"3 state established > fin-wait-1", "3 state fin-wait-2 > closing"}}},
		{"transitions that come before their row wait for it", []*conn.Sample{hearing(at(0)),
			hearing(at(1), turn(1, 0.3, conn.SynSent, conn.Established), turn(1, 0.5, conn.Established, conn.Closed)),
			hearing(closing(at(2), finished(client, conn.ResetLocal)))},
			[][]string{nil, nil, {"1 open closed > syn-sent", "1 state syn-sent > established 200ms", "1 close established > closed 200ms reset-local"}}},
		{"an end that comes ticks after its transition", []*conn.Sample{hearing(at(0, old)), hearing(at(1), turn(3, 0.5, conn.Established, conn.Closed)),
			hearing(at(2)), hearing(closing(at(3), finished(old, conn.ResetRemote)))},
			[][]string{nil, nil, nil, {"3 close established > closed reset-remote"}}},
		{"a source that hears of none tells what ticks found", []*conn.Sample{at(0, client), at(1, withState(client, conn.CloseWait)),
			closing(at(2), finished(client, conn.FinRemote))},
			[][]string{nil, {"1 state established > close-wait"}, {"1 close  > closed fin-remote"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(t, c.samples...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func withState(c conn.Conn, s conn.State) conn.Conn {
	c.State = s
	return c
}

// TestEventsAreBounded has transitions of connections that never get a row: what is not
// kept is counted.
func TestEventsAreBounded(t *testing.T) {
	tab := table.New(table.Config{Events: true})
	many := make([]conn.Transition, 1<<16+5)
	for i := range many {
		many[i] = turn(uint64(i+10), 0.5, conn.Established, conn.FinWait1)
	}
	tab.Apply(hearing(at(0)))
	tab.Apply(hearing(at(1), many...))
	if s := tab.Snapshot(); s.Lost.TransitionsFull != 5 {
		t.Errorf("%d lost in the tick that has no room for 5", s.Lost.TransitionsFull)
	}
	tab.Apply(hearing(at(11)))
	if s := tab.Snapshot(); s.Loss.TransitionsFull != uint64(len(many)) || len(s.Events(nil, nil, 0)) != 0 {
		t.Errorf("%d lost of %d that nobody has come for", s.Loss.TransitionsFull, len(many))
	}
}

// TestEventsAreChosen filters, sorts and cuts them; a snapshot's stay as they are.
func TestEventsAreChosen(t *testing.T) {
	tab := table.New(table.Config{Events: true})
	tab.Apply(hearing(at(0)))
	tab.Apply(hearing(at(1, outgoing(opened(tcp(1, 0, 5), 0.1)), outgoing(opened(tcp(2, 0, 9), 0.2))), turn(2, 0.3, conn.SynSent, conn.Established)))
	s := tab.Snapshot()
	tab.Apply(hearing(at(2)))
	states := func(r *table.Row) bool { return r.State == conn.SynSent }
	most := func(a, b *table.Row) int { return int(b.TxBytes) - int(a.TxBytes) }
	var got []uint64
	for _, r := range s.Events(states, most, 0) {
		got = append(got, r.ID.Cookie)
	}
	if one := s.Events(nil, most, 1); !slices.Equal(got, []uint64{2, 1}) || len(one) != 1 || one[0].Event != conn.EventOpen {
		t.Errorf("in order %v, one %v", got, one)
	}
	if again := table.New(table.Config{}); len(again.Snapshot().Events(nil, nil, 0)) != 0 {
		t.Error("events that nobody asked for")
	}
	s.Release()
	if len(s.Events(nil, nil, 0)) != 0 {
		t.Error("a released snapshot has events")
	}
}
