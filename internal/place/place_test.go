package place

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	id1 = "4c0f5a1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6"
	id2 = "00ffee1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6"
	uid = "8f2d3c1a-5b6e-4f70-8192-a3b4c5d6e7f8"
)

func TestParse(t *testing.T) {
	escaped := strings.ReplaceAll(uid, "-", "_")
	for path, want := range map[string]Location{
		"/":                                     {},
		"":                                      {},
		"/foo":                                  {},
		"/init.scope":                           {Unit: "init.scope"},
		"/system.slice/nginx.service":           {Unit: "nginx.service", Slice: "system.slice"},
		"/system.slice/nginx.service (deleted)": {Unit: "nginx.service", Slice: "system.slice"},
		"/system.slice/nginx.service/worker/1":  {Unit: "nginx.service", Slice: "system.slice"},
		"/system.slice/system-getty.slice/getty@tty1.service": {Unit: "getty@tty1.service", Slice: "system-getty.slice"},
		// Escapes: \xHH, and the underscore before what would be a file of the kernel.
		`/system.slice/data\x2ddisk.mount`: {Unit: "data-disk.mount", Slice: "system.slice"},
		`/system.slice/bad\xzz\x.service`:  {Unit: `bad\xzz\x.service`, Slice: "system.slice"},
		`/system.slice/nul\x00.service`:    {Unit: `nul\x00.service`, Slice: "system.slice"},
		"/system.slice/_cgroup.service":    {Unit: "cgroup.service", Slice: "system.slice"},
		"/system.slice/__web.service":      {Unit: "_web.service", Slice: "system.slice"},
		"/_memory.slice/x.service":         {Unit: "x.service", Slice: "memory.slice"},
		// Sessions and users' managers.
		"/user.slice/user-1000.slice/session-3.scope":                                               {Unit: "session-3.scope", Slice: "user-1000.slice", Session: "3"},
		"/user.slice/user-0.slice/session-c1.scope":                                                 {Unit: "session-c1.scope", Slice: "user-0.slice", Session: "c1"},
		"/user.slice/user-1000.slice/user@1000.service":                                             {Unit: "user@1000.service", Slice: "user-1000.slice"},
		"/user.slice/user-1000.slice/user@1000.service/init.scope":                                  {Unit: "init.scope", Slice: "user-1000.slice"},
		`/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal\x2d7.scope`: {Unit: "app-org.gnome.Terminal-7.scope", Slice: "app.slice"},
		"/user.slice/user-1000.slice/user@1000.service/app.slice/dbus.service":                      {Unit: "dbus.service", Slice: "app.slice"},
		"/user.slice/user-1000.slice/user@1000.service/session-9.scope":                             {Unit: "session-9.scope", Slice: "user-1000.slice"},
		// Docker by systemd's driver, by cgroupfs, and a systemd of its own inside.
		"/system.slice/docker-" + id1 + ".scope":                           {Unit: "docker-" + id1 + ".scope", Slice: "system.slice", Runtime: "docker", ID: id1},
		"/docker/" + id1:                                                   {Runtime: "docker", ID: id1},
		"/docker/" + id1 + "/system.slice/cron.service":                    {Unit: "cron.service", Slice: "system.slice", Runtime: "docker", ID: id1},
		"/system.slice/docker-" + id1 + ".scope/system.slice/cron.service": {Unit: "docker-" + id1 + ".scope", Slice: "system.slice", Runtime: "docker", ID: id1},
		"/system.slice/docker.service":                                     {Unit: "docker.service", Slice: "system.slice"},
		// Podman, its monitor, and rootless.
		"/machine.slice/libpod-" + id1 + ".scope":                                           {Unit: "libpod-" + id1 + ".scope", Slice: "machine.slice", Runtime: "podman", ID: id1},
		"/machine.slice/libpod-" + id1 + ".scope/container":                                 {Unit: "libpod-" + id1 + ".scope", Slice: "machine.slice", Runtime: "podman", ID: id1},
		"/machine.slice/libpod-conmon-" + id1 + ".scope":                                    {Unit: "libpod-conmon-" + id1 + ".scope", Slice: "machine.slice"},
		"/libpod_parent/libpod-" + id1:                                                      {Runtime: "podman", ID: id1},
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id1 + ".scope": {Unit: "libpod-" + id1 + ".scope", Slice: "user.slice", Runtime: "podman", ID: id1},
		// Kubernetes: the kubelet's two drivers, three classes, three runtimes, kind.
		"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + escaped + ".slice/cri-containerd-" + id1 + ".scope": {
			Unit: "cri-containerd-" + id1 + ".scope", Slice: "kubepods-besteffort-pod" + escaped + ".slice", Runtime: "containerd", ID: id1, PodUID: uid},
		"/kubepods.slice/kubepods-pod" + escaped + ".slice/crio-" + id1 + ".scope": {
			Unit: "crio-" + id1 + ".scope", Slice: "kubepods-pod" + escaped + ".slice", Runtime: "cri-o", ID: id1, PodUID: uid},
		"/kubepods.slice/kubepods-pod" + escaped + ".slice/crio-conmon-" + id1 + ".scope": {
			Unit: "crio-conmon-" + id1 + ".scope", Slice: "kubepods-pod" + escaped + ".slice", PodUID: uid},
		"/kubepods/burstable/pod" + uid + "/" + id1: {ID: id1, PodUID: uid},
		"/kubepods/pod" + uid:                       {PodUID: uid},
		"/system.slice/containerd.service/kubepods-besteffort-pod" + escaped + ".slice:cri-containerd:" + id1: {
			Unit: "containerd.service", Slice: "system.slice", Runtime: "containerd", ID: id1, PodUID: uid},
		"/docker/" + id1 + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + escaped + ".slice/cri-containerd-" + id2 + ".scope": {
			Unit: "cri-containerd-" + id2 + ".scope", Slice: "kubelet-kubepods-burstable-pod" + escaped + ".slice", Runtime: "containerd", ID: id2, PodUID: uid},
		// Named ones.
		"/machine.slice/systemd-nspawn@web.service/payload": {Unit: "systemd-nspawn@web.service", Slice: "machine.slice", Runtime: "systemd-nspawn", ID: "web", Name: "web"},
		`/machine.slice/machine-debian\x2d12.scope`:         {Unit: "machine-debian-12.scope", Slice: "machine.slice", Runtime: "systemd-nspawn", ID: "debian-12", Name: "debian-12"},
		"/system.slice/machine-x.scope":                     {Unit: "machine-x.scope", Slice: "system.slice"},
		"/lxc.payload.web/system.slice/nginx.service":       {Unit: "nginx.service", Slice: "system.slice", Runtime: "lxc", ID: "web", Name: "web"},
		"/lxc/web":         {Runtime: "lxc", ID: "web", Name: "web"},
		"/lxc.monitor.web": {},
		"/lxc.payload.":    {},
		// Near misses.
		"/docker/" + id1[:63]:                       {},
		"/docker/" + strings.ToUpper(id1):           {},
		"/kubepods/pod" + uid[:35]:                  {},
		"/@.service":                                {},
		"/.service":                                 {},
		"/system.slice/with space.service":          {Slice: "system.slice"},
		"/" + strings.Repeat("a", 250) + ".service": {},
	} {
		if diff := cmp.Diff(want, Parse(path)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", path, diff)
		}
	}
}

