package bench

import (
	"bufio"
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// reading is what a tool's output says. What it can't say is nil.
type reading struct {
	pids  func(text []byte) map[int]bool // processes that it names
	bytes func(text []byte) float64      // of all connections, or packets
}

// seen has short processes and then larger transfers, and compares what p says of them
// with what they know themselves.
func (p peer) seen(b *testing.B) {
	const processes, linger = 300, 3 * time.Second // a tool that looks every second or two may still see what is over
	for b.Loop() {
		ns := testkit.NetNS(b)
		r, err := p.begin(b, ns)
		if err != nil {
			b.Fatalf("%s: %v", p.name, err)
		}
		short := testkit.Start(b, ns, "short", "-n", strconv.Itoa(processes)).Finish()
		bulk := testkit.Start(b, ns, "bulk", "-n", "40", "-max", "4000000").Finish()
		time.Sleep(linger)
		text := r.end()
		b.ReportMetric(0, "ns/op") // nothing is timed here
		if p.pids != nil {
			named, clients := p.pids(text), 0
			for _, t := range short {
				if t.Dir == "out" && named[t.PID] {
					clients++
				}
			}
			b.ReportMetric(100*float64(clients)/processes, "%short-with-process")
		}
		if p.bytes != nil {
			var sent uint64
			for _, t := range append(short, bulk...) {
				sent += t.TxBytes
			}
			b.ReportMetric(100*(p.bytes(text)/float64(sent)-1), "%bytes-wrong")
		}
	}
}

// tcptopRows are event,conn,pid,comm,proto,tx_bytes: the last of each connection counts.
var tcptopRows = reading{
	pids: func(text []byte) map[int]bool {
		return numbers(text, regexp.MustCompile(`(?m)^\w+,[^,]*,(\d+),`))
	},
	bytes: func(text []byte) float64 {
		return lastOf(text, regexp.MustCompile(`(?m)^\w+,([^,]+),[^,]*,(?:"[^"\n]*"|[^,\n]*),tcp,(\d+)\r?$`))
	},
}

var ssRows = reading{
	pids: func(text []byte) map[int]bool { return numbers(text, regexp.MustCompile(`pid=(\d+)`)) },
	bytes: func(text []byte) float64 {
		return lastOf(text, regexp.MustCompile(`(?m)^\S+\s+\d+\s+\d+\s+(\S+\s+\S+)\s.*\bbytes_sent:(\d+)`))
	},
}

// nethogsRows are program/pid/uid, sent and received since it started, in bytes.
var nethogsRows = reading{
	pids: func(text []byte) map[int]bool { return numbers(text, regexp.MustCompile(`(?m)/(\d+)/\d+\t`)) },
	bytes: func(text []byte) float64 {
		return lastOf(text, regexp.MustCompile(`(?m)^(.*/\d+/\d+)\t([\d.]+)\t`))
	},
}

var iftopSum = reading{bytes: func(text []byte) (sum float64) {
	all := regexp.MustCompile(`Cumulative \(sent/received/total\):.*\s([\d.]+)([KMG]?)B`).FindAllSubmatch(text, -1)
	if len(all) == 0 {
		return 0
	}
	last := all[len(all)-1]
	n, _ := strconv.ParseFloat(string(last[1]), 64)
	return n * map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[string(last[2])]
}}

// iptrafLog sums each direction's last count.
func iptrafLog(path string) reading {
	return reading{bytes: func([]byte) float64 {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0
		}
		return lastOf(text, regexp.MustCompile(`(?m)from (\S+ to \S+); .*packets, (\d+) bytes`))
	}}
}

func numbers(text []byte, re *regexp.Regexp) map[int]bool {
	found := map[int]bool{}
	for _, m := range re.FindAllSubmatch(text, -1) {
		if n, err := strconv.Atoi(string(m[1])); err == nil {
			found[n] = true
		}
	}
	return found
}

// lastOf sums the last number that each name has.
func lastOf(text []byte, re *regexp.Regexp) (sum float64) {
	last := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if m := re.FindSubmatch(lines.Bytes()); m != nil {
			last[strings.Join(strings.Fields(string(m[1])), " ")], _ = strconv.ParseFloat(string(m[2]), 64)
		}
	}
	for _, n := range last {
		sum += n
	}
	return sum
}
