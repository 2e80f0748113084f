package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// BenchmarkStorm makes short connections as fast as the machine can, a thread for each
// core, and counts what tcptop streams of them. Each has two ends, 100 bytes there and
// 50 back. TCPTOP_BENCH_SECONDS=60 is a minute.
func BenchmarkStorm(b *testing.B) { storm(b) }

// BenchmarkBeyond is a storm with a hundredth of the room that the ends of a tick would take: what is
// not in rows is counted. What the rest of the host loses is among it.
func BenchmarkBeyond(b *testing.B) { storm(b, "--max-conns", "256") }

func storm(b *testing.B, flags ...string) {
	testkit.Kernel(b)
	path := buildTcptop(b)
	e := asked(b)
	churn := workload{"load=churn", []string{"bench-churn", "-par", strconv.Itoa(runtime.NumCPU())}}
	for b.Loop() {
		ns := testkit.NetNS(b)
		w := startCensus(b, path, ns, flags...)
		o := churn.run(b, ns, e.seconds)
		ends := 2 * o.Ops
		w.await(int64(ends))
		c := w.finish(b)
		b.ReportMetric(o.OpsPerSec, "conns/s")
		b.ReportMetric(100*float64(c.ends)/ends, "%ends-as-rows")
		b.ReportMetric(100*float64(c.owned)/ends, "%ends-with-owner")
		b.ReportMetric(float64(c.lost), "ends-lost-and-said")
		b.ReportMetric(ends-float64(c.ends+c.lost), "ends-unsaid")
		b.ReportMetric(float64(c.bytes)-150*float64(c.ends), "bytes-wrong")
	}
}

// census is what tcptop says of a namespace's connections that ended.
type census struct {
	ends, owned, lost int
	bytes             int64 // both directions, both ends
}

// watching is a tcptop whose rows are counted as they come.
type watching struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	rows   chan census
	ends   atomic.Int64 // of rows so far
}

func startCensus(b *testing.B, path string, ns *testkit.NS, flags ...string) *watching {
	w := &watching{rows: make(chan census, 1)}
	w.cmd = exec.Command(path, append(flags, "-b", "-o", "csv", "--tcp", "--fields", "event,netns,dir,pid,tx_bytes,rx_bytes")...)
	w.cmd.Stderr = &w.stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReaderSize(out, 1<<20)
	if _, err := lines.ReadBytes('\n'); err != nil { // the header comes with the first tick
		b.Fatalf("%v\n%s", err, &w.stderr)
	}
	go func() { w.rows <- w.count(lines, strconv.FormatUint(ns.Inode(), 10)) }()
	return w
}

// await gives an end that no hook saw the ticks in which the sweep finds it out.
func (w *watching) await(ends int64) {
	for end := time.Now().Add(5 * time.Second); w.ends.Load() < ends && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *watching) count(r io.Reader, netns string) (c census) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		f := bytes.Split(s.Bytes(), []byte(","))
		if len(f) != 6 || string(f[0]) != "close" || string(f[1]) != netns || string(f[2]) == "listen" {
			continue
		}
		c.ends++
		w.ends.Add(1)
		if len(f[3]) > 0 {
			c.owned++
		}
		for _, n := range f[4:] {
			v, _ := strconv.ParseInt(string(n), 10, 64) // null counts as none
			c.bytes += v
		}
	}
	return c
}

// lostRows are last rows; one that found no room in the kernel's table has its own.
var lostRows = regexp.MustCompile(`(\d+) (?:closed rows \(|rows \(--max-conns)`)

func (w *watching) finish(b *testing.B) census {
	if err := w.cmd.Process.Signal(unix.SIGINT); err != nil {
		b.Fatal(err)
	}
	c := <-w.rows
	if err := w.cmd.Wait(); err != nil {
		b.Fatalf("%v\n%s", err, &w.stderr)
	}
	_, last, _ := strings.Cut(w.stderr.String(), "lost since start:")
	for _, m := range lostRows.FindAllStringSubmatch(last, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			b.Fatal(fmt.Errorf("%q: %w", m[0], err))
		}
		c.lost += n
	}
	if last != "" {
		b.Log("lost since start:", strings.TrimSpace(last))
	}
	return c
}
