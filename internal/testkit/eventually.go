package testkit

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// patienceEnv is how many times longer than usual conditions are waited for: emulated
// machines and busy ones are slow.
const patienceEnv = "TCPTOP_PATIENCE"

// Patience returns a limit for what should happen soon, as long as this machine needs.
// It panics if TCPTOP_PATIENCE is not a whole number from 1 on.
func Patience(limit time.Duration) time.Duration {
	text := os.Getenv(patienceEnv)
	if text == "" {
		return limit
	}
	times, err := strconv.ParseUint(text, 10, 8)
	if err != nil || times == 0 {
		panic(patienceEnv + "=" + text + " is not a whole number from 1 to 255")
	}
	return limit * time.Duration(times)
}

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
