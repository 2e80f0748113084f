package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"tcptop/internal/testkit/truth"
)

// told is a process that moves bytes for as long as it is told to: it says that it is ready;
// at the line go it counts from zero and works, at the line stop it ends that and says what it
// moved; at the end of its input it exits.
type told struct {
	tx, rx atomic.Int64
	work   func(ctx context.Context) error
}

func (t *told) run(c *console) error {
	rec, err := self()
	if err != nil {
		return err
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for line, more := c.hear(); more; line, more = c.hear() {
			lines <- line
		}
	}()
	if err := c.say(truth.Line{Ready: true}); err != nil {
		return err
	}
	if err := expect(lines, "go"); err != nil {
		return err
	}
	t.tx.Store(0)
	t.rx.Store(0)
	if err := c.say(truth.Line{OK: true}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- t.work(ctx) }()
	select {
	case err := <-done:
		return errors.Join(err, errors.New("the work ended by itself"))
	case line := <-lines:
		if line != "stop" {
			return nil
		}
	}
	cancel()
	if err := <-done; err != nil {
		return err
	}
	rec.TxBytes, rec.RxBytes = uint64(t.tx.Load()), uint64(t.rx.Load())
	if err := c.say(rec); err != nil {
		return err
	}
	<-lines
	return nil
}

// expect waits for a line.
func expect(lines <-chan string, want string) error {
	if line := <-lines; line != want {
		return fmt.Errorf("heard %q, not %s", line, want)
	}
	return nil
}
