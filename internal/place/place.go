// Package place reads what the path of a control group says: the systemd unit,
// slice and session, and the container. It is pure: no file, no clock, no state.
package place

import "strings"

// Location is what one cgroup path says. Its texts are hostile until escaped: a
// process may make cgroups of any name below its own.
type Location struct {
	Unit    string // the systemd unit, of the user's manager where that has one: nginx.service
	Slice   string // the innermost slice around the unit: system.slice
	Session string // of logind(8), as loginctl lists it: 3, c1
	Runtime string // what made the container: docker, containerd, cri-o, podman, systemd-nspawn, lxc; "" is not known
	ID      string // of the container, as its runtime gives it
	Name    string // of the container, where the path has it
	PodUID  string // of the Kubernetes pod
}

// Parse reads a path from the root of its hierarchy, such as
// /system.slice/docker-4c0f….scope. Of nested containers the innermost counts, of
// nested systemd instances that of the host.
func Parse(path string) Location {
	var l Location
	var s scanner
	for part := range strings.SplitSeq(strings.TrimSuffix(path, deleted), "/") {
		if part == "" || part == "." || part == ".." {
			continue
		}
		s.systemd(&l, cgUnescape(part))
		s.container(&l, cgUnescape(part))
		s.before = part
	}
	return l
}

// deleted is what the kernel appends to the path of a cgroup that has gone
// (proc_cgroup_show, kernel/cgroup/cgroup.c, and d_path).
const deleted = " (deleted)"

// more ranks how much a location says.
func (l *Location) more() int {
	switch {
	case l.ID != "" || l.Name != "":
		return 3
	case l.PodUID != "":
		return 2
	case l.Unit != "" || l.Session != "":
		return 1
	}
	return 0
}

// HasContainer reports whether the path names a container, by id or name.
func (l *Location) HasContainer() bool { return l.more() == 3 }

// SaysMore reports whether l, of another hierarchy, tells more than other: a container
// where that has none, or a unit where that has nothing.
func (l *Location) SaysMore(other *Location) bool { return l.more() > other.more() }

// scanner is what was met on the way down a path.
type scanner struct {
	before string // the part above
	user   bool   // inside a user's manager
	done   bool   // the unit is final
}
