package fleet

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"tcptop/internal/conn"
	"tcptop/internal/group"
)

// Answer is what an engine knows of one time.
type Answer struct {
	Time   time.Time
	Hosts  []Host  // all that are remembered, the one that moves most first
	Groups []Group // that move most, the one that does so most first
	// Together are sums over all hosts instead, each with one label; their bytes are
	// those of the time that rates are over. nil where groups were asked for.
	Together []Group
	over     time.Duration
	Exact    int  // so many of Groups are certainly those that move most
	Asked    int  // questions
	Records  bool // totals come from recording rules

	Warnings []string // of the engine: something may be missing; hostile until escaped
}

// Host is one host as the engine knows it.
type Host struct {
	Name   string
	Heard  time.Time     // its newest tick
	Off    time.Duration // of its clock to the engine's, where it is far off
	Known  bool          // what it moves is known
	Tx, Rx float64       // bytes per second
	Lossy  bool          // it did not see everything in the last minutes

	TxBytes, RxBytes float64 // since its agent began
}

func (h *Host) total() float64 { return h.Tx + h.Rx }

// Group is a group of connections of one host.
type Group struct {
	Host   string
	Labels [group.LabelCount]string // as group.Key has them
	Total  float64                  // bytes per second
	Tx     float64                  // of these

	TxBytes, RxBytes float64 // since it has its place

	conn *conn.Conn // of a single connection: what is known of it
}

// Ask asks what is known of a time; zero is now, as the engine has it. Where it knows of no
// host the answer's time is zero, too.
func (e *Engine) Ask(ctx context.Context, at time.Time) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	a := &asking{Engine: e, at: at}
	hosts, err := a.begin(ctx)
	if err != nil {
		return nil, err
	}
	answer := &Answer{Time: a.at, Hosts: hosts, Records: e.records}
	if answer.Groups, answer.Exact, err = a.top(ctx, hosts); err != nil {
		return nil, err
	}
	if err := a.directions(ctx, answer); err != nil {
		return nil, err
	}
	answer.Asked, answer.Warnings = a.asked, a.warnings
	return answer, nil
}

// begin asks what comes first: which hosts there are and, where none is given, the time.
func (a *asking) begin(ctx context.Context) ([]Host, error) {
	heard, err := a.vector(ctx, a.heard())
	if err != nil {
		return nil, err
	}
	if a.at.IsZero() && len(heard) > 0 {
		a.at = heard[0].Timestamp.Time().UTC()
	}
	if err := a.probe(ctx); err != nil {
		return nil, err
	}
	return a.hosts(ctx, heard)
}

// probe looks now and then whether recording rules are there.
func (a *asking) probe(ctx context.Context) error {
	if age := a.at.Sub(a.probed); !a.probed.IsZero() && age < probeEvery && age > -probeEvery {
		return nil
	}
	found, err := a.vector(ctx, "count(instance:tcptop_io_bytes:rate1m)")
	if err != nil {
		return err
	}
	a.Engine.records, a.Engine.probed = len(found) > 0, a.at
	return nil
}

