package fleet

import (
	"context"
	"fmt"
	"time"
)

// The labels whose sums over all hosts can be asked for.
const (
	peerLabel     = 2
	workloadLabel = 1
)

// mostTogether bounds the hosts whose groups are added up where no recording rules are.
const mostTogether = 1000

// AskPeers asks what all hosts together move with each peer; zero is now, as the engine has it.
func (e *Engine) AskPeers(ctx context.Context, at time.Time) (*Answer, error) {
	return e.askTogether(ctx, at, peerLabel)
}

// AskWorkloads asks what each workload moves on all hosts together; zero is now, as the engine has it.
func (e *Engine) AskWorkloads(ctx context.Context, at time.Time) (*Answer, error) {
	return e.askTogether(ctx, at, workloadLabel)
}

// askTogether asks for the values of a label that move most. Where that would take the
// groups of too many hosts it is the groups that move most that are asked for, and said.
func (e *Engine) askTogether(ctx context.Context, at time.Time, label int) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	a := &asking{Engine: e, at: at}
	hosts, err := a.begin(ctx)
	if err != nil {
		return nil, err
	}
	if len(hosts) > mostTogether && !e.records {
		answer, err := e.Ask(ctx, at)
		if err == nil {
			answer.Warnings = append(answer.Warnings, fmt.Sprintf("no recording rules are there for so many hosts: these are sums of the %d groups that move most", len(answer.Groups)))
		}
		return answer, err
	}
	answer := &Answer{Time: a.at, Hosts: hosts, Records: e.records, over: e.cfg.Window}
	if answer.Together, err = a.together(ctx, label); err != nil {
		return nil, err
	}
	answer.Asked, answer.Warnings = a.asked, a.warnings
	return answer, nil
}

// together are the values of a label that move most. The sum of what agents have in no
// group of its own is none of them.
func (a *asking) together(ctx context.Context, label int) ([]Group, error) {
	totals, err := a.vector(ctx, a.mostOf(label))
	if err != nil {
		return nil, err
	}
	all := make([]Group, 0, len(totals))
	index := make(map[string]int, len(totals))
	var values []string
	for _, s := range totals {
		g := Group{Total: number(s)}
		g.Labels[label] = labelsOf(s)[label]
		index[g.Labels[label]] = len(all)
		all, values = append(all, g), append(values, g.Labels[label])
	}
	if len(all) == 0 {
		return all, nil
	}
	sent, err := a.vector(ctx, a.sentOf(label, values))
	if err != nil {
		return nil, err
	}
	for _, s := range sent {
		if i, known := index[labelsOf(s)[label]]; known {
			all[i].Tx = min(number(s), all[i].Total)
		}
	}
	seconds := a.cfg.Window.Seconds()
	for i := range all {
		all[i].TxBytes, all[i].RxBytes = all[i].Tx*seconds, (all[i].Total-all[i].Tx)*seconds
	}
	return all, nil
}
