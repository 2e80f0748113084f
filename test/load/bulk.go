package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"time"
)

// bulk is many TCP connections of random sizes, of all kinds and families.
type bulk struct {
	n     int
	max   int64
	seed  uint64
	par   int
	check bool
	hold  bool
	limit time.Duration
	lobby *lobby
	con   *console
	held  []*exchange
}

func bulkMain(args []string, c *console) error {
	b := &bulk{con: c}
	fs := flag.NewFlagSet("bulk", flag.ContinueOnError)
	fs.IntVar(&b.n, "n", 200, "connections")
	fs.Int64Var(&b.max, "max", 10<<20, "most bytes per direction")
	fs.Uint64Var(&b.seed, "seed", 1, "of the random sizes")
	fs.IntVar(&b.par, "par", 4, "connections at a time")
	fs.BoolVar(&b.check, "check", false, "compare the truth with the kernel's tcp_info before closing")
	fs.BoolVar(&b.hold, "hold", false, "keep all open until a line or the end of standard input")
	comm := fs.String("comm", "", "name of the process, any bytes but zero")
	fs.DurationVar(&b.limit, "limit", time.Minute, "for each connection's transfer")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *comm != "" {
		if err := rename(*comm); err != nil {
			return err
		}
	}
	b.held = make([]*exchange, b.n)
	return b.run()
}

func (b *bulk) run() error {
	var err error
	if b.lobby, err = openLobby(); err != nil {
		return err
	}
	if err := parallel(b.n, b.par, b.one); err != nil {
		return err
	}
	if b.hold {
		if err := b.con.hold(b.n); err != nil {
			return err
		}
		for _, x := range b.held {
			if err := x.close(); err != nil {
				return err
			}
		}
	}
	return b.lobby.close()
}

// one makes connection i, whose kind, family and sizes follow from the seed and
// i alone.
func (b *bulk) one(i int) error {
	kinds := bulkKinds()
	kind := kinds[i%len(kinds)]
	f := family(i/len(kinds)) % families
	x := &exchange{rng: rand.New(rand.NewPCG(b.seed, uint64(i))), max: b.max, deadline: time.Now().Add(b.limit)}
	var err error
	if x.client, x.server, err = b.lobby.pair(f, kind.name, x.deadline); err != nil {
		return err
	}
	if err := kind.run(x); err != nil {
		return fmt.Errorf("connection %d: %w", i, err)
	}
	if b.check {
		if err := errors.Join(x.client.check(), x.server.check()); err != nil {
			return err
		}
	}
	if err := errors.Join(x.client.tell(b.con), x.server.tell(b.con)); err != nil {
		return err
	}
	if b.hold {
		b.held[i] = x
		return nil
	}
	return x.close()
}
