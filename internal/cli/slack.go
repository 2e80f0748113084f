package cli

import (
	"os"
	"strconv"
	"time"
)

// timerSlack is by how much a thread may sleep longer than it asked for; the system's own
// is 0.05 ms (PR_SET_TIMERSLACK, prctl(2)).
const timerSlack = time.Millisecond

// slacken has all threads take it, and so those that they start. As long as one of them is
// at work or in a system call Go's runtime looks after it every 0.02 ms (sysmon): of a tick
// over few sockets a quarter was that. Not without CAP_SYS_NICE: then it is as before.
func slacken() {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, t := range tasks {
		_ = os.WriteFile("/proc/"+t.Name()+"/timerslack_ns", strconv.AppendInt(nil, int64(timerSlack), 10), 0)
	}
}
