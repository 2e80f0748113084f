package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// bench is what all benchmarks share. They make raw system calls on pinned
// threads, so that the kernel is what is measured.
type bench struct {
	fs      *flag.FlagSet
	seconds float64
	size    int
}

// result is the one line that a benchmark prints.
type result struct {
	Bench     string  `json:"bench"`
	Seconds   float64 `json:"seconds"` // that it really took
	Ops       int64   `json:"ops"`
	OpsPerSec float64 `json:"ops_per_s"`
	BytesPerS float64 `json:"bytes_per_s,omitempty"`
	P50       float64 `json:"p50_us,omitempty"`
	P99       float64 `json:"p99_us,omitempty"`
}

func newBench(name string, size int) *bench {
	b := &bench{fs: flag.NewFlagSet(name, flag.ContinueOnError)}
	b.fs.Float64Var(&b.seconds, "sec", 5, "seconds to run")
	if size > 0 {
		b.fs.IntVar(&b.size, "size", size, "payload bytes per call")
	}
	return b
}

func (b *bench) duration() time.Duration { return time.Duration(b.seconds * float64(time.Second)) }

// MarshalJSON fills in what follows from the rest.
func (r result) MarshalJSON() ([]byte, error) {
	type plain result
	r.OpsPerSec = float64(r.Ops) / r.Seconds
	return json.Marshal(plain(r))
}

// threads runs tasks, each on a thread of its own pinned to one CPU, the i-th
// on the i-th CPU that we may use, and waits for all. The time that they take
// beyond b's is bounded.
func (b *bench) threads(tasks ...func() error) error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("affinity: %w", err)
	}
	// A raw call that blocks keeps its P, and a collection would wait for it.
	runtime.GOMAXPROCS(len(tasks) + 2)
	debug.SetGCPercent(-1)
	done := make(chan error, len(tasks))
	for i, task := range tasks {
		go func() { done <- pinned(nthCPU(allowed, i), task) }()
	}
	late := time.NewTimer(b.duration() + 30*time.Second)
	defer late.Stop()
	for range tasks {
		select {
		case err := <-done:
			if err != nil {
				return err
			}
		case <-late.C:
			return fmt.Errorf("%s: still running half a minute after its time", b.fs.Name())
		}
	}
	return nil
}

// pinned never gives its thread back. The runtime's preemption signal is kept
// away from it: it would only interrupt calls.
func pinned(cpu int, task func() error) error {
	runtime.LockOSThread()
	urgent := unix.Sigset_t{}
	urgent.Val[0] = 1 << (unix.SIGURG - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &urgent, nil); err != nil {
		return fmt.Errorf("block SIGURG: %w", err)
	}
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return task()
}

// nthCPU returns the n-th CPU of a set, round and round.
func nthCPU(set unix.CPUSet, n int) int {
	n %= set.Count()
	for cpu := 0; ; cpu++ {
		if set.IsSet(cpu) {
			if n == 0 {
				return cpu
			}
			n--
		}
	}
}
