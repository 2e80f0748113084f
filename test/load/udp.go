package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// udp is many UDP flows of random datagrams, of all kinds and families. Sender
// and receiver go in lock-step, so that nothing is dropped.
type udp struct {
	rng      *rand.Rand
	deadline time.Time
	fam      family
	kind     string
	socks    []*udpSock // of all kinds, in order of creation
}

type udpKind struct {
	name string
	run  func(*udp) error
}

func udpKinds() []udpKind {
	return []udpKind{
		{"connected", (*udp).connected},
		{"unconnected", (*udp).unconnected},
		{"anonymous", (*udp).anonymous},
		{"unbound", (*udp).unbound},
		{"fan-out", (*udp).fanOut},
		{"fan-in", (*udp).fanIn},
		{"gso", (*udp).gso},
		{"gso-cmsg", (*udp).gsoMessage},
		{"gro", (*udp).gro},
		{"mmsg", (*udp).mmsg},
		{"peek", (*udp).peek},
		{"zero", (*udp).zero},
		{"cork", (*udp).cork},
	}
}

func udpMain(args []string, c *console) error {
	fs := flag.NewFlagSet("udp", flag.ContinueOnError)
	flows := fs.Int("flows", 100, "pairs of a socket and its remote, at least")
	seed := fs.Uint64("seed", 1, "of the random sizes")
	hold := fs.Bool("hold", false, "keep all open until a line or the end of standard input")
	limit := fs.Duration("limit", time.Minute, "for the whole run")
	if err := fs.Parse(args); err != nil {
		return err
	}
	u := &udp{rng: rand.New(rand.NewPCG(*seed, 0)), deadline: time.Now().Add(*limit)}
	if err := u.run(*flows); err != nil {
		return err
	}
	held := 0
	for _, s := range u.socks {
		n, err := s.tell(c)
		if err != nil {
			return err
		}
		held += n
	}
	if *hold {
		if err := c.hold(held); err != nil {
			return err
		}
	}
	return u.close()
}

// run goes round the kinds and, from round to round, the families. Each pair is
// two flows, one for each socket.
func (u *udp) run(pairs int) error {
	kinds := udpKinds()
	for i := 0; u.flows() < 2*pairs; i++ {
		kind := kinds[i%len(kinds)]
		u.kind = kind.name
		u.fam = family(i/len(kinds)+i) % families
		if err := kind.run(u); err != nil {
			return fmt.Errorf("%s: %w", u.kind, err)
		}
	}
	return nil
}

func (u *udp) flows() (n int) {
	for _, s := range u.socks {
		n += len(s.flows)
	}
	return n
}

func (u *udp) close() error {
	var errs []error
	for _, s := range u.socks {
		errs = append(errs, unix.Close(s.fd))
	}
	return errors.Join(errs...)
}
