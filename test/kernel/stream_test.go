package kernel

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// binEnv names a tcptop that is built already, for machines without a Go toolchain.
const binEnv = "TCPTOP_BIN"

// tcptop returns the path of tcptop, which it builds when first asked.
func tcptop(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(binEnv); path != "" {
		return path
	}
	path, err := build()
	if err != nil {
		t.Fatalf("build tcptop: %v", err)
	}
	return path
}

// build leaves the binary in bin/, which git ignores and make clean removes:
// nothing runs after testkit.Main that could.
var build = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "tcptop-test")
	c := exec.Command("go", "build", "-o", path, "./cmd/tcptop")
	c.Dir = root
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// record is a line of output: field to value as printed, "" where it is missing.
// A line of text is one field, "line".
type record map[string]string

// program is a running tcptop whose output is read as it comes.
type program struct {
	t      testing.TB
	cmd    *exec.Cmd
	done   chan struct{}
	came   chan struct{}
	stderr bytes.Buffer // to be read after stop
	mu     sync.Mutex   // guards what follows
	rows   []record
	err    error
}

// stream starts tcptop with -o format and args in the test's own namespace.
func stream(t testing.TB, format string, args ...string) *program {
	t.Helper()
	testkit.Kernel(t)
	p := &program{t: t, done: make(chan struct{}), came: make(chan struct{}, 1)}
	p.cmd = exec.Command(tcptop(t), append([]string{"-o", format}, args...)...)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start tcptop: %v", err)
	}
	go func() {
		defer close(p.done)
		p.err = p.read(format, out)
	}()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			<-p.done
			_ = p.cmd.Wait()
		}
	})
	return p
}

func (p *program) read(format string, out io.Reader) error {
	switch format {
	case "csv":
		return p.readCSV(out)
	case "jsonl":
		return p.readLines(out, parseJSON)
	}
	return p.readLines(out, func(line []byte) (record, error) { return record{"line": string(line)}, nil })
}

func (p *program) readLines(out io.Reader, parse func([]byte) (record, error)) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		r, err := parse(lines.Bytes())
		if err != nil {
			return fmt.Errorf("parse %q: %w", lines.Bytes(), err)
		}
		p.add(r)
	}
	return lines.Err()
}

func parseJSON(line []byte) (record, error) {
	values := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return nil, err
	}
	r := record{}
	for field, v := range values {
		r[field] = ""
		if v != nil {
			r[field] = fmt.Sprint(v)
		}
	}
	return r, nil
}

func (p *program) readCSV(out io.Reader) error {
	lines := csv.NewReader(out)
	header, err := lines.Read()
	for err == nil {
		var cells []string
		if cells, err = lines.Read(); err == nil {
			r := record{}
			for i, field := range header {
				r[field] = cells[i]
			}
			p.add(r)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (p *program) add(r record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows = append(p.rows, r)
	select {
	case p.came <- struct{}{}:
	default:
	}
}

// until waits until cond, which is given all rows so far, returns nil.
func (p *program) until(limit time.Duration, cond func([]record) error) {
	p.t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		p.mu.Lock()
		err := cond(p.rows)
		p.mu.Unlock()
		if err == nil {
			return
		}
		select {
		case <-p.came:
		case <-p.done:
			p.t.Fatalf("tcptop ended (%v), and: %v", p.err, err)
		case <-end.C:
			p.t.Fatalf("not within %v: %v\n%s", limit, err, p.autopsy())
		}
	}
}

// autopsy ends tcptop and returns what it wrote on stderr, at last where Go says that each
// of its goroutines is.
func (p *program) autopsy() string {
	p.mu.Lock()
	said := fmt.Sprintf("%s, of which %d rows came:\n", p.cmd, len(p.rows))
	p.mu.Unlock()
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return said + err.Error()
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		return said + "no SIGQUIT ends it"
	}
	_ = p.cmd.Wait()
	return said + p.stderr.String()
}

// stop ends tcptop as Ctrl-C does and returns all its rows.
func (p *program) stop() []record {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("interrupt tcptop: %v", err)
	}
	return p.wait()
}

// wait waits until tcptop ends by itself and returns all its rows.
func (p *program) wait() []record {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("tcptop did not end")
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("tcptop: %v\n%s", err, &p.stderr)
	}
	if p.err != nil && !p.cutShort() {
		p.t.Errorf("output of tcptop: %v", p.err)
	}
	return p.rows
}

// cutShort reports whether a slow machine did not write the last tick in the half second
// that there is for it, which was said: then its last line may be part of one.
func (p *program) cutShort() bool {
	return testkit.Patience(1) > 1 && strings.Contains(p.stderr.String(), "the last tick")
}
