package place

import "strings"

// runtimes are the names before an id, <name>-<id>.scope or <name>-<id>, and whose they
// are; those of the monitor beside the container are none.
var runtimes = map[string]string{
	"docker": "docker", "cri-containerd": "containerd", "nerdctl": "containerd", "crio": "cri-o", "libpod": "podman",
	"crio-conmon": "", "libpod-conmon": "",
}

// container takes one part of a path: the innermost container wins.
func (s *scanner) container(l *Location, part string) {
	if uid, ok := podUID(part); ok {
		*l = Location{Unit: l.Unit, Slice: l.Slice, Session: l.Session, PodUID: uid}
	}
	runtime, id, name := s.named(part)
	if id == "" {
		runtime, id = s.numbered(part)
	}
	if id != "" {
		l.Runtime, l.ID, l.Name = runtime, id, name
	}
}

// named finds the containers whose cgroup has their name, which is their id.
func (s *scanner) named(part string) (runtime, id, name string) {
	if n, ok := between(part, "machine-", ".scope"); ok && s.before == "machine.slice" {
		n = unescape(n) // systemd-machined(8): machinectl lists that name
		return "systemd-nspawn", n, n
	}
	if n, ok := between(part, "systemd-nspawn@", ".service"); ok {
		n = unescape(n)
		return "systemd-nspawn", n, n
	}
	// lxc.container.conf(5): lxc.cgroup.dir; the monitor beside it is lxc.monitor.
	if n, ok := strings.CutPrefix(part, "lxc.payload."); ok && n != "" {
		return "lxc", n, n
	}
	if (s.before == "lxc" || s.before == "lxc.payload") && !isHexID(part) {
		return "lxc", part, part
	}
	return "", "", ""
}

// numbered finds the containers whose cgroup has their id, 64 hexadecimal digits.
func (s *scanner) numbered(part string) (runtime, id string) {
	part = strings.TrimSuffix(part, ".scope")
	// Without systemd's driver containerd takes slice:prefix:id for a plain name.
	if i := strings.LastIndexByte(part, ':'); i >= 0 && isHexID(part[i+1:]) {
		prefix := part[strings.LastIndexByte(part[:i], ':')+1 : i]
		return runtimes[prefix], part[i+1:]
	}
	if isHexID(part) {
		if s.before == "docker" {
			return "docker", part
		}
		return "", part
	}
	i := len(part) - idLen
	if i < 2 || part[i-1] != '-' || !isHexID(part[i:]) {
		return "", ""
	}
	runtime, known := runtimes[part[:i-1]]
	if known && runtime == "" {
		return "", ""
	}
	return runtime, part[i:]
}

// idLen is the length of an id of the Open Container Initiative's runtimes' engines.
const idLen = 64

func isHexID(s string) bool {
	if len(s) != idLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// podUID is what the kubelet calls a pod's cgroup by: pod<uid> with the cgroupfs driver, kubepods-<class>-pod<uid>.slice,
// its dashes made underscores, with systemd's (pkg/kubelet/cm/cgroup_manager_linux.go).
func podUID(part string) (string, bool) {
	part, _, _ = strings.Cut(part, ":")
	slice, systemd := strings.CutSuffix(part, ".slice")
	if systemd {
		i := strings.LastIndex(slice, "-pod")
		if i < 0 || !strings.Contains(slice[:i], "kubepods") {
			return "", false
		}
		return podID(strings.ReplaceAll(slice[i+len("-pod"):], "_", "-"))
	}
	rest, ok := strings.CutPrefix(part, "pod")
	if !ok {
		return "", false
	}
	return podID(rest)
}

// podID accepts a UUID (RFC 9562, section 4) or, of a static pod, the MD5 of its manifest.
func podID(s string) (string, bool) {
	if len(s) != 36 && len(s) != 32 {
		return "", false
	}
	for i := range len(s) {
		dash := len(s) == 36 && (i == 8 || i == 13 || i == 18 || i == 23)
		if dash != (s[i] == '-') || !dash && hexDigit(s[i]) < 0 {
			return "", false
		}
	}
	return s, true
}
