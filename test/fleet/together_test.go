package fleet

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"time"

	"tcptop/internal/fleet"
)

// together requires of the sums over all hosts what the engine says of them, and of all
// rows together what the hosts move.
func (e *promql) together() {
	e.t.Helper()
	engine, err := fleet.New(fleet.Config{URL: &url.URL{Scheme: "http", Host: e.addr}})
	if err != nil {
		e.t.Fatal(err)
	}
	e.eventually(func() error { // what is scraped just now may be there for one question only
		at := time.Now().Add(-2 * time.Second).Truncate(time.Second)
		for label, ask := range map[string]func(context.Context, time.Time) (*fleet.Answer, error){"tcptop_peer": engine.AskPeers, "tcptop_workload": engine.AskWorkloads} {
			answer, err := ask(e.t.Context(), at)
			if err != nil {
				return err
			}
			want, err := e.at(at, label, fmt.Sprintf(`sum by (%s) (rate(tcptop_group_io_bytes_total{%s!="other"}[1m]))`, label, label))
			if err != nil {
				return err
			}
			if len(answer.Together) != len(want) || len(want) == 0 {
				return fmt.Errorf("%s: %d sums, the engine has %v", label, len(answer.Together), want)
			}
			for i := range answer.Together {
				g := &answer.Together[i]
				value := g.Labels[map[string]int{"tcptop_peer": 2, "tcptop_workload": 1}[label]]
				if off := g.Total - want[value]; math.Abs(off) > 1e-6*g.Total {
					return fmt.Errorf("%s %q: %v, the engine has %v", label, value, g.Total, want[value])
				}
			}
			hosts, err := e.at(at, "", `sum(rate(tcptop_host_io_bytes_total[1m]))`)
			if err != nil {
				return err
			}
			s, sum := fleet.NewRoll().Snapshot(answer, at, int64(time.Hour), ""), 0.0
			for r := range s.Rows() {
				sum += float64(r.Rate())
			}
			if math.Abs(sum-hosts[""]) > float64(2*s.Len()) { // each is rounded
				return fmt.Errorf("%s: %d rows of %v bytes a second, the hosts move %v", label, s.Len(), sum, hosts[""])
			}
		}
		return nil
	})
}
