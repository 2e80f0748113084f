package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// boxID is the id of a container that there is not.
var boxID = strings.Repeat("5eed", 16)

// units are cgroups as systemd and container runtimes make them; TEST is this run's.
var units = []conn.Place{
	{Cgroup: "/system.slice/tcptop-TEST.service", Unit: "tcptop-TEST.service", Slice: "system.slice"},
	{Cgroup: `/system.slice/tcptop\x2dTEST\x2da.service/worker`, Unit: "tcptop-TEST-a.service", Slice: "system.slice"},
	{Cgroup: "/user.slice/user-71.slice/session-TEST.scope", Unit: "session-TEST.scope", Slice: "user-71.slice", Session: "TEST"},
	{Cgroup: "/user.slice/user-71.slice/user@71.service/app.slice/tcptop-TEST.scope", Unit: "tcptop-TEST.scope", Slice: "app.slice"},
	{Cgroup: "/docker/" + boxID, ContainerID: boxID},
	{Cgroup: "/kubepods/burstable/pod8f2d3c1a-5b6e-4f70-8192-a3b4c5d6e7f8/" + boxID + "/deep/er", ContainerID: boxID},
	{Cgroup: "/machine.slice/systemd-nspawn@tcptop-TEST.service/payload/system.slice/cron.service",
		Unit: "systemd-nspawn@tcptop-TEST.service", Slice: "machine.slice", Container: "tcptop-TEST", ContainerID: "tcptop-TEST"},
	{Cgroup: "/lxc.payload.tcptop-TEST", Container: "tcptop-TEST", ContainerID: "tcptop-TEST"},
}

// ofTest puts this run's number in.
func ofTest(p conn.Place) conn.Place {
	for _, s := range []*string{&p.Cgroup, &p.Unit, &p.Session, &p.Container, &p.ContainerID} {
		*s = strings.ReplaceAll(*s, "TEST", strconv.Itoa(os.Getpid()))
	}
	return p
}

// TestPlaceGone has cgroups made, used by connections that are closed, and removed, all
// between two ticks: the rows know where they were nevertheless.
func TestPlaceGone(t *testing.T) {
	w := watch(t, conn.Config{TCP: true, Interval: time.Hour})
	spaces := map[*testkit.NS]conn.Place{}
	for _, want := range units {
		want = ofTest(want)
		ns := testkit.NetNS(t)
		spaces[ns] = want
		c := testkit.MakeCgroup(t, want.Cgroup)
		c.Start(ns, "short", "-n", "3", "-par", "1", "-servers", "1").Finish()
		c.Remove()
	}
	s := w.stop()
	for ns, want := range spaces {
		want.User = "root"
		// A namespace that only a container is in has its name.
		want.NetNS = want.Container
		n := 0
		for _, r := range s.closed {
			if uint64(r.NetNS) != ns.Inode() || r.Dir == conn.DirListen {
				continue
			}
			n++
			if r.Place == nil {
				t.Fatalf("%s: no place", want.Cgroup)
			}
			if diff := cmp.Diff(want, *r.Place); diff != "" {
				t.Fatalf("%s: (-want +got)\n%s", want.Cgroup, diff)
			}
		}
		if n != 6 {
			t.Errorf("%s: %d rows of 3 connections", want.Cgroup, n)
		}
	}
	if err := noLoss(s); err != nil {
		t.Error(err)
	}
}

// TestPlaceBefore finds cgroups and connections that are older than tcptop, in the first
// tick.
func TestPlaceBefore(t *testing.T) {
	testkit.Kernel(t)
	want, before := ofTest(units[0]), testkit.NetNS(t)
	c := testkit.MakeCgroup(t, want.Cgroup)
	c.Start(before, "idle", "-n", "2").Ready()
	w := watch(t, conn.Config{TCP: true})
	if err := w.look(func(s *seen) error { return placed(s, before, want) }); err != nil {
		t.Error(err)
	}
}

// TestPlaceLegacy finds the container of a process that only a cgroup v1 hierarchy shows.
func TestPlaceLegacy(t *testing.T) {
	testkit.Kernel(t)
	want, ns := conn.Place{Cgroup: "/docker/" + boxID, ContainerID: boxID}, testkit.NetNS(t)
	c := testkit.MakeLegacyCgroup(t, "pids", want.Cgroup)
	c.Start(ns, "idle", "-n", "2").Ready()
	w := watch(t, conn.Config{TCP: true})
	w.until(patience, func(s *seen) error { return placed(s, ns, want) })
}

// isAt compares a place but for its device, which is TestIface's.
func isAt(p *conn.Place, want conn.Place) bool {
	if p != nil {
		want.Iface = p.Iface
	}
	return p != nil && *p == want
}

// placed reports whether all live rows of a namespace are in one place.
func placed(s *seen, ns *testkit.NS, want conn.Place) error {
	want.User = "root"
	rows := in(ns, s.live)
	for _, r := range rows {
		if !isAt(r.Place, want) {
			return fmt.Errorf("%v %v is in %+v, want %+v", r.ID, r.Owner.Comm, r.Place, want)
		}
	}
	if len(rows) < 4 {
		return fmt.Errorf("%d rows in %d", len(rows), ns.Inode())
	}
	return nil
}
