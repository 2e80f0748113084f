package main

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// benchRRMain measures request and response: per connection two threads that
// wait for each other. An op is one round trip of -size bytes each way.
func benchRRMain(args []string, c *console) error {
	b := newBench("bench-rr", 1)
	conns := b.fs.Int("conns", 1, "connections at a time")
	if err := b.fs.Parse(args); err != nil {
		return err
	}
	pairs, err := blockingPairs(*conns)
	if err != nil {
		return err
	}
	took := make([][]uint32, *conns)
	begin := time.Now()
	end := begin.Add(b.duration())
	var tasks []func() error
	for i, p := range pairs {
		// Room for what no machine reaches, for nothing may be allocated later.
		took[i] = make([]uint32, 0, int(b.seconds*400e3)/(*conns)+1000)
		tasks = append(tasks,
			func() (err error) { took[i], err = b.ask(p[0], end, took[i]); return err },
			func() error { return b.answer(p[1]) })
	}
	if err := b.threads(tasks...); err != nil {
		return err
	}
	all := slices.Concat(took...)
	r := result{Bench: "rr", Seconds: time.Since(begin).Seconds(), Ops: int64(len(all))}
	if len(all) > 0 {
		slices.Sort(all)
		r.P50 = float64(all[len(all)/2]) / 1e3
		r.P99 = float64(all[len(all)*99/100]) / 1e3
	}
	return c.say(r)
}

// ask makes round trips until end and appends the nanoseconds of each.
func (b *bench) ask(fd int, end time.Time, took []uint32) ([]uint32, error) {
	buf := make([]byte, b.size)
	for at := time.Now(); at.Before(end) && len(took) < cap(took); {
		if err := rawWrite(fd, buf); err != nil {
			return took, err
		}
		if _, err := rawReadFull(fd, buf); err != nil {
			return took, err
		}
		now := time.Now()
		took = append(took, uint32(now.Sub(at)))
		at = now
	}
	return took, unix.Shutdown(fd, unix.SHUT_WR)
}

// answer returns what it reads, to the end.
func (b *bench) answer(fd int) error {
	buf := make([]byte, b.size)
	for {
		n, err := rawReadFull(fd, buf)
		if err != nil || n == 0 {
			return err
		}
		if err := rawWrite(fd, buf); err != nil {
			return err
		}
	}
}
