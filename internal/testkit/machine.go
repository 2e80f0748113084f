package testkit

import (
	"os"
	"strconv"
	"time"
)

// What the environment says of a machine that is slow, as emulated ones and busy ones are.
const (
	patienceEnv = "TCPTOP_PATIENCE" // how many times longer than usual conditions are waited for
	scaleEnv    = "TCPTOP_SCALE"    // by what the sizes of workloads are divided
)

// Patience returns a limit for what should happen soon, as long as this machine needs.
// It panics if TCPTOP_PATIENCE is not a whole number from 1 to 255.
func Patience(limit time.Duration) time.Duration {
	return limit * time.Duration(factor(patienceEnv))
}

// Scaled returns how many of n connections, processes or datagrams this machine makes
// where it takes many of them, but not just so many. It panics if TCPTOP_SCALE is not a
// whole number from 1 to 255.
func Scaled(n int) int { return max(n/factor(scaleEnv), 1) }

func factor(name string) int {
	text := os.Getenv(name)
	if text == "" {
		return 1
	}
	times, err := strconv.ParseUint(text, 10, 8)
	if err != nil || times == 0 {
		panic(name + "=" + text + " is not a whole number from 1 to 255")
	}
	return int(times)
}
