package deploy

import (
	"slices"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// refused are the checks of the Pod Security Standards that a pod does not pass.
func refused(t *testing.T, d *apps.DaemonSet, level api.Level) (names []string) {
	t.Helper()
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &d.Spec.Template
	for _, r := range e.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &template.ObjectMeta, &template.Spec) {
		if !r.Allowed {
			names = append(names, r.ForbiddenReason)
		}
	}
	slices.Sort(names)
	return names
}

// TestPodSecurity asks for what reading the node takes and for nothing else: the namespace has
// to be labelled privileged for these reasons alone, and no container is.
func TestPodSecurity(t *testing.T) {
	baseline := []string{"forbidden AppArmor profile", "host namespaces", "hostPath volumes", "hostPort", "non-default capabilities"}
	restricted := []string{"forbidden AppArmor profile", "host namespaces", "hostPort", "restricted volume types", "runAsNonRoot != true", "runAsUser=0", "unrestricted capabilities"}
	d := daemonSet(t, nil)
	if got := refused(t, d, api.LevelPrivileged); len(got) > 0 {
		t.Errorf("privileged refuses %q", got)
	}
	if got := refused(t, d, api.LevelBaseline); !slices.Equal(got, baseline) {
		t.Errorf("baseline refuses %q, want %q", got, baseline)
	}
	if got := refused(t, d, api.LevelRestricted); !slices.Equal(got, restricted) {
		t.Errorf("restricted refuses %q, want %q", got, restricted)
	}
	push := daemonSet(t, values{"metrics": values{"enabled": false}, "otlp": values{"url": "https://collector:4318"}})
	if got := refused(t, push, api.LevelBaseline); slices.Contains(got, "hostPort") {
		t.Errorf("without a listener baseline refuses %q", got)
	}
}

// TestHardened has what the agent may not, and its bounds.
func TestHardened(t *testing.T) {
	d := daemonSet(t, nil)
	pod := &d.Spec.Template.Spec
	a := agent(t, d)
	s := a.SecurityContext
	for what, ok := range map[string]bool{
		"drops all":                 slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}),
		"not privileged":            s.Privileged != nil && !*s.Privileged,
		"no way to more privileges": s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation,
		"read-only root":            s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem,
		"seccomp":                   pod.SecurityContext.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault,
		"no token":                  pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
		"no host IPC":               !pod.HostIPC,
		"a limit of memory":         !a.Resources.Limits.Memory().IsZero(),
		"none of the processor":     a.Resources.Limits.Cpu().IsZero(),
		"requests":                  !a.Resources.Requests.Cpu().IsZero() && !a.Resources.Requests.Memory().IsZero(),
	} {
		if !ok {
			t.Error(what)
		}
	}
	for name, probe := range map[string]*core.Probe{"startup": a.StartupProbe, "liveness": a.LivenessProbe, "readiness": a.ReadinessProbe} {
		if probe == nil || probe.Exec == nil || !slices.Equal(probe.Exec.Command, []string{"/tcptop", "agent", "--check", "--health=/run/tcptop/health"}) {
			t.Errorf("%s: %+v", name, probe)
		}
	}
	for _, v := range pod.Volumes {
		if v.HostPath != nil && (v.HostPath.Type == nil || *v.HostPath.Type != core.HostPathDirectory) {
			t.Errorf("%s could be made on the node", v.Name)
		}
	}
}
