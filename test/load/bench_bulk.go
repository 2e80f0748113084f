package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// benchBulkMain measures one-way throughput: per connection a thread that only
// writes and one that only reads. An op is one write of -size bytes.
func benchBulkMain(args []string, c *console) error {
	b := newBench("bench-bulk", 128<<10)
	conns := b.fs.Int("conns", 1, "connections at a time")
	if err := b.fs.Parse(args); err != nil {
		return err
	}
	pairs, err := blockingPairs(*conns)
	if err != nil {
		return err
	}
	written, read := make([]int64, *conns), make([]int64, *conns)
	begin := time.Now()
	end := begin.Add(b.duration())
	var tasks []func() error
	for i, p := range pairs {
		tasks = append(tasks,
			func() (err error) { written[i], err = b.push(p[0], end); return err },
			func() (err error) { read[i], err = b.pull(p[1]); return err })
	}
	if err := b.threads(tasks...); err != nil {
		return err
	}
	r := result{Bench: "bulk", Seconds: time.Since(begin).Seconds()}
	for i := range pairs {
		r.Ops += written[i]
		r.BytesPerS += float64(read[i]) / r.Seconds
	}
	return c.say(r)
}

// push writes until end and returns how often.
func (b *bench) push(fd int, end time.Time) (n int64, err error) {
	buf := make([]byte, b.size)
	for time.Now().Before(end) {
		for range 16 {
			if err := rawWrite(fd, buf); err != nil {
				return n, err
			}
		}
		n += 16
	}
	return n, unix.Shutdown(fd, unix.SHUT_WR)
}

// pull reads to the end and returns how many bytes.
func (b *bench) pull(fd int) (bytes int64, err error) {
	buf := make([]byte, max(b.size, 64<<10))
	for {
		n, err := rawRead(fd, buf)
		if err != nil || n == 0 {
			return bytes, err
		}
		bytes += int64(n)
	}
}