func TestBest(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		path string
		id   string
		unit string
	}{
		"container in a controller": {text: "9:name=systemd:/\n8:pids:/docker/" + id1 + "\n0::/\n", path: "/docker/" + id1, id: id1},
		"systemd preferred": {text: "8:pids:/system.slice/b.service\n9:name=systemd:/system.slice/a.service\n7:cpu:/system.slice/c.service\n0::/\n",
			path: "/system.slice/a.service", unit: "a.service"},
		"container over unit": {text: "9:name=systemd:/system.slice/a.service\n8:pids:/docker/" + id1 + " (deleted)\n", path: "/docker/" + id1, id: id1},
		"unified alone":       {text: "0::/docker/" + id1 + "\n"},
		"nothing known":       {text: "4:memory:/process_api/6851\n3:cpuset:/\n"},
		"colon in the path":   {text: "4:memory:/a:b/docker/" + id1 + "\n", path: "/a:b/docker/" + id1, id: id1},
		"broken lines":        {text: "\n::\nx\n1:a\n2:b:relative/docker/" + id1 + "\n"},
	} {
		path, l, ok := Best(c.text)
		if path != c.path || l.ID != c.id || l.Unit != c.unit || ok != (c.path != "") {
			t.Errorf("%s: %q %+v %v", name, path, l, ok)
		}
	}
}

func TestSaysMore(t *testing.T) {
	root, unit := Parse("/"), Parse("/system.slice/docker.service")
	pod, box := Parse("/kubepods/pod"+uid), Parse("/docker/"+id1)
	for i, l := range []*Location{&root, &unit, &pod, &box} {
		for j, other := range []*Location{&root, &unit, &pod, &box} {
			if got := l.SaysMore(other); got != (i > j) {
				t.Errorf("%+v says more than %+v: %v", l, other, got)
			}
		}
	}
}
