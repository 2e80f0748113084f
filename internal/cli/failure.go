package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/output"
	"tcptop/internal/rights"
)

// failure is an error with the exit code that it ends the program with.
type failure struct {
	code int
	msg  string
	hint string // what to do about it; "" is nothing
}

func (f *failure) Error() string { return f.msg }

// usagef is a mistake on the command line.
func usagef(hint, format string, args ...any) error {
	return &failure{code: exitUsage, msg: fmt.Sprintf(format, args...), hint: hint}
}

// capabilities are all that tcptop can use, as setcap(8) takes them.
func capabilities() string {
	var names []string
	for _, c := range rights.Capabilities() {
		names = append(names, strings.ToLower(c.Name))
	}
	return strings.Join(names, ",") + "+ep"
}

// openFailure says what the collector's error means for whoever started us.
func (env *Env) openFailure(err error) *failure {
	var permission *conn.PermissionError
	var unsupported *conn.UnsupportedError
	switch {
	case errors.As(err, &permission) && permission.Origin == conn.FromDiag:
		return &failure{code: exitPermission, msg: err.Error(), hint: "what keeps netlink sockets from this program, such as a seccomp filter, must let it pass"}
	case errors.As(err, &permission) && permission.Remedy != "":
		return &failure{code: exitPermission, msg: err.Error(), hint: permission.Remedy}
	case errors.As(err, &permission) && len(permission.Missing) == 0:
		return &failure{code: exitPermission, msg: err.Error(),
			hint: "the capabilities are there: a seccomp filter or a user namespace keeps bpf(2) from this program; tcptop doctor shows more"}
	case errors.As(err, &permission):
		return &failure{code: exitPermission, msg: err.Error(), hint: env.grant()}
	case errors.As(err, &unsupported) && unsupported.Origin == conn.FromDiag:
		return &failure{code: exitUnsupported, msg: err.Error(), hint: "modprobe tcp_diag udp_diag"}
	case errors.As(err, &unsupported):
		return &failure{code: exitUnsupported, msg: err.Error(),
			hint: "eBPF needs Linux 6.1 or newer with BTF (CONFIG_DEBUG_INFO_BTF)"}
	}
	return &failure{code: exitRuntime, msg: err.Error()}
}

// grant is how to get the permissions.
func (env *Env) grant() string {
	path := env.program()
	return fmt.Sprintf("run sudo %s …, or once: sudo setcap %s %s", path, capabilities(), path)
}

func (env *Env) program() string {
	if env.Executable == "" {
		return "tcptop"
	}
	return env.Executable
}

// conclude prints err and returns its exit code. What is no failure comes from
// cobra, which only ever complains about the command line.
func (env *Env) conclude(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: exitUsage, msg: err.Error(), hint: "tcptop --help shows the flags"}
	}
	text := message(f.msg, f.hint)
	if ctx.Err() == nil {
		fmt.Fprint(env.Stderr, text)
	} else {
		writeWithin(lastWord, env.Stderr, text)
	}
	return f.code
}

// lastWord is how long stderr may take once the program has to end.
const lastWord = 100 * time.Millisecond

// writeWithin writes text unless stderr takes longer than d: it may be the same
// pipe that nobody reads.
func writeWithin(d time.Duration, stderr io.Writer, text string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fmt.Fprint(stderr, text)
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// message is what stderr shows: every line safe for a terminal.
func message(msg, hint string) string {
	var b strings.Builder
	b.WriteString("tcptop: " + visible(msg) + "\n")
	if hint != "" {
		b.WriteString("hint: " + visible(hint) + "\n")
	}
	return b.String()
}

// visible escapes what does not print, but for the newlines between msg's lines.
func visible(msg string) string {
	lines := strings.Split(msg, "\n")
	for i, line := range lines {
		lines[i] = string(output.AppendVisible(nil, []byte(line)))
	}
	return strings.Join(lines, "\n")
}
