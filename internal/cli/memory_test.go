package cli

import (
	"runtime/debug"
	"testing"
)

// TestThrift lets the heap double where that is little, and grow by a fifth where it is much.
func TestThrift(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, c := range []struct{ rows, want int }{{0, 100}, {1000, 100}, {111_000, 100}, {200_000, 55}, {1_000_000, 20}, {10_000_000, 20}} {
		if got := thriftPercent(c.rows); got != c.want {
			t.Errorf("%d rows: %d %%, want %d", c.rows, got, c.want)
		}
	}
	var m thrift
	for _, c := range []struct{ rows, want int }{{10, 100}, {1_000_000, 20}, {990_000, 20}, {200_000, 55}, {210_000, 55}, {10, 100}} {
		m.tick(c.rows, 0)
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		if now != c.want {
			t.Errorf("after a tick of %d rows: %d %%, want %d", c.rows, now, c.want)
		}
	}
}
