package kernel

import (
	"bufio"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// TestSlowReader takes a line per 50 ms while 2,000 processes connect and exit, and
// the rest at once: every connection ends in one row or is counted as lost.
func TestSlowReader(t *testing.T) {
	for _, format := range []string{"jsonl", "csv"} {
		t.Run(format, func(t *testing.T) {
			ns := testkit.NetNS(t)
			c := start(t, append(netns(ns), "-d", "100ms", "-o", format, "--fields", "conn,event,tx_bytes,rx_bytes,pid")...)
			idle := testkit.Start(t, ns, "idle", "-n", "500")
			idle.Ready() // rows of every tick, so that the pipe is soon full
			c.firstLine()
			load := testkit.Start(t, ns, "short", "-n", "2000")
			over := make(chan []testkit.Truth, 1)
			go func() { over <- load.Finish() }()
			lines := make(chan string)
			go c.lines(lines)
			got, truths := slowly(lines, over)
			idle.Finish()
			c.signal(syscall.SIGTERM)
			for line := range lines {
				got = append(got, line)
			}
			if _, err := c.ends(); err != nil {
				t.Error(err)
			}
			if err := onceEach(t, format, got, truths, c.stderr.String()); err != nil {
				t.Error(err)
			}
		})
	}
}

// lines sends all that it prints, line by line.
func (c *child) lines(to chan<- string) {
	defer close(to)
	for s := bufio.NewScanner(c.out); s.Scan(); {
		to <- s.Text()
	}
}

// slowly takes a line per 50 ms until over says something.
func slowly(lines <-chan string, over <-chan []testkit.Truth) (got []string, truths []testkit.Truth) {
	slow := time.NewTicker(50 * time.Millisecond)
	defer slow.Stop()
	for {
		select {
		case truths = <-over:
			return got, truths
		case <-slow.C:
			select {
			case line := <-lines:
				got = append(got, line)
			default:
			}
		}
	}
}

// onceEach requires one closing row for each truth, with its bytes and owner.
func onceEach(t *testing.T, format string, lines []string, truths []testkit.Truth, stderr string) error {
	t.Helper()
	closed := map[string][]string{}
	for _, line := range lines {
		cells := strings.Split(line, ",")
		if format == "jsonl" {
			r := parse(t, []byte(line))[0]
			cells = []string{r["conn"], r["event"], r["tx_bytes"], r["rx_bytes"], r["pid"]}
		}
		if len(cells) == 5 && cells[1] == "close" {
			closed[cells[0]] = append(closed[cells[0]], strings.Join(cells[2:], " "))
		}
	}
	missing := 0
	for _, want := range truths {
		rows := closed[want.Cookie]
		truth := fmt.Sprintf("%d %d %d", want.TxBytes, want.RxBytes, want.PID)
		if len(rows) > 1 || len(rows) == 1 && rows[0] != truth {
			return fmt.Errorf("closing rows of %s: %q, truth is %q", want.Cookie, rows, truth)
		}
		missing += 1 - len(rows)
	}
	t.Logf("%d lines, %d of %d ends without a row; stderr: %q", len(lines), missing, len(truths), stderr)
	if missing > lostRows(stderr) || len(truths) != 4000 {
		return fmt.Errorf("%d of %d ends have no row, %d are counted as lost:\n%s", missing, len(truths), lostRows(stderr), stderr)
	}
	return nil
}

var lostSum = regexp.MustCompile(`(\d+) (?:closed rows|rows) \(`)

// lostRows sums what the last line on stderr says was lost since start.
func lostRows(stderr string) (sum int) {
	_, total, _ := strings.Cut(stderr, "lost since start: ")
	for _, m := range lostSum.FindAllStringSubmatch(total, -1) {
		n, _ := strconv.Atoi(m[1])
		sum += n
	}
	return sum
}
