package enrich

import (
	"strings"

	"tcptop/internal/conn"
)

// boxes are the containers that runtimes have named. Those that have gone stay, for
// their connections, until there are too many.
type boxes struct {
	byID   map[string]*conn.Container
	byPath map[string]*conn.Container // for ids that no path shows
	byPod  map[string]*conn.Container // by the pod's UID: any container of it
}

// maxBoxes bounds them; when there are more they are all forgotten, and runtimes name
// the next ones.
const maxBoxes = 1 << 14

func (b *boxes) add(c *conn.Container) {
	if b.byID == nil || len(b.byID) >= maxBoxes {
		*b = boxes{make(map[string]*conn.Container), make(map[string]*conn.Container), make(map[string]*conn.Container)}
	}
	if was := b.byID[c.ID]; was != nil {
		c = merge(was, c)
	}
	b.byID[c.ID] = c
	if c.Cgroup != "" {
		b.byPath[c.Cgroup] = c
	}
	if c.PodUID != "" {
		b.byPod[c.PodUID] = c
	}
}

// merge is what two sources say of one container: containerd itself, and its Kubernetes
// service. The later one counts where both say something.
func merge(was, is *conn.Container) *conn.Container {
	m := *is
	for _, v := range []struct{ to, from *string }{
		{&m.Name, &was.Name}, {&m.Image, &was.Image}, {&m.Pod, &was.Pod}, {&m.Namespace, &was.Namespace},
		{&m.PodUID, &was.PodUID}, {&m.Cgroup, &was.Cgroup},
	} {
		if *v.to == "" {
			*v.to = *v.from
		}
	}
	return &m
}

// find is the container of a cgroup, nil where no runtime has named it. Of a pod's own
// processes only the pod is known.
func (b *boxes) find(s *spot) *conn.Container {
	if s.loc.ID != "" {
		if c := b.byID[s.loc.ID]; c != nil {
			return c
		}
	}
	if len(b.byPath) > 0 && s.loc.ID == "" {
		for path := s.path; path != ""; path = path[:max(strings.LastIndexByte(path, '/'), 0)] {
			if c := b.byPath[path]; c != nil {
				return c
			}
		}
	}
	if c := b.byPod[s.loc.PodUID]; c != nil && s.loc.PodUID != "" {
		return &conn.Container{Pod: c.Pod, Namespace: c.Namespace}
	}
	return nil
}
