package deploy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// cluster is a kubectl of two nodes, of which one has an agent, and a pod on each.
const cluster = `#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in
*"get pods --all-namespaces"*spec.nodeName=a*) echo "monitoring tcptop-x7k2p" ;;
*"get pods --all-namespaces"*spec.nodeName=*) ;;
*"get pods --all-namespaces"*) [ "${EMPTY-}" ] || echo a ;;
"get pod --namespace shop"*"-- web-1") printf 'a shop' ;;
"get pod"*"-- web-2") printf 'b default' ;;
"get pod"*"-- new") printf ' default' ;;
"get pod"*) echo 'Error from server (NotFound)' >&2; exit 1 ;;
exec*) ;;
*) echo "unexpected: $*" >&2; exit 3 ;;
esac
`

// TestPlugin runs kubectl-tcptop with this kubectl: it looks for the agent of the node and
// runs tcptop in it, with what was typed.
func TestPlugin(t *testing.T) {
	testkit.Tools(t, "sh")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(cluster), 0o755); err != nil {
		t.Fatal(err)
	}
	plugin, err := filepath.Abs(root + "/packaging/kubernetes/kubectl-tcptop")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		env  string
		code int
		out  string // all of it, or of stderr where it fails
		call string // the last one
	}{
		{"", "", 0, "a\n", ""},
		{"", "EMPTY=1", 1, "kubectl-tcptop: no agent runs in this cluster (app.kubernetes.io/name=tcptop,app.kubernetes.io/component=agent)\n", ""},
		{"a -b -n 1 rport=443", "", 0, "", "exec --namespace monitoring tcptop-x7k2p -c agent -- /tcptop -b -n 1 rport=443"},
		{"b", "", 1, "kubectl-tcptop: no agent runs on node b; kubectl tcptop lists those that have one\n", ""},
		{"pod/web-1 -n shop -b", "", 0, "", "exec --namespace monitoring tcptop-x7k2p -c agent -- /tcptop --pod web-1 --namespace shop -b"},
		{"pod/web-1 --namespace=shop", "", 0, "", "exec --namespace monitoring tcptop-x7k2p -c agent -- /tcptop --pod web-1 --namespace shop"},
		{"pod/web-2", "", 1, "kubectl-tcptop: no agent runs on node b; kubectl tcptop lists those that have one\n", ""},
		{"pod/new", "", 1, "kubectl-tcptop: pod new is on no node yet\n", ""},
		{"pod/none", "", 1, "Error from server (NotFound)\n", ""},
		{"pod/web-1 -n", "", 2, "kubectl-tcptop: -n needs a namespace\n", ""},
		{"--nodes", "", 2, "kubectl-tcptop: first comes a node, or pod/NAME (kubectl tcptop --help)\n", ""},
	} {
		calls := filepath.Join(t.TempDir(), "calls")
		cmd := exec.Command(plugin, strings.Fields(c.args)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CALLS="+calls, c.env)
		out, err := cmd.CombinedOutput()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		}
		if code != c.code || string(out) != c.out {
			t.Errorf("%q ends with %d: %s", c.args, code, out)
		}
		text, _ := os.ReadFile(calls)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if c.call != "" && lines[len(lines)-1] != c.call {
			t.Errorf("%q: %q", c.args, lines)
		}
	}
}
