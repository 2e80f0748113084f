package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// BenchmarkRecord is tcptop record as it runs on a host: 100,000 sockets of which 1 %
// move in each tick of a second. An iteration is twenty of them.
func BenchmarkRecord(b *testing.B) {
	testkit.Kernel(b)
	const sockets = 100_000
	load := testkit.Start(b, testkit.NetNS(b), "idle", "-n", strconv.Itoa(sockets/2), "-touch")
	load.Ready()
	dir := b.TempDir()
	cmd := exec.Command(buildTcptop(b), "record", "-o", dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	settle(b, load, clock, dir)
	before, begun, size, ticks := processorTime(b, cmd.Process.Pid), time.Now(), sizeOf(b, dir), 0
	for b.Loop() {
		for range 20 {
			load.Tell("touch 0.01")
			<-clock.C
			ticks++
		}
	}
	b.ReportMetric(100*(processorTime(b, cmd.Process.Pid)-before)/time.Since(begun).Seconds(), "%core")
	b.ReportMetric(float64(sizeOf(b, dir)-size)/float64(ticks), "B/tick")
	m := memoryOf(b, cmd.Process.Pid)
	b.ReportMetric(m.own, "own-MiB")
	b.ReportMetric(m.maps, "maps-MiB")
	b.ReportMetric(m.program, "program-MiB")
	b.ReportMetric(m.peak, "peak-MiB")
	if err := errors.Join(cmd.Process.Signal(unix.SIGINT), cmd.Wait()); err != nil {
		b.Errorf("%v\n%s", err, &said)
	}
	load.Finish()
}

// settle lets the first tick, which names every socket, and what follows it pass.
func settle(b *testing.B, load *testkit.Workload, clock *time.Ticker, dir string) {
	testkit.Eventually(b, time.Minute, func() error {
		if sizeOf(b, dir) < 1<<16 {
			return errors.New("no first tick")
		}
		return nil
	})
	for range 8 {
		load.Tell("touch 0.01")
		<-clock.C
	}
}

// sizeOf is how many bytes of segments there are.
func sizeOf(b *testing.B, dir string) (sum int64) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.tcptop"))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}

// processorTime is what a process has used, in seconds.
func processorTime(b *testing.B, pid int) float64 {
	p, err := procfs.NewProc(pid)
	if err != nil {
		b.Fatal(err)
	}
	s, err := p.Stat()
	if err != nil {
		b.Fatal(err)
	}
	return s.CPUTime()
}

// memory is what of a process is resident, in MiB: its own, the kernel's maps as far as
// they are mapped, and what of its program lies in the page cache, from where it may go
// at any time. The ring among the maps counts twice.
type memory struct{ own, maps, program, peak float64 }

func memoryOf(b *testing.B, pid int) memory {
	m, err := readMemory(pid)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func readMemory(pid int) (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return m, err
	}
	into := &m.own
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		fields := strings.Fields(sc.Text())
		switch kind := fields[0]; {
		case !strings.HasSuffix(kind, ":"): // the head of a mapping
			into = &m.own
			switch {
			case strings.HasSuffix(sc.Text(), "bpf-map"):
				into = &m.maps
			case len(fields) > 5 && strings.HasPrefix(fields[5], "/"):
				into = &m.program
			}
		case kind == "Rss:":
			n, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				return m, err
			}
			*into += n / 1024
		}
	}
	p, err := procfs.NewProc(pid)
	if err != nil {
		return m, err
	}
	s, err := p.NewStatus()
	m.peak = float64(s.VmHWM) / (1 << 20)
	return m, err
}
