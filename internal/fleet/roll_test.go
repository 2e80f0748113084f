package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/table"
)

// answerWith has hosts that move less, one after the other, each with the same group.
func answerWith(hosts ...string) *Answer {
	a := &Answer{Time: noon}
	for i, name := range hosts {
		moves := float64(1000 - i)
		a.Hosts = append(a.Hosts, Host{Name: name, Known: true, Heard: noon, Tx: moves})
		a.Groups = append(a.Groups, Group{Host: name, Labels: [...]string{"nginx", "", "", "443", "tcp", "server"}, Total: moves, Tx: moves})
	}
	return a
}

// seen is whose row of nginx has which number, in order of hosts, and releases s. A row
// that is known by its number has the position that it had.
func seen(t *testing.T, s *table.Snapshot, at map[string]int32) (all []string) {
	t.Helper()
	for r := range s.Rows() {
		if r.Owner.Comm.String() == "nginx" {
			who := fmt.Sprintf("%s %d", s.HostOf(r), r.ID.Host)
			if pos, known := at[who]; known && pos != r.Pos {
				t.Errorf("%s goes from %d to %d", who, pos, r.Pos)
			}
			at[who], all = r.Pos, append(all, who)
		}
	}
	slices.Sort(all)
	s.Release()
	return all
}

// A row stays the same one whatever its host's rank is, in the past, too; whoever has gone
// leaves a place to others.
func TestRoll(t *testing.T) {
	now := NewRoll()
	past := now.Past()
	at := int64(time.Hour)
	places := map[*Roll]map[string]int32{now: {}, past: {}}
	for _, c := range []struct {
		roll  *Roll
		hosts []string
		want  []string
	}{
		{now, []string{"a", "b", "c"}, []string{"a 1", "b 2", "c 3"}},
		{now, []string{"c", "a", "b"}, []string{"a 1", "b 2", "c 3"}},
		{past, []string{"old", "c", "b"}, []string{"b 2", "c 3", "old 4"}},
		{past, []string{"b", "a"}, []string{"a 1", "b 2"}},
		{now, []string{"b", "c"}, []string{"b 2", "c 3"}},
		{now, []string{"c", "new", "b"}, []string{"b 2", "c 3", "new 1"}},
		{past, []string{"a", "b", "new"}, []string{"a 4", "b 2", "new 1"}},
	} {
		at += int64(time.Second)
		if diff := cmp.Diff(c.want, seen(t, c.roll.Snapshot(answerWith(c.hosts...), noon, at, ""), places[c.roll])); diff != "" {
			t.Errorf("%v: %s", c.hosts, diff)
		}
	}
	s := now.Snapshot(answerWith("b"), noon, at, "")
	defer s.Release()
	var names []string
	for _, h := range s.Hosts {
		names = append(names, h.Name+" "+h.State.String())
	}
	if diff := cmp.Diff([]string{" connecting", "b ok", " connecting", " connecting"}, names); diff != "" {
		t.Error(diff)
	}
}
