package fleet

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tcptop/internal/fleet"
	"tcptop/internal/spool"
	"tcptop/internal/table"
	"tcptop/internal/testkit/records"
)

// TestConnectionsAsked asks an engine for connections, now and at an earlier time: they are
// those that moved most, and with what is left of each host they add up to it. One host has
// been silent, one has gone.
func TestConnectionsAsked(t *testing.T) {
	for _, c := range []struct {
		name, tables string
		engine       func(testing.TB) *engine
	}{{"18.16", "flows-18.16.sql", clickhouse}, {"now", "flows.sql", chdb}} {
		t.Run(c.name, func(t *testing.T) {
			e := c.engine(t)
			e.start()
			e.tables(c.tables)
			for name, ticks := range map[string]int{"host-a": 600, "host-b": 600, "silent": 480, "gone": 100} {
				a := newAgent(t, name, e.address(), spool.Config{})
				for n := range ticks {
					if r := a.host.Interval(); n < 3 || n%50 == 0 || n > ticks-3 {
						a.shipper.Put(r)
						a.written(t)
					}
				}
				a.delivered(t)
				a.shipper.Close(10 * time.Second)
			}
			u := &url.URL{Scheme: "http", Host: e.addr, Path: "/"}
			f := fleet.NewFlows(fleet.FlowsConfig{URL: u, Table: "`tcptop`.`flows`", Top: 5})
			for _, at := range []int{600, 2} {
				now := records.Begin.Add(time.Duration(at) * time.Second)
				answer, err := f.Ask(context.Background(), now)
				if err != nil {
					t.Fatal(err)
				}
				if len(answer.Groups) != 5 || answer.Exact != 5 {
					t.Errorf("%d connections, %d certain", len(answer.Groups), answer.Exact)
				}
				s := fleet.NewRoll().Snapshot(answer, now, 1e15, "")
				var got []string
				sums := map[string]uint64{}
				for r := range s.Rows() {
					host := s.Hosts[r.ID.Host-1].Name
					sums[host] += r.RxRate
					got = append(got, fmt.Sprintf("%s %x %d", host, r.ID.Cookie&0xff, r.RxRate))
				}
				states := []string{}
				for _, h := range s.Hosts {
					states = append(states, fmt.Sprintf("%s %v", h.Name, h.State))
				}
				slices.Sort(states)
				if at == 2 {
					if len(s.Hosts) != 4 || sums["gone"] != 15000 || sums["host-a"] != 15000 {
						t.Errorf("at the begin %v, %v", sums, states)
					}
					continue
				}
				if sums["host-a"] != 15000 || sums["host-b"] != 15000 || sums["silent"] != 0 {
					t.Errorf("the rows' sums are %v: %v", sums, got)
				}
				if n := strings.Count(strings.Join(got, "\n"), " 5 5000"); n != 2 {
					t.Errorf("%d rows of the connection that moves most: %v", n, got)
				}
				if want := []string{"gone " + fmt.Sprint(table.HostGone), "host-a " + fmt.Sprint(table.HostOK), "host-b " + fmt.Sprint(table.HostOK), "silent " + fmt.Sprint(table.HostSlow)}; !slices.Equal(states, want) {
					t.Errorf("hosts %v, not %v", states, want)
				}
				s.Release()
			}
		})
	}
}
