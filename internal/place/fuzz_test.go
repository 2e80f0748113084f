package place

import (
	"strings"
	"testing"
)

// FuzzParse takes any path: what comes out is never longer than what went in, and an
// id is never a guess.
func FuzzParse(f *testing.F) {
	for _, path := range []string{
		"/", "/system.slice/nginx.service", `/system.slice/a\x2d.mount`, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope",
		"/docker/" + id1, "/machine.slice/libpod-" + id1 + ".scope", "/kubepods/burstable/pod" + uid + "/" + id1,
		"/a/kubepods-pod" + uid + ".slice:cri-containerd:" + id1, "/machine.slice/machine-x.scope", "/lxc.payload.x", "/lxc/x (deleted)",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		l := Parse(path)
		for _, s := range []string{l.Unit, l.Slice, l.Session, l.ID, l.Name, l.PodUID} {
			if len(s) > len(path) || strings.Contains(s, "/") && !strings.Contains(path, `\x2`) {
				t.Errorf("%q of %q", s, path)
			}
		}
		if l.ID != "" && l.Name == "" && !isHexID(l.ID) {
			t.Errorf("id %q of %q", l.ID, path)
		}
		if l.Unit != "" && !strings.Contains(l.Unit, ".") {
			t.Errorf("unit %q of %q", l.Unit, path)
		}
	})
}

// FuzzBest takes any /proc/PID/cgroup.
func FuzzBest(f *testing.F) {
	f.Add("9:name=systemd:/\n8:pids:/docker/" + id1 + "\n0::/\n")
	f.Add("1:a:/lxc/b\n::/\n")
	f.Fuzz(func(t *testing.T, text string) {
		path, l, ok := Best(text)
		if ok != (path != "") || ok && (l.more() == 0 || l != Parse(path)) || !strings.Contains(text, path) {
			t.Errorf("%q %+v %v of %q", path, l, ok, text)
		}
	})
}
