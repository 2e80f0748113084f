package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"tcptop/internal/testkit/truth"
)

// console is what the program says and hears: JSON lines out, commands in.
type console struct {
	in  *bufio.Scanner
	out io.Writer
	mu  sync.Mutex // guards out
}

func newConsole(in io.Reader, out io.Writer) *console {
	return &console{in: bufio.NewScanner(in), out: out}
}

// say prints v as one line in one write, so that processes that share the
// output don't cut each other's lines.
func (c *console) say(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// hear returns the next line, or false at the end.
func (c *console) hear() (string, bool) {
	if !c.in.Scan() {
		return "", false
	}
	return c.in.Text(), true
}

// hold says that everything is up and waits for a line or the end of input.
func (c *console) hold(conns int) error {
	if err := c.say(truth.Line{Ready: true, Conns: conns}); err != nil {
		return err
	}
	c.hear()
	return c.in.Err()
}
