package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// shim is tcptop for two short ticks, which ends by itself and records where it is told.
const shim = `#!/bin/sh
case " $*" in *" root@"*) exit ;; esac # it needs other hosts: hosts.txtar has some
case $1 in
record)
	shift
	case " $* " in *" -o "*) ;; *) set -- "$@" -o "$HOME/own" ;; esac
	exec "$REAL" record "$@" -n 2 -d 100ms ;;
replay) exec "$REAL" "$@" -b -n 1 ;;
fleet) exit ;; # it needs an engine: test/fleet has one
agent) exec timeout --preserve-status 0.5 "$REAL" "$@" --spool "$HOME/spool" ;;
report | doctor | config | version | completion | help) exec "$REAL" "$@" ;;
*) exec "$REAL" "$@" -n 2 -d 100ms ;;
esac
`

// commands are the lines of a document that call tcptop, as a shell would be given them.
func commands(text string) (all []string) {
	for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
		if c, ok := strings.CutPrefix(line, "    "); ok && strings.HasPrefix(c, "tcptop ") {
			all = append(all, strings.TrimSpace(c))
		}
	}
	return all
}

// TestCommands runs every command of the documents against the real program and a
// recording that was just made.
func TestCommands(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "jq", "sh")
	work := t.TempDir()
	real := filepath.Join(work, "real-tcptop")
	build := exec.Command("go", "build", "-o", real, "./cmd/tcptop")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(work, "tcptop"), []byte(shim), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(command string) (string, error) {
		c := exec.Command("sh", "-c", command)
		c.Dir = work
		c.Env = append(os.Environ(), "PATH="+work+":"+os.Getenv("PATH"), "REAL="+real, "HOME="+work, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=")
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run("tcptop record -o recording"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(work, "secrets"), []byte("Authorization: Bearer none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	here := strings.NewReplacer("/var/lib/tcptop", work+"/recording", "/var/log/", work+"/", "/etc/tcptop/secrets", "secrets",
		"03:10", now.Format("15:04"), "--from 03:00 --to 04:00", "--from '1h ago'")
	ran := 0
	for _, doc := range documents(t) {
		for _, c := range commands(read(t, doc)) {
			ran++
			if out, err := run(here.Replace(c)); err != nil || strings.Contains(out, "hint: ") {
				t.Errorf("%s: %s\n%v\n%s", doc, c, err, out)
			}
		}
	}
	if ran < 15 {
		t.Errorf("%d commands", ran)
	}
}
