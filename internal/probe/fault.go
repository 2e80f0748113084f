package probe

import (
	"fmt"

	"github.com/cilium/ebpf/link"
)

// fault marks the sample: what was not measured in it, and why. The next tick tries
// again, for what fails once may work then, and the rest is right without it. Where
// nothing was ever measured it is an error.
func (s *sampler) fault(what string, err error) {
	if err != nil {
		s.out.Faults = append(s.out.Faults, what+" ("+oneLine(err)+")")
	}
}

// lost names the hooks of cgroups that somebody detached, as bpf(2) lets whoever may
// (BPF_LINK_DETACH, since 5.9; a cgroup's end does so too). No other kind of link can be.
func (s *set) lost() (what []string) {
	for i, l := range s.links {
		if _, pass := l.(*link.Iter); pass {
			continue
		}
		info, err := l.Info()
		if err != nil {
			what = append(what, fmt.Sprintf("%s (%v)", s.hooks[i].what, err))
			continue
		}
		if cg := info.Cgroup(); cg != nil && cg.CgroupId == 0 {
			what = append(what, s.hooks[i].what+" (hook detached)")
		}
	}
	return what
}
