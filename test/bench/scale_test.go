package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// BenchmarkScale is the screen as a person has it, in a terminal, over established
// sockets of several addresses and network namespaces of which some move in each tick.
// TCPTOP_BENCH_SOCKETS is the most that there are (100000).
//
// A tick is all of tcptop's processor time from one to the next: the sweep, whose share
// the kernel's statistics tell, then decoding, names, table, history and one screen. The
// passes over the whole host, which are as rare as they are dear, are in %core-at-1s only.
func BenchmarkScale(b *testing.B) {
	testkit.Kernel(b)
	path := buildTcptop(b)
	most := int(number(b, "TCPTOP_BENCH_SOCKETS", 100_000))
	for _, n := range []int{1_000, 10_000, idleSockets, 1_000_000} {
		if n > most {
			continue
		}
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			crowd := establish(b, n, 4)
			s := scaled(b, path, n)
			for _, percent := range []int{0, 1, 10, 100} {
				b.Run(fmt.Sprintf("moving=%d%%", percent), func(b *testing.B) { s.bench(b, crowd, percent) })
			}
			s.screen.end(b)
			crowd.finish()
		})
	}
}

// crowd is established sockets in some network namespaces.
type crowd []*testkit.Workload

func establish(b *testing.B, n, spaces int) (c crowd) {
	for range spaces {
		c = append(c, testkit.Start(b, testkit.NetNS(b), "idle", "-n", strconv.Itoa(n/2/spaces), "-touch"))
	}
	for _, w := range c {
		w.Ready()
	}
	return c
}

// touch moves bytes on a share of all, and returns when that is done.
func (c crowd) touch(percent int) {
	if percent == 0 {
		return
	}
	done := make(chan struct{})
	for _, w := range c {
		go func() {
			w.Tell(fmt.Sprint("touch ", float64(percent)/100))
			done <- struct{}{}
		}()
	}
	for range c {
		<-done
	}
}

func (c crowd) finish() {
	for _, w := range c {
		w.Finish()
	}
}

// scale is a tcptop in a terminal.
type scale struct {
	sockets int
	every   time.Duration // between ticks
	chunks  int           // runs of the sweep in a tick
	screen  *terminal
}

func scaled(b *testing.B, path string, sockets int) *scale {
	s := &scale{sockets: sockets, every: time.Second, chunks: (sockets + 1<<16 - 1) >> 16}
	if sockets > 200_000 {
		s.every = 6 * time.Second // all of them do not move in less here
	}
	cmd := exec.Command(path, "-d", s.every.String(), "--bpf-stats", "--max-conns", strconv.Itoa(s.chunks<<16))
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+b.TempDir(), "XDG_CONFIG_HOME="+b.TempDir())
	var err error
	if s.screen, err = inTerminal(cmd); err != nil {
		b.Fatal(err)
	}
	for range 3 { // the first takes stock, the second shows it
		s.nextTick(b, s.read(b))
	}
	return s
}

// usage is what it has taken so far.
type usage struct {
	ticks           int
	passes          uint64        // runs of the programs of passes
	cpu, sweep, bpf time.Duration // of all, of tt_sweep, of all programs that it runs itself
	at              time.Time
}

func (s *scale) read(b *testing.B) (u usage) {
	pid := s.screen.cmd.Process.Pid
	u.at, u.cpu = time.Now(), spent(b, pid)
	for name, t := range runTimes(b, pid) {
		if name == "tt_sweep" {
			u.ticks, u.sweep = int(t.RunCount)/s.chunks, t.Runtime
		}
		switch name {
		case "tt_owners", "tt_inventory":
			u.passes += t.RunCount
			u.bpf += t.Runtime
		case "tt_sweep", "tt_age_flows", "tt_read_udp":
			u.bpf += t.Runtime
		}
	}
	return u
}

