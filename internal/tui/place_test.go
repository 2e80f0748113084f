package tui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// placed has rows in containers: of one name in two pods, without a name, and in pods of
// one name in two Kubernetes namespaces.
func placed() *conn.Sample {
	id := func(n int) string { return strings.Repeat(fmt.Sprint(n), 64) }
	places := []*conn.Place{
		{Container: "app", ContainerID: id(1), Pod: "web-0", Namespace: "prod", NetNS: "web-0", Unit: "cri-containerd-1.scope"},
		{Container: "app", ContainerID: id(2), Pod: "web-0", Namespace: "test", NetNS: "web-0", Unit: "cri-containerd-2.scope"},
		{Container: "side", ContainerID: id(3), Pod: "web-0", Namespace: "prod", NetNS: "web-0"},
		{ContainerID: id(4)}, {Container: "lxc\x1b[2J", ContainerID: "lxc\x1b[2J"}, {Unit: "nginx.service"}, nil,
	}
	s := ticks()[0]
	s.Conns = s.Conns[:0]
	for i := range 3 * len(places) {
		c := tcp(uint64(500+i), "app", uint32(70+i), "10.0.0.1", uint16(40000+i), "10.0.0.2", 443)
		c.RxBytes, c.TxBytes, c.Place, c.NetNS = uint64(1000*i), uint64(i), places[i%len(places)], uint32(7000+i%len(places))
		s.Conns = append(s.Conns, c)
	}
	return s
}

// Rows are in the group of their container, pod, unit or namespace; each sum is that of
// its rows.
func TestGroupsOfPlaces(t *testing.T) {
	of := func(r *table.Row) conn.Place {
		if r.Place == nil {
			return conn.Place{}
		}
		return *r.Place
	}
	labels := map[string]func(r *table.Row) string{
		"container": func(r *table.Row) string {
			switch p := of(r); {
			case p.Pod != "":
				return p.Pod + "/" + p.Container + " " + p.ContainerID[:1]
			case p.Container != "":
				return strings.ReplaceAll(p.Container, "\x1b", `\x1b`)
			case p.ContainerID != "":
				return p.ContainerID[:12]
			}
			return "(no container)"
		},
		"pod": func(r *table.Row) string {
			if p := of(r); p.Pod != "" {
				return p.Namespace + "/" + p.Pod
			}
			return "(no pod)"
		},
		"unit": func(r *table.Row) string {
			if p := of(r); p.Unit != "" {
				return p.Unit
			}
			return "(no unit)"
		},
		"netns": func(r *table.Row) string { return strings.TrimLeft(fmt.Sprintf("%s %d", of(r).NetNS, r.NetNS), " ") },
	}
	d := start(t, 160, 50, Config{})
	d.tick(placed(), 0)
	for by, label := range labels {
		d.view().setGroup(by)
		d.arrange()
		type sum struct {
			rows   int
			rx, tx uint64
		}
		want, got := map[string]sum{}, map[string]sum{}
		for r := range d.shown.Rows() {
			s := want[label(r)]
			want[label(r)] = sum{s.rows + 1, s.rx + r.RxBytes, s.tx + r.TxBytes}
		}
		for _, it := range d.view().window {
			name := string(d.view().grouping.appendLabel(nil, it.group, &d.env))
			if by == "container" && it.group.sum.Place != nil && it.group.sum.Place.Pod != "" {
				name += " " + it.group.sum.Place.ContainerID[:1]
			}
			got[name] = sum{it.group.n, it.group.sum.RxBytes, it.group.sum.TxBytes}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(sum{})); diff != "" {
			t.Errorf("%s: (-rows +groups)\n%s", by, diff)
		}
	}
}
