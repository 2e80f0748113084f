package kernel

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

var signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}

func netns(ns *testkit.NS) []string {
	return []string{"--netns", strconv.FormatUint(ns.Inode(), 10)}
}

// TestSignalFlushes asks it to stop long before the next tick: what happened since
// the last one is printed, and nothing stays in the kernel.
func TestSignalFlushes(t *testing.T) {
	for _, sig := range signals {
		t.Run(sig.String(), func(t *testing.T) {
			ns := testkit.NetNS(t)
			before := testkit.Start(t, ns, "bulk", "-n", "1", "-hold")
			before.Ready()
			c := start(t, append([]string{"-d", "1h", "-o", "jsonl"}, netns(ns)...)...)
			c.firstLine()
			objects := holds(t, c.cmd.Process.Pid)
			closed := testkit.Start(t, ns, "bulk", "-n", "20", "-max", "100000").Finish()
			held := testkit.Start(t, ns, "bulk", "-n", "20", "-max", "100000", "-hold", "-seed", "2")
			open := held.Ready()
			flows := testkit.Start(t, ns, "udp", "-flows", "12", "-hold")
			udp := flows.Ready()
			all := c.rest()
			c.endsInTime(c.signal(sig))
			noneLeft(t, objects)
			if err := lastTick(t, <-all, closed, open, udp); err != nil {
				t.Error(err)
			}
			for _, w := range []*testkit.Workload{before, held, flows} {
				w.Finish()
			}
		})
	}
}

// lastTick requires what the truths say of the lines that a stopped program printed.
func lastTick(t *testing.T, lines []byte, closed, open, udp []testkit.Truth) error {
	t.Helper()
	rows := parse(t, lines)
	if err := printed(rows, append(closed, open...)); err != nil {
		return err
	}
	if err := printedClose(rows, closed); err != nil {
		return err
	}
	return printedFlows(rows, udp)
}

// parse reads lines of jsonl.
func parse(t *testing.T, lines []byte) (rows []record) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		r, err := parseJSON(line)
		if err != nil {
			t.Fatalf("parse %q: %v", line, err)
		}
		rows = append(rows, r)
	}
	return rows
}

// printedFlows requires that the last row of every UDP flow has the truth.
func printedFlows(rows []record, truths []testkit.Truth) error {
	last := map[string]record{}
	for _, r := range rows {
		cookie, _, _ := strings.Cut(r["conn"], "-")
		last[cookie+" "+r["raddr"]+" "+r["rport"]] = r
	}
	for _, want := range truths {
		r := last[fmt.Sprintf("%s %v %d", want.Cookie, want.Raddr, want.Rport)]
		got := fmt.Sprintln(r["tx_bytes"], r["tx_packets"], r["rx_bytes"], r["rx_packets"], r["pid"])
		if truth := fmt.Sprintln(want.TxBytes, want.TxPackets, want.RxBytes, want.RxPackets, want.PID); got != truth {
			return fmt.Errorf("%s: row has %s, truth is %s", want.Kind, got, truth)
		}
	}
	return nil
}

// TestSignalInSweep asks it to stop while it reads 40,000 sockets that all move, at
// different points of a tick.
func TestSignalInSweep(t *testing.T) {
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "idle", "-n", "20000", "-touch")
	load.Ready()
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := start(t, append([]string{"-d", "100ms", "-o", "csv", "--fields", "conn,tx_bytes"}, netns(ns)...)...)
			c.firstLine()
			all := c.rest()
			objects := holds(t, c.cmd.Process.Pid)
			load.Tell("touch 1")
			<-time.After(time.Duration(i*23) * time.Millisecond)
			c.endsInTime(c.signal(signals[i%2]))
			noneLeft(t, objects)
			if lines := bytes.Count(<-all, []byte("\n")); lines < 40000 {
				t.Errorf("%d lines of 40000 sockets", lines)
			}
		})
	}
	load.Finish()
}

// TestReaderLeaves closes the pipe, with lines to come and without.
func TestReaderLeaves(t *testing.T) {
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "idle", "-n", "1000")
	load.Ready()
	for _, filter := range []string{"proto=tcp", "comm=nobody"} {
		t.Run(filter, func(t *testing.T) {
			c := start(t, "-d", "100ms", "-o", "csv", filter)
			c.firstLine()
			objects := holds(t, c.cmd.Process.Pid)
			from := time.Now()
			must(t, c.out.Close())
			c.endsInTime(from)
			noneLeft(t, objects)
			if c.stderr.Len() > 0 {
				t.Errorf("stderr: %s", &c.stderr)
			}
		})
	}
	load.Finish()
}

// TestHead is what everybody types first.
func TestHead(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "bash")
	load := testkit.Start(t, testkit.NetNS(t), "idle", "-n", "10")
	load.Ready()
	for _, format := range []string{"text", "csv", "jsonl"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		c := exec.CommandContext(ctx, "bash", "-c", `"$0" -d 100ms -o "$1" | head -1; exit "${PIPESTATUS[0]}"`, tcptop(t), format)
		out, err := c.Output()
		cancel()
		if err != nil || bytes.Count(out, []byte("\n")) != 1 {
			t.Errorf("%s: %v\n%s", format, err, out)
		}
	}
	load.Finish()
}

// TestReaderSleeps leaves more in the pipe than it takes and asks it to stop.
func TestReaderSleeps(t *testing.T) {
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "idle", "-n", "2000")
	load.Ready()
	for _, sig := range signals {
		c := start(t, append([]string{"-d", "100ms", "-o", "jsonl"}, netns(ns)...)...)
		c.firstLine()
		objects := holds(t, c.cmd.Process.Pid)
		c.endsInTime(c.signal(sig))
		noneLeft(t, objects)
		if !strings.Contains(c.stderr.String(), "the reader of the output did not take the last tick") {
			t.Errorf("stderr: %q", c.stderr.String())
		}
	}
	load.Finish()
}

// TestKill ends it as nothing can prepare for.
func TestKill(t *testing.T) {
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "bulk", "-n", "20", "-max", "1000", "-hold")
	load.Ready()
	c := start(t, append([]string{"-d", "100ms", "-o", "jsonl"}, netns(ns)...)...)
	c.firstLine()
	objects := holds(t, c.cmd.Process.Pid)
	c.signal(syscall.SIGKILL)
	if _, err := c.ends(); err == nil {
		t.Error("killed, and status 0")
	}
	noneLeft(t, objects)
	load.Finish()
}
