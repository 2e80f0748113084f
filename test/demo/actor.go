package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"tcptop/internal/testkit/truth"
)

// actor is a process that makes traffic when it is told to.
type actor struct {
	of  process
	in  io.WriteCloser
	out *truth.Reader
}

// act starts a server or a client, and waits until it has its sockets.
func (d *demo) act(h *host, comm string, args ...string) error {
	c := exec.Command(d.load, args...)
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	c.Stdout = w
	err = d.spawn(h, comm, c)
	if closeErr := w.Close(); err != nil || closeErr != nil {
		return errors.Join(err, closeErr, r.Close())
	}
	a := &actor{of: process{h.name, comm}, in: in, out: truth.NewReader(r)}
	d.actors = append(d.actors, a)
	return a.hears(func(l truth.Line) bool { return l.Ready })
}

func (a *actor) hears(what func(truth.Line) bool) error {
	l, err := a.out.Next()
	if err == nil && !what(l) {
		err = fmt.Errorf("it said %+v", l)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", a.of, err)
	}
	return nil
}

func (d *demo) cast() error {
	for _, s := range servers {
		args := []string{"serve", "-comm", s.comm, "-at", s.at()}
		if s.udp {
			args = append(args, "-udp")
		}
		if err := d.act(d.hosts[s.host], s.comm, args...); err != nil {
			return err
		}
	}
	for i, c := range clients {
		h := d.router
		if c.host >= 0 {
			h = d.hosts[c.host]
		}
		args := []string{"ask", "-comm", c.comm, "-seed", fmt.Sprint(i), "-conns", fmt.Sprint(c.conns), "-to", servers[c.to].at()}
		if err := d.act(h, c.comm, append(args, strings.Fields(c.how)...)...); err != nil {
			return err
		}
	}
	return nil
}

// talk lets the traffic begin, servers first. What connecting has moved the engine has told.
func (d *demo) talk() (err error) {
	for direction, before := range map[string]*map[process]int{"transmit": &d.before.tx, "receive": &d.before.rx} {
		if *before, err = d.ask(`sum by (instance, process_executable_name) (tcptop_group_io_bytes_total{network_io_direction="` + direction + `"})`); err != nil {
			return err
		}
	}
	for _, a := range d.actors {
		if _, err := io.WriteString(a.in, "go\n"); err != nil {
			return fmt.Errorf("%v: %w", a.of, err)
		}
		if err := a.hears(func(l truth.Line) bool { return l.OK }); err != nil {
			return err
		}
	}
	return nil
}

// quiet ends the traffic, clients first, and prints what each process says that it has moved
// since it began, and what the engine told of it before.
func (d *demo) quiet() error {
	moved := map[process]*truth.Record{}
	for _, a := range slices.Backward(d.actors) {
		if _, err := io.WriteString(a.in, "stop\n"); err != nil {
			return fmt.Errorf("%v: %w", a.of, err)
		}
		err := a.hears(func(l truth.Line) bool {
			if l.Record == nil {
				return false
			}
			if moved[a.of] == nil {
				moved[a.of] = &truth.Record{}
			}
			moved[a.of].TxBytes += l.TxBytes
			moved[a.of].RxBytes += l.RxBytes
			return true
		})
		if err != nil {
			return err
		}
	}
	for p, n := range moved {
		line, err := json.Marshal(map[string]any{"host": p.host, "comm": p.comm, "tx_bytes": n.TxBytes, "rx_bytes": n.RxBytes,
			"tx_before": d.before.tx[p], "rx_before": d.before.rx[p]})
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, string(line))
	}
	return nil
}
