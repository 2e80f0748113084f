package testkit_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// judge is a test that notes what is wrong instead of failing.
type judge struct {
	testing.TB
	said []string
}

func (j *judge) Errorf(format string, args ...any) {
	j.said = append(j.said, fmt.Sprintf(format, args...))
}

// TestCheckSource has a source that keeps its promises and some that don't.
func TestCheckSource(t *testing.T) {
	for _, c := range []struct {
		name string
		spin func(tick int, s *conn.Sample) // changes the sample of a tick
		want string
	}{
		{"good", func(int, *conn.Sample) {}, ""},
		{"twice", func(_ int, s *conn.Sample) { s.Conns = append(s.Conns, s.Conns...) }, "1 twice"},
		{"counters", func(tick int, s *conn.Sample) { s.Conns[0].RxBytes = uint64(100 - tick) }, "counters went back"},
		{"not measured", func(_ int, s *conn.Sample) { s.Conns[0].Has = 0 }, "bytes that were not measured"},
		{"owner", func(_ int, s *conn.Sample) { s.Conns[0].Owner.PID = 7 }, "owner without a source"},
		{"loss", func(tick int, s *conn.Sample) { s.Loss.Stale = uint64(9 - min(tick, 1)) }, "Stale went back"},
		{"clock", func(tick int, s *conn.Sample) { s.Mono = int64(1e9 - tick) }, "clock went"},
		{"local time", func(_ int, s *conn.Sample) { s.Time = s.Time.In(time.FixedZone("here", 60)) }, "time "},
		{"ghost", func(_ int, s *conn.Sample) { s.Gone = []conn.ID{{Cookie: 9}} }, "9 went and was never there"},
		{"undead", func(tick int, s *conn.Sample) {
			if tick == 0 {
				s.Closed = []conn.Conn{s.Conns[0]}
				s.Closed[0].State = conn.Closed
			}
		}, "came back after it had closed"},
		{"hasty", func(tick int, s *conn.Sample) { s.Last = s.Last || tick == 1 }, "last before the context ended"},
		{"endless", func(_ int, s *conn.Sample) { s.Last = false }, "without a last one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &judge{TB: t}
			moved := false
			testkit.CheckSource(j, made(c.spin), 2, func() { moved = true })
			said := strings.Join(j.said, "\n")
			if c.want == "" && said != "" || !strings.Contains(said, c.want) || !moved {
				t.Errorf("said %q, want %q; traffic ran: %v", said, c.want, moved)
			}
		})
	}
}

// made is a source of one connection, whose samples spin changes.
func made(spin func(int, *conn.Sample)) conn.Source {
	return func(ctx context.Context) iter.Seq2[*conn.Sample, error] {
		return func(yield func(*conn.Sample, error) bool) {
			for tick := 0; ; tick++ {
				last := ctx.Err() != nil
				s := &conn.Sample{
					Time: time.Unix(int64(tick), 0).UTC(), Mono: int64(tick+1) * 1e9, Origin: conn.FromDiag, Last: last,
					Conns: []conn.Conn{{
						ID: conn.ID{Cookie: 1}, NetNS: 1, Proto: conn.TCP, State: conn.Established, Has: conn.HasBytes | conn.HasRaddr,
						RxBytes: uint64(10 + tick),
					}},
				}
				spin(tick, s)
				if !yield(s, nil) || last {
					return
				}
			}
		}
	}
}
