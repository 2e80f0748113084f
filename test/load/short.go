package main

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// What a short-lived process moves, in bytes.
const (
	shortRequest = 1 << 10
	shortReply   = 4 << 10
)

// short is many processes that each connect, send, read and exit at once.
type short struct {
	n, par  int
	servers int
	limit   time.Duration
	exe     string
	port    uint16
}

func shortMain(args []string, c *console) error {
	s := &short{}
	fs := flag.NewFlagSet("short", flag.ContinueOnError)
	fs.IntVar(&s.n, "n", 2000, "processes")
	fs.IntVar(&s.par, "par", 4, "processes at a time")
	fs.IntVar(&s.servers, "servers", 2, "accepting processes that share the listener")
	fs.DurationVar(&s.limit, "limit", 5*time.Minute, "for the whole run")
	if err := fs.Parse(args); err != nil {
		return err
	}
	var err error
	if s.exe, err = os.Executable(); err != nil {
		return err
	}
	return s.run()
}

func (s *short) run() error {
	fd, err := listen(mapped, netip.AddrPortFrom(netip.IPv6Unspecified(), 0), 4096)
	if err != nil {
		return err
	}
	at, err := localAddr(fd)
	if err != nil {
		return err
	}
	s.port = at.Port()
	listener := os.NewFile(uintptr(fd), "listener")
	stop, err := s.startServers(listener)
	if err != nil {
		return err
	}
	// Only the servers have the listener now.
	if err := listener.Close(); err != nil {
		return err
	}
	end := time.Now().Add(s.limit)
	err = parallel(s.n, s.par, func(i int) error {
		if time.Now().After(end) {
			return fmt.Errorf("client %d: not started within %v", i, s.limit)
		}
		return s.client(i)
	})
	if stopErr := stop(); err == nil {
		err = stopErr
	}
	return err
}

// startServers starts the accepting processes. They end when their standard
// input does, which stop waits for.
func (s *short) startServers(listener *os.File) (stop func() error, err error) {
	var all []*exec.Cmd
	var inputs []io.Closer
	for i := range s.servers {
		c := exec.Command(s.exe, "short-server", strconv.Itoa(i))
		c.ExtraFiles = []*os.File{listener}
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			return nil, err
		}
		if err := c.Start(); err != nil {
			return nil, fmt.Errorf("start server: %w", err)
		}
		all, inputs = append(all, c), append(inputs, in)
	}
	return func() error {
		for i, c := range all {
			if err := inputs[i].Close(); err != nil {
				return err
			}
			if err := c.Wait(); err != nil {
				return fmt.Errorf("server %d: %w", i, err)
			}
		}
		return nil
	}, nil
}

// client runs one process. os.StartProcess, not exec.Cmd: nothing between us
// and the next fork.
func (s *short) client(i int) error {
	p, err := os.StartProcess(s.exe, []string{s.exe, "short-client", strconv.Itoa(i), strconv.Itoa(int(s.port))},
		&os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		return fmt.Errorf("start client: %w", err)
	}
	state, err := p.Wait()
	if err != nil {
		return fmt.Errorf("client %d: %w", i, err)
	}
	if !state.Success() {
		return fmt.Errorf("client %d: %v", i, state)
	}
	return nil
}

// rename sets the comm of the thread group leader, whichever thread calls.
func rename(comm string) error { return os.WriteFile("/proc/self/comm", []byte(comm), 0) }
