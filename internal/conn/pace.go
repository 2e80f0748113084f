package conn

import (
	"context"
	"iter"
	"sync/atomic"
	"time"
)

// Pace is when a collector takes its samples.
type Pace struct{ every atomic.Int64 }

// SetInterval changes the time between samples, from the next one on. It may be
// called while samples are taken.
func (p *Pace) SetInterval(d time.Duration) { p.every.Store(int64(d)) }

// Interval is the time between samples.
func (p *Pace) Interval() time.Duration { return time.Duration(p.every.Load()) }

// Run yields s at once and then once per interval, each time after take has filled it,
// and ends after the sample that was taken when ctx had ended, as a Source has to.
func (p *Pace) Run(ctx context.Context, s *Sample, take func() error) iter.Seq2[*Sample, error] {
	return func(yield func(*Sample, error) bool) {
		next := time.Now()
		for {
			s.Last = ctx.Err() != nil
			if err := take(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(s, nil) || s.Last {
				return
			}
			var missed uint64
			next, missed = p.wait(ctx, next)
			s.Loss.MissedTicks += missed
		}
	}
}

// wait returns when the next sample is due, or when ctx ends. Ticks that went by
// while the reader was busy are counted, not made up for.
func (p *Pace) wait(ctx context.Context, last time.Time) (next time.Time, missed uint64) {
	every := p.Interval()
	next = last.Add(every)
	if late := time.Since(next); late > 0 {
		n := late / every
		next = next.Add(n * every)
		if n > 0 {
			return next, uint64(n)
		}
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return next, 0
}
