package cli

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/tui"
)

// cost measures what tcptop itself takes.
type cost struct {
	start, last time.Time
	used        time.Duration
	started     bool // the first tick takes stock of everything and says nothing of the others
}

func newCost() *cost {
	now := time.Now()
	return &cost{start: now, last: now, used: cpuTime()}
}

func (c *cost) fill(f *tui.Frame) {
	now, used := time.Now(), cpuTime()
	f.Uptime = now.Sub(c.start)
	f.CPU = -1
	if wall := now.Sub(c.last); wall > 0 && c.started {
		f.CPU = 100 * float64(used-c.used) / float64(wall)
	}
	c.last, c.used, c.started = now, used, true
	f.RSS = resident()
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the memory that this process holds (proc_pid_statm(5), 2).
func resident() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}
