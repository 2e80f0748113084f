package kernel

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tcptop/internal/column"
	"tcptop/internal/testkit"
)

// bulkListeners is how many the workload has, one per family; their ends are rows too.
const bulkListeners = 3

// TestRingFullStopped stops the real binary while more connections end than the
// kernel's ring has room for. When it goes on, stderr has what no row has: the same
// number, and the bytes of its owner.
func TestRingFullStopped(t *testing.T) {
	ns := testkit.NetNS(t)
	listen(t, ns, 0, 1) // a row to wait for
	p := stream(t, "jsonl", "-d", "100ms", "--tcp", "--max-conns", fmt.Sprint(roomFor(t, 256)), "--netns", fmt.Sprint(ns.Inode()),
		"--fields", "event,conn,pid,tx_bytes,rx_bytes")
	p.until(patience, someRow)
	p.signal(syscall.SIGSTOP)
	load := testkit.Start(t, ns, "bulk", "-n", "3000", "-max", "1000")
	truths := load.Finish()
	p.signal(syscall.SIGCONT)
	p.until(patience, func(rows []record) error {
		if closedOf(rows, load.PID()).conns == 0 {
			return fmt.Errorf("no closed row yet")
		}
		return nil
	})
	left := closedOf(p.stop(), load.PID())
	if twice := len(closedIDs(p.rows)) != int(left.conns); twice {
		t.Errorf("%d closed rows of %d connections", left.conns, len(closedIDs(p.rows)))
	}
	lost := sum{conns: bulkListeners}
	for i := range truths {
		lost = lost.plus(1, truths[i].TxBytes, truths[i].RxBytes)
	}
	lost = sum{lost.conns - left.conns, lost.tx - left.tx, lost.rx - left.rx}
	want := fmt.Sprintf("load[%d] (rows %d, rx %s, tx %s)", load.PID(), lost.conns, human(lost.rx), human(lost.tx))
	last := regexp.MustCompile(`(?m)^tcptop: lost since start: .*\(kernel ring full\).*$`).FindString(p.stderr.String())
	if !strings.Contains(last, want) {
		t.Errorf("the last word on stderr lacks %q:\n%s", want, &p.stderr)
	}
}

// closedOf sums the closed rows of a process.
func closedOf(rows []record, pid int) (s sum) {
	for _, r := range rows {
		if r["event"] == "close" && r["pid"] == strconv.Itoa(pid) {
			tx, _ := strconv.ParseUint(r["tx_bytes"], 10, 64)
			rx, _ := strconv.ParseUint(r["rx_bytes"], 10, 64)
			s = s.plus(1, tx, rx)
		}
	}
	return s
}

func closedIDs(rows []record) map[string]bool {
	ids := map[string]bool{}
	for _, r := range rows {
		if r["event"] == "close" {
			ids[r["conn"]] = true
		}
	}
	return ids
}

func human(n uint64) string { return strings.TrimSpace(string(column.AppendBytes(nil, n))) }

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%v to tcptop: %v", s, err)
	}
}
