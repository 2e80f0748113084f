package place

import "strings"

// Best reads /proc/PID/cgroup and returns the path of a cgroup v1 hierarchy that says
// most, and what it says; false where none says anything. Container runtimes on hosts
// with v1 hierarchies may leave the v2 one alone.
func Best(text string) (path string, best Location, ok bool) {
	preferred := false
	for line := range strings.Lines(text) {
		controllers, in := member(strings.TrimSuffix(line, "\n"))
		if controllers == "" {
			continue
		}
		l := Parse(in)
		systemd := controllers == "name=systemd" // the one that has units and sessions
		if l.more() == 0 || best.more() > l.more() || best.more() == l.more() && (preferred || !systemd) {
			continue
		}
		path, best, ok, preferred = strings.TrimSuffix(in, deleted), l, true, systemd
	}
	return path, best, ok
}

// member splits one line (cgroups(7)): the number of the hierarchy, its controllers, which
// only the unified one has none of, and the path, which may have colons.
func member(line string) (controllers, path string) {
	parts := strings.SplitN(line, ":", 3)
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
		return "", ""
	}
	return parts[1], parts[2]
}
