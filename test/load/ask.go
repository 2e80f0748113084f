package main

import (
	"context"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ask is a client of serve: on each of its connections one request after the other, with
// pauses, so that what it moves looks like a service's and costs little.
type ask struct {
	told
	to        string
	dialer    net.Dialer
	conns     int
	short     bool
	udp       bool
	send, get int
	each      time.Duration
	seed      uint64
	open      []net.Conn
}

func askMain(args []string, c *console) error {
	a := &ask{dialer: net.Dialer{Timeout: 10 * time.Second}}
	fs := flag.NewFlagSet("ask", flag.ContinueOnError)
	comm := fs.String("comm", "ask", "name of the process")
	from := fs.String("from", "", "own address")
	fs.StringVar(&a.to, "to", "", "address of serve")
	fs.IntVar(&a.conns, "conns", 1, "connections that stay open")
	fs.BoolVar(&a.short, "short", false, "ask on a new connection each time; those that stay open move nothing")
	fs.BoolVar(&a.udp, "udp", false, "send datagrams, which are not answered")
	fs.IntVar(&a.send, "send", 200, "bytes of a request, more or less by half")
	fs.IntVar(&a.get, "get", 2000, "bytes of its answer, likewise")
	fs.DurationVar(&a.each, "each", 100*time.Millisecond, "pause before each request, likewise")
	fs.Uint64Var(&a.seed, "seed", 1, "of the random sizes and pauses")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *from != "" {
		addr, err := netip.ParseAddr(*from)
		if err != nil {
			return err
		}
		a.dialer.LocalAddr = &net.TCPAddr{IP: addr.AsSlice()}
	}
	a.dialer.SetMultipathTCP(false)
	if err := rename(*comm); err != nil { // before it has sockets
		return err
	}
	if err := a.connect(); err != nil {
		return err
	}
	a.work = a.ask
	return a.run(c)
}

// connect opens what stays open and asks on it once: agents tell apart what moves.
func (a *ask) connect() error {
	for range a.conns {
		conn, err := a.dial()
		if err != nil {
			return err
		}
		a.open = append(a.open, conn)
		short := a.short
		a.short = false
		if err := a.request(conn, make([]byte, chunk), askHeader, 1); err != nil {
			return err
		}
		a.short = short
	}
	return nil
}

func (a *ask) dial() (net.Conn, error) {
	if a.udp {
		return a.dialer.Dial("udp4", a.to)
	}
	return a.dialer.Dial("tcp4", a.to)
}

// ask asks on all connections until ctx ends and what was asked is answered.
func (a *ask) ask(ctx context.Context) error {
	failed := make(chan error, len(a.open))
	var asking sync.WaitGroup
	for i, conn := range a.open {
		asking.Go(func() { failed <- a.requests(ctx, conn, rand.New(rand.NewPCG(a.seed, uint64(i)))) })
	}
	asking.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *ask) requests(ctx context.Context, conn net.Conn, rng *rand.Rand) error {
	buf := make([]byte, chunk)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(about(rng, int(a.each)))):
		}
		if err := a.request(conn, buf, about(rng, a.send), about(rng, a.get)); err != nil {
			return err
		}
	}
}

// about is a number from half of n to half more.
func about(rng *rand.Rand, n int) int { return n/2 + rng.IntN(n+1) }

func (a *ask) request(conn net.Conn, buf []byte, send, get int) (err error) {
	if a.udp {
		n, err := conn.Write(buf[:send])
		a.tx.Add(int64(n))
		return err
	}
	if a.short {
		if conn, err = a.dial(); err != nil {
			return err
		}
		defer conn.Close()
	}
	send = max(send, askHeader)
	binary.BigEndian.PutUint32(buf, uint32(send))
	binary.BigEndian.PutUint32(buf[4:], uint32(get))
	if err := writeN(conn, buf, int64(send)); err != nil {
		return err
	}
	a.tx.Add(int64(send))
	a.rx.Add(int64(get))
	return readN(conn, buf, int64(get))
}
