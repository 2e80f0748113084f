package testkit

import (
	"testing"
	"time"
)

// Eventually calls cond until it returns nil, at growing intervals of 1 to
// 50 ms, and fails the test with cond's last error when limit has passed.
func Eventually(t testing.TB, limit time.Duration, cond func() error) {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := cond()
		if err == nil {
			return
		}
		select {
		case <-end.C:
			t.Fatalf("not within %v: %v", limit, err)
		case <-time.After(pause):
		}
	}
}
