package ship

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"time"
)

// backoff says how long to wait between tries: a random time up to a bound that doubles
// ("full jitter"), so that agents that failed together do not come back together.
type backoff struct {
	least, most time.Duration
	timeout     time.Duration // of a request
	random      func(n int64) int64
}

func newBackoff() backoff {
	return backoff{least: 500 * time.Millisecond, most: 30 * time.Second, timeout: timeout, random: rand.Int64N}
}

// upTo is a random time below d.
func (b *backoff) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(b.random(int64(d)))
}

// now is asked for where the next try need not wait.
const now = -1

// after is the wait after so many failures; asked is what the engine wants, at least.
func (b *backoff) after(failures int, asked time.Duration) time.Duration {
	if asked == now {
		return 0
	}
	bound := b.most
	if failures < 16 {
		bound = min(b.most, b.least<<failures)
	}
	return asked + b.upTo(max(bound, asked/4))
}

// pause waits; it reports false where there is no next try.
func (s *Shipper) pause(ctx context.Context, failures int, asked time.Duration) bool {
	t := time.NewTimer(s.backoff.after(failures, asked))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.finish:
	}
	return false
}

// cause is a request's error without its address, which whoever prints it names.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