// hosts are all that are remembered. What is not answered about one is not known, and
// not zero.
func (a *asking) hosts(ctx context.Context, heard model.Vector) ([]Host, error) {
	ticking, err := a.vector(ctx, a.ticking())
	if err != nil {
		return nil, err
	}
	totals, err := a.vector(ctx, a.totals())
	if err != nil {
		return nil, err
	}
	lossy, err := a.vector(ctx, a.lossy())
	if err != nil {
		return nil, err
	}
	moved, err := a.vector(ctx, a.moved())
	if err != nil {
		return nil, err
	}
	index := make(map[string]*Host, len(heard))
	for _, s := range heard {
		name := a.hostOf(s)
		index[name] = &Host{Name: name, Heard: timeOf(s)}
	}
	for _, s := range ticking {
		if h := index[a.hostOf(s)]; h != nil {
			h.ticks(timeOf(s))
		}
	}
	for _, s := range moved {
		if h := index[a.hostOf(s)]; h != nil { // else the engine has not answered as a whole
			*direction(s, &h.TxBytes, &h.RxBytes) += number(s)
			h.Known = true
		}
	}
	rated := make(map[*Host]bool, len(totals))
	for _, s := range totals {
		if h := index[a.hostOf(s)]; h != nil {
			*direction(s, &h.Tx, &h.Rx) += number(s)
			rated[h] = true
		}
	}
	for _, h := range index { // rates outlive a host by a minute
		h.Known = h.Known && rated[h]
	}
	for _, s := range lossy {
		if h := index[a.hostOf(s)]; h != nil {
			h.Lossy = true
		}
	}
	all := make([]Host, 0, len(index))
	for _, h := range index {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b Host) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// clockOff is from where on a clock is off. Below that a host may as well be late, which
// shows after late; whoever does not tick for longer is not ticking.
const clockOff = 2 * time.Minute

// ticks takes the engine's word for when h was heard, if h's own clock cannot be right.
func (h *Host) ticks(engine time.Time) {
	if off := h.Heard.Sub(engine); off.Abs() > clockOff {
		h.Off, h.Heard = off, engine
	}
}

// direction is the one of both that s is of.
func direction(s *model.Sample, tx, rx *float64) *float64 {
	if s.Metric[directionLabel] == "transmit" {
		return tx
	}
	return rx
}

// top finds the groups that move most of all hosts without asking all: a group moves no
// more than its host, so once the last of the best moves as much as the next host there
// is no better one (Fagin, Lotem, Naor, PODS 2001: the threshold algorithm). So many of
// them are certain where too many hosts would have to be asked.
func (a *asking) top(ctx context.Context, hosts []Host) (best []Group, exact int, _ error) {
	for n := range maxBatches {
		from := n * batch
		if from >= len(hosts) || !hosts[from].Known || a.certain(best, hosts[from:]) == a.cfg.Top {
			break
		}
		names := make([]string, 0, batch)
		for _, h := range hosts[from:min(from+batch, len(hosts))] {
			names = append(names, h.Name)
		}
		found, err := a.vector(ctx, a.groups(names))
		if err != nil {
			return nil, 0, err
		}
		for _, s := range found {
			best = append(best, Group{Host: a.hostOf(s), Labels: labelsOf(s), Total: number(s)})
		}
		slices.SortFunc(best, func(a, b Group) int {
			return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Host, b.Host), slices.Compare(a.Labels[:], b.Labels[:]))
		})
		best = best[:min(len(best), a.cfg.Top)]
	}
	return best, a.certain(best, hosts[min(maxBatches*batch, len(hosts)):]), nil
}

// certain is how many of best no group of the hosts that are left can move more than.
func (a *asking) certain(best []Group, left []Host) int {
	if len(left) == 0 {
		return len(best)
	}
	n, _ := slices.BinarySearchFunc(best, left[0].total(), func(g Group, total float64) int {
		if g.Total >= total {
			return -1
		}
		return 1
	})
	return n
}

// directions fills in which part of what the groups move they send, and their bytes.
func (a *asking) directions(ctx context.Context, answer *Answer) error {
	type key struct {
		host   string
		labels [group.LabelCount]string
	}
	index := make(map[key]*Group)
	var hosts, processes []string
	for i := range answer.Groups {
		g := &answer.Groups[i]
		index[key{g.Host, g.Labels}] = g
		hosts, processes = append(hosts, g.Host), append(processes, g.Labels[0])
	}
	if len(index) == 0 {
		return nil
	}
	match := a.of(distinct(hosts), distinct(processes))
	rates, err := a.vector(ctx, a.groupsSend(match))
	if err != nil {
		return err
	}
	moved, err := a.vector(ctx, a.groupsMoved(match))
	for _, s := range rates {
		if g := index[key{a.hostOf(s), labelsOf(s)}]; g != nil {
			g.Tx = min(number(s), g.Total)
		}
	}
	for _, s := range moved {
		if g := index[key{a.hostOf(s), labelsOf(s)}]; g != nil {
			*direction(s, &g.TxBytes, &g.RxBytes) = number(s)
		}
	}
	return err
}

func distinct(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

func (a *asking) hostOf(s *model.Sample) string {
	return string(s.Metric[model.LabelName(a.cfg.HostLabel)])
}

func labelsOf(s *model.Sample) (labels [group.LabelCount]string) {
	for i, name := range groupBy {
		labels[i] = string(s.Metric[model.LabelName(name)])
	}
	return labels
}

// timeOf is a value that is seconds since 1970.
func timeOf(s *model.Sample) time.Time {
	return time.UnixMilli(int64(math.Round(number(s) * 1000))).UTC()
}

// number is a value that can be shown; what is none moves nothing.
func number(s *model.Sample) float64 {
	v := float64(s.Value)
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0
	}
	return v
}
