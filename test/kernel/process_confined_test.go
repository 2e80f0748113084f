package kernel

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	recording "tcptop/internal/record"
	"tcptop/internal/testkit"
)

// watching are the capabilities that are kept to look at other processes and namespaces.
const watching = 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_SYS_ADMIN

// TestConfined runs tcptop as root with all that it can do: it measures to the byte, finds
// owners and programs, writes its log and moves it away, records, while no thread of it
// has more than it needs.
func TestConfined(t *testing.T) {
	testkit.Kernel(t)
	for _, c := range []struct {
		name string
		args []string
		caps uint64
		exe  bool // programs are known
		udp  bool // bytes of UDP are
	}{
		{"auto", nil, watching, true, true},
		{"strict", []string{"--sandbox", "strict"}, 0, false, true},
		{"diag", []string{"--backend", "diag"}, watching, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ns, log := testkit.NetNS(t), filepath.Join(t.TempDir(), "log.csv")
			args := append([]string{"-d", "200ms", "--udp-timeout", "10m", "--log", log, "--log-rotate", "1Ki"}, netns(ns)...)
			p := stream(t, "jsonl", append(args, c.args...)...)
			ready(t, ns, p)
			tcp := testkit.Start(t, ns, "bulk", "-n", "30", "-max", "100000", "-hold")
			flows := testkit.Start(t, ns, "udp", "-flows", "39", "-hold")
			tcps, udps := tcp.Ready(), flows.Ready()
			if !c.udp {
				udps = nil
			}
			p.until(patience, func(rows []record) error { return agreed(rows, tcps, udps) })
			if c.exe {
				p.until(patience, func(rows []record) error { return programKnown(rows, tcp.PID()) })
			}
			confined(t, p.cmd.Process.Pid, c.caps)
			testkit.Eventually(t, patience, func() error { _, err := os.Stat(log + ".2"); return err })
			tcp.Finish()
			flows.Finish()
			p.stop()
		})
	}
}

// programKnown requires a row whose exe is that of a process.
func programKnown(rows []record, pid int) error {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rows, func(r record) bool { return r["exe"] == exe && r["pid"] == strconv.Itoa(pid) }) {
		return fmt.Errorf("no row has the program %s of process %d", exe, pid)
	}
	return nil
}

// confined looks at every thread of a process: it has these capabilities, can get no
// others, and is filtered.
func confined(t *testing.T, pid int, caps uint64) {
	t.Helper()
	set := fmt.Sprintf("%016x", caps)
	want := map[string]string{"CapPrm": set, "CapEff": set, "CapBnd": set, "CapInh": fmt.Sprintf("%016x", 0), "CapAmb": fmt.Sprintf("%016x", 0), "NoNewPrivs": "1", "Seccomp": "2"}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	must(t, err)
	if len(threads) < 3 {
		t.Errorf("%d threads", len(threads))
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		for name, value := range want {
			if !strings.Contains(string(text), "\n"+name+":\t"+value+"\n") {
				t.Errorf("%s has no %s: %s\n%s", path, name, value, text)
			}
		}
	}
}

// TestConfinedRecording records and replays: whoever reads what somebody hands over has
// nothing left but the right to read it.
func TestConfinedRecording(t *testing.T) {
	testkit.Kernel(t)
	ns, dir := testkit.NetNS(t), filepath.Join(t.TempDir(), "recording")
	load := testkit.Start(t, ns, "bulk", "-n", "100", "-max", "10000", "-hold")
	truths := load.Ready()
	c := startAs(t, nil, tcptop(t), "record", "-o", dir, "-d", "200ms")
	testkit.Eventually(t, patience, func() error {
		if n := len(recordedTicks(t, dir)); n < 3 {
			return fmt.Errorf("%d ticks", n)
		}
		return nil
	})
	confined(t, c.cmd.Process.Pid, watching)
	c.endsInTime(c.signal(syscall.SIGTERM))
	load.Finish()
	segments, err := filepath.Glob(filepath.Join(dir, "*"+recording.Suffix))
	must(t, err)
	if len(segments) != 1 {
		t.Errorf("%d segments", len(segments))
	}

	replay := startAs(t, nil, tcptop(t), append([]string{"replay", dir, "-b", "-o", "jsonl"}, netns(ns)...)...)
	first := replay.firstLine() // the pipe is full before the rest is written
	confined(t, replay.cmd.Process.Pid, 1<<unix.CAP_DAC_READ_SEARCH)
	rest := bufio.NewReader(replay.out)
	var rows []record
	for line := first; len(line) > 0; line, _ = rest.ReadBytes('\n') {
		rows = append(rows, parse(t, line)...)
	}
	if err := printed(rows, truths); err != nil {
		t.Error(err)
	}
	if _, err := replay.ends(); err != nil {
		t.Errorf("%v\n%s", err, &replay.stderr)
	}
}
