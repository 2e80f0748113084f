package fleet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// sum is what a process of a host moved.
type sum struct {
	Host, Comm string
	Ts         string
	Tx         uint64 `json:"tx_bytes"`
	Rx         uint64 `json:"rx_bytes"`
	TxBefore   uint64 `json:"tx_before"`
	RxBefore   uint64 `json:"rx_before"`
}

func (s *sum) key() string { return s.Host + " " + s.Comm }

// TestDemo runs make demo as a person does, but for the terminal: what its processes say that
// they moved is what comes out for each of the four hosts, to the byte, and nothing is left
// after it was told to end, in mid-traffic or before there was any.
func TestDemo(t *testing.T) {
	testkit.Kernel(t)
	need(t, "prometheus", "apt-get install prometheus")
	d := demo(t, "TRAFFIC=2s", "ARGS=-b -o jsonl")
	want := d.told(t)
	if len(want) != 13 {
		t.Errorf("%d processes told what they moved", len(want))
	}
	if sent, got := want["db1 backup"], want["api1 backup-store"]; sent.Tx < 1_000_000 || sent.Tx != got.Rx || sent.Rx != got.Tx {
		t.Errorf("both ends differ: %+v, %+v", sent, got)
	}
	hosts := map[string]bool{}
	d.until(t, func(tick map[string]sum) error {
		for key, w := range want {
			if hosts[w.Host] = true; w.Host == "router" {
				continue
			}
			if got := tick[key]; got.Tx != w.Tx+w.TxBefore || got.Rx != w.Rx+w.RxBefore {
				return fmt.Errorf("%s: shown are %d sent, %d received; it was %d and %d", key, got.Tx, got.Rx, w.Tx+w.TxBefore, w.Rx+w.RxBefore)
			}
		}
		return nil
	})
	if len(hosts) != 5 { // the router, whose browsers they are, has no agent
		t.Errorf("hosts %v", hosts)
	}
	if all, spaces := d.processes(t); len(all) < 20 || len(spaces) != 5 {
		t.Errorf("%d processes in %d namespaces: %v", len(all), len(spaces), all)
	}
	d.end(t, func() error { return d.Process.Signal(syscall.SIGTERM) })

	d = demo(t, "ARGS=-b -o csv")
	d.end(t, func() error { return syscall.Kill(-d.Process.Pid, syscall.SIGINT) }) // ^C
}

// demonstration is make demo.
type demonstration struct {
	*exec.Cmd
	out, said *bufio.Scanner
	dir       string // for its temporary files
}

func demo(t *testing.T, settings ...string) *demonstration {
	t.Helper()
	d := &demonstration{Cmd: exec.Command("make", append([]string{"-s", "demo"}, settings...)...), dir: t.TempDir()}
	d.Dir, d.Env = "../..", append(os.Environ(), "TMPDIR="+d.dir)
	d.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := d.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.out, d.said = lines(out), lines(said)
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-d.Process.Pid, syscall.SIGKILL) })
	for d.said.Scan() && !strings.HasPrefix(d.said.Text(), "demo: 4 hosts") {
	}
	return d
}

func lines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	return s
}

// told is what the processes say when the traffic has ended.
func (d *demonstration) told(t *testing.T) map[string]sum {
	t.Helper()
	all := map[string]sum{}
	for len(all) < 13 && d.said.Scan() {
		var s sum
		if err := json.Unmarshal(d.said.Bytes(), &s); err != nil {
			t.Fatalf("%v: %s", err, d.said.Bytes())
		}
		all[s.key()] = s
	}
	return all
}

// until reads ticks until one is right.
func (d *demonstration) until(t *testing.T, right func(tick map[string]sum) error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick, at := map[string]sum{}, ""
	for d.out.Scan() {
		var s sum
		if err := json.Unmarshal(d.out.Bytes(), &s); err != nil {
			t.Fatalf("%v: %s", err, d.out.Bytes())
		}
		if s.Ts != at {
			err := right(tick)
			if err == nil && at != "" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			clear(tick)
			at = s.Ts
		}
		was := tick[s.key()]
		s.Tx, s.Rx = s.Tx+was.Tx, s.Rx+was.Rx
		tick[s.key()] = s
	}
	t.Fatal("it ended by itself")
}

// end has it end by stop, and requires that no process, namespace or file is left.
func (d *demonstration) end(t *testing.T, stop func() error) {
	t.Helper()
	_, spaces := d.processes(t)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for d.out.Scan() {
		}
	}()
	for d.said.Scan() {
		if strings.HasPrefix(d.said.Text(), "demo:") || strings.HasPrefix(d.said.Text(), "tcptop:") {
			t.Error(d.said.Text())
		}
	}
	_ = d.Wait() // make says that it was told to end
	testkit.Eventually(t, 20*time.Second, func() error {
		if left, _ := d.processes(t); len(left) > 0 {
			return fmt.Errorf("%v are left", left)
		}
		all, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
		for _, file := range all {
			if ns, _ := os.Readlink(file); spaces[ns] {
				return fmt.Errorf("%s is left: %s", ns, file)
			}
		}
		left, readErr := os.ReadDir(d.dir)
		if len(left) > 0 {
			return fmt.Errorf("%v are left", left)
		}
		return errors.Join(err, readErr)
	})
}

// processes are all of it, which have the directory in their environment, and the network
// namespaces besides this one that they are in.
func (d *demonstration) processes(t *testing.T) (all []string, spaces map[string]bool) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	spaces = map[string]bool{}
	for _, dir := range dirs {
		environ, err := os.ReadFile(dir + "/environ")
		if err != nil || !bytes.Contains(environ, []byte("TMPDIR="+d.dir+"\x00")) {
			continue
		}
		name, _ := os.ReadFile(dir + "/comm")
		all = append(all, strings.TrimSpace(string(name))+" "+filepath.Base(dir))
		threads, _ := filepath.Glob(dir + "/task/*/ns/net")
		for _, file := range threads {
			if ns, err := os.Readlink(file); err == nil && ns != own {
				spaces[ns] = true
			}
		}
	}
	return all, spaces
}
