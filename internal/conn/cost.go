package conn

import (
	"fmt"
	"os"
	"syscall"
)

// Cost is what tcptop itself has taken since it started, as of one reading.
type Cost struct {
	Mono     int64  // monotonic ns of the reading; 0 is none
	CPU      uint64 // ns of this process' processor time, user and system (getrusage(2)), its own runs of BPF programs included
	Resident uint64 // bytes of memory that this process holds, mapped BPF maps included (proc_pid_statm(5)); 0 is not known
	Maps     uint64 // bytes that the kernel keeps for its BPF maps, mapped or not (memlock of bpf(2)); 0 is none
	Timed    bool   // the kernel timed BPF programs up to this reading (kernel.bpf_stats_enabled or BPF_ENABLE_STATS)
	HookRuns uint64 // runs of BPF programs in other processes' time, as far as the kernel timed them
	HookTime uint64 // ns that these took of other processes
}

// Program is one of our BPF programs and what it has taken since it was loaded, as far as
// the kernel timed it.
type Program struct {
	Name string // as bpftool(8) shows it
	Own  bool   // tcptop runs it itself: its time is in Cost.CPU, not in Cost.HookTime
	Runs uint64
	Time uint64 // ns
}

// ReadProcess begins a reading at mono with what the system says of this process.
func (c *Cost) ReadProcess(mono int64) {
	c.Mono = mono
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		c.CPU = uint64(u.Utime.Nano() + u.Stime.Nano())
	}
	c.Resident = resident()
}

func resident() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages uint64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// Since is what was taken between an earlier reading and this one, Mono being the time
// between them. It is zero where that is not known: without two readings, or where
// before was another run's.
func (c *Cost) Since(before *Cost) (d Cost) {
	if before.Mono == 0 || c.Mono <= before.Mono || c.CPU < before.CPU || c.HookRuns < before.HookRuns || c.HookTime < before.HookTime {
		return d
	}
	d = *c
	d.Mono -= before.Mono
	d.CPU -= before.CPU
	d.HookRuns -= before.HookRuns
	d.HookTime -= before.HookTime
	return d
}
