package conn

import "testing"

func TestWorkload(t *testing.T) {
	for _, c := range []struct {
		place Place
		want  string
	}{
		{Place{Pod: "web-5d4f8c7b9d-x7z9k", Namespace: "shop", Unit: "crio.service"}, "k8s:shop/web"},
		{Place{Pod: "db-0", Namespace: "shop"}, "k8s:shop/db"},
		{Place{Pod: "fluent-bit-q4x2c", Namespace: "kube-system"}, "k8s:kube-system/fluent-bit"},
		{Place{Pod: "report-28391040-kk2xz", Namespace: "jobs"}, "k8s:jobs/report"},
		{Place{Pod: "plain", Namespace: "x"}, "k8s:x/plain"},
		{Place{Pod: "web-front", Namespace: "x"}, "k8s:x/web-front"},
		{Place{Container: "redis", Unit: "docker.service"}, "container:redis"},
		{Place{Unit: "ssh.service", User: "root"}, "unit:ssh.service"},
		{Place{Unit: "session-4.scope", User: "ann"}, "user:ann"},
		{Place{Workload: "k8s:shop/web-12345", Pod: "x"}, "k8s:shop/web-12345"},
		{Place{}, ""},
	} {
		if got := c.place.WorkloadName(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.place, got, c.want)
		}
	}
	if (*Place)(nil).WorkloadName() != "" {
		t.Error("no place has a workload")
	}
}
