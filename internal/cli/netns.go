package cli

import (
	"context"
	"iter"
	"strconv"

	"tcptop/internal/conn"
)

// onlyNetNS has an agent tell of one network namespace, as if that were the host.
func (p *plan) onlyNetNS(env *Env, o *selection) error {
	if o.netns == "" {
		return nil
	}
	inode, err := strconv.ParseUint(o.inode(env), 10, 32)
	if err != nil {
		return usagef("an inode, as in /proc/PID/ns/net, or what ip netns lists", "--netns %s: there is no such network namespace", o.netns)
	}
	p.netns = uint32(inode)
	return nil
}

// within is source with the connections of one network namespace alone. The sums of what was
// lost go too, since whose that was is not known; how much was lost is still told.
func within(source conn.Source, netns uint32) conn.Source {
	return func(ctx context.Context) iter.Seq2[*conn.Sample, error] {
		return func(yield func(*conn.Sample, error) bool) {
			for s, err := range source(ctx) {
				if err == nil {
					s.Conns, s.Closed, s.Totals = inNetNS(s.Conns, netns), inNetNS(s.Closed, netns), nil
				}
				if !yield(s, err) {
					return
				}
			}
		}
	}
}

// inNetNS keeps the order of those that stay, in place.
func inNetNS(all []conn.Conn, netns uint32) []conn.Conn {
	n := 0
	for i := range all {
		if all[i].NetNS == netns {
			all[n] = all[i]
			n++
		}
	}
	clear(all[n:])
	return all[:n]
}
