package testkit

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// Cmd is an exec.Cmd whose process runs in a test's network namespace and does
// not outlive the test.
type Cmd struct {
	*exec.Cmd
	ns *NS
}

// Command prepares a process in the namespace.
func (ns *NS) Command(name string, args ...string) *Cmd { return command(ns.t, ns, name, args...) }

// Nft runs an nftables script in the namespace.
func (ns *NS) Nft(script string) {
	ns.t.Helper()
	Tools(ns.t, "nft")
	c := ns.Command("nft", "-f", "-")
	c.Stdin = strings.NewReader(script)
	if out, err := c.CombinedOutput(); err != nil {
		ns.t.Fatalf("nft: %v\n%s", err, out)
	}
}

func command(t testing.TB, ns *NS, name string, args ...string) *Cmd {
	c := &Cmd{Cmd: exec.Command(name, args...), ns: ns}
	t.Cleanup(func() {
		if c.Process != nil && c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	return c
}

// Start starts the process; a child inherits the namespace of the thread that
// forks it. A nil namespace is the test's own.
func (c *Cmd) Start() (err error) {
	if c.ns == nil {
		return c.Cmd.Start()
	}
	c.ns.Do(func() { err = c.Cmd.Start() })
	return err
}

// Run starts the process and waits for its end.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the process and returns its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the process and returns all that it printed.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}