// spent is the processor time of a process, of threads that have ended too: its clock is
// made of its number (clock_getcpuclockid(3)).
func spent(b *testing.B, pid int) time.Duration {
	const scheduled = 2 // CPUCLOCK_SCHED
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &ts); err != nil {
		b.Fatalf("processor time of %d: %v", pid, err)
	}
	return time.Duration(ts.Nano())
}

// nextTick waits until a tick after u is over, when nothing is done any more.
func (s *scale) nextTick(b *testing.B, u usage) usage {
	const still = 40 * time.Millisecond
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(still) {
		before := spent(b, s.screen.cmd.Process.Pid)
		time.Sleep(still)
		if now := s.read(b); now.ticks > u.ticks && now.cpu-before < still/20 {
			return now
		}
	}
	b.Fatal("no tick in two minutes")
	return u
}

// An idle host's passes come every minute and every two: where there is an aim for the
// whole it is looked at for so long, once it has found out that nothing happens.
const (
	idleSockets = 100_000
	idleRounds  = 120
)

func (s *scale) bench(b *testing.B, c crowd, percent int) {
	rounds := 7
	switch {
	case s.every > time.Second:
		rounds = 5
	case percent == 0 && s.sockets == idleSockets:
		rounds = idleRounds
		for range idleRounds / 4 {
			s.nextTick(b, s.read(b))
		}
	}
	var sweep, rest, alone []float64
	var first, last usage
	for b.Loop() {
		c.touch(percent) // what the first such tick needs is there then
		first = s.nextTick(b, s.read(b))
		last = first
		for round := range rounds {
			c.touch(percent)
			now := s.nextTick(b, s.read(b))
			n := float64(now.ticks - last.ticks)
			if now.passes == last.passes || len(alone) == 0 && round == rounds-1 {
				alone = append(alone, float64(now.cpu-last.cpu)/n/1e6)
				rest = append(rest, float64(now.cpu-last.cpu-(now.bpf-last.bpf))/n/1e6)
			}
			sweep = append(sweep, float64(now.sweep-last.sweep)/n/1e6)
			last = now
		}
	}
	for unit, values := range map[string][]float64{"tick-ms": alone, "sweep-ms": sweep, "go-ms": rest} {
		slices.Sort(values)
		spread(b, values, unit)
	}
	b.ReportMetric(1e6*middle(alone), "ns/op")
	b.ReportMetric(float64(len(alone)), "rounds-without-pass")
	ticks := middle(alone) * float64(last.ticks-first.ticks)
	passes := max(float64(last.cpu-first.cpu)/1e6-ticks, 0) / (float64(last.at.Sub(first.at)) / 1e6)
	b.ReportMetric(100*(middle(alone)/1000+passes), "%core-at-1s") // passes come by the clock, not by the tick
	s.memory(b)
}

// memory is what tcptop and the kernel hold for the connections: what is resident of the
// process' own, and all of the BPF maps, mapped or not.
func (s *scale) memory(b *testing.B) {
	pid := s.screen.cmd.Process.Pid
	m, maps := memoryOf(b, pid), mapBytes(b, pid)
	b.ReportMetric(m.own, "own-MiB")
	b.ReportMetric(maps/(1<<20), "maps-MiB")
	b.ReportMetric(m.peak, "peak-MiB")
	b.ReportMetric((m.own*(1<<20)+maps)/float64(s.sockets), "bytes/conn")
}

// mapBytes is what the kernel accounts for the BPF maps that a process holds.
func mapBytes(b *testing.B, pid int) (sum float64) {
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		b.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range infos {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		info := map[string]string{}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			info[name] = strings.TrimSpace(value)
		}
		if id := info["map_id"]; info["map_type"] == "" || seen[id] {
			continue
		}
		seen[info["map_id"]] = true
		n, err := strconv.ParseFloat(info["memlock"], 64)
		if err != nil {
			b.Fatalf("map %s: %v", info["map_id"], err)
		}
		sum += n
	}
	return sum
}
