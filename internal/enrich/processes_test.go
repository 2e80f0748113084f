package enrich

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"tcptop/internal/conn"
)

// ownerOf is a process as a collector names it.
func ownerOf(t testing.TB, pid int) conn.Owner {
	t.Helper()
	p, err := procfs.NewProc(pid)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := p.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return conn.Owner{PID: uint32(pid), Start: uint32(stat.Starttime), Comm: conn.MakeName(stat.Comm)}
}

func owned(mono int64, owners ...conn.Owner) *conn.Sample {
	s := &conn.Sample{Mono: mono}
	for i, o := range owners {
		s.Conns = append(s.Conns, conn.Conn{ID: conn.ID{Cookie: uint64(i + 1)}, Seat: uint32(i + 1), Owner: o})
	}
	return s
}

// until applies samples that differ only in time until cond holds, and returns all that
// they said of processes that were given out before.
func until(t *testing.T, e *Enricher, s *conn.Sample, cond func(p *conn.Process) bool) (news []conn.ProcessChange) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		s.Conns[0].Process = nil
		e.Apply(s)
		news = append(news, s.Processes...)
		if cond(s.Conns[0].Process) {
			return news
		}
		select {
		case <-limit:
			t.Fatalf("the process stays %+v", s.Conns[0].Process)
		case <-time.After(time.Millisecond):
			s.Mono += nameAgain
		}
	}
}

func TestProcessInTheFirstTick(t *testing.T) {
	s := owned(1, ownerOf(t, os.Getpid()), ownerOf(t, os.Getpid()), conn.Owner{})
	open(t, Config{}).Apply(s)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := conn.Process{Exe: exe, Cmdline: strings.Join(os.Args, " ")}
	if p := s.Conns[0].Process; p == nil || *p != want {
		t.Errorf("this process is %+v, want %+v", p, want)
	}
	if s.Conns[0].Process != s.Conns[1].Process {
		t.Error("connections of one process do not share it")
	}
	if s.Conns[2].Process != nil {
		t.Error("a connection without owner has a process")
	}
}

// TestProcessExec runs another program in a process: what was given out is taken back
// once its name changes.
func TestProcessExec(t *testing.T) {
	c := exec.Command("sh", "-c", "echo; read -r x; exec sleep 1000")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	e := open(t, Config{})
	s := owned(1, ownerOf(t, c.Process.Pid))
	until(t, e, s, func(p *conn.Process) bool { return strings.HasSuffix(p.Cmdline, "exec sleep 1000") })
	shell := s.Conns[0].Process
	if _, err := fmt.Fprintln(in); err != nil {
		t.Fatal(err)
	}
	limit := time.After(30 * time.Second)
	for ownerOf(t, c.Process.Pid).Comm.String() != "sleep" {
		select {
		case <-limit:
			t.Fatal("no exec")
		case <-time.After(time.Millisecond):
		}
	}
	s.Conns[0].Owner = ownerOf(t, c.Process.Pid)
	news := until(t, e, s, func(p *conn.Process) bool { return p.Cmdline == "sleep 1000" && filepath.Base(p.Exe) != "sh" })
	still := shell // what rows point to that no sample names
	for _, n := range news {
		if n.Was == still { // an exec may be seen half done
			still = n.Is
		}
	}
	if still != s.Conns[0].Process {
		t.Errorf("rows that still point to the shell are not told: %+v", news)
	}
}

// TestProcessGone knows nothing of a process that has ended, nor of one that got its pid.
func TestProcessGone(t *testing.T) {
	other := ownerOf(t, os.Getpid())
	other.Start -= 5
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	s := owned(1, other, conn.Owner{PID: uint32(c.Process.Pid), Start: 1, Comm: conn.MakeName("true")})
	open(t, Config{}).Apply(s)
	for i := range s.Conns {
		if p := s.Conns[i].Process; p == nil || *p != (conn.Process{}) {
			t.Errorf("%+v of a process that has ended", p)
		}
	}
}

// TestProcessEndsLater keeps what was known of a process that has ended since.
func TestProcessEndsLater(t *testing.T) {
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	e, s := New(Config{}), owned(1, ownerOf(t, c.Process.Pid))
	until(t, e, s, func(p *conn.Process) bool { return p.Cmdline == "sleep 1000" })
	_ = c.Process.Signal(syscall.SIGKILL)
	_ = c.Wait()
	s.Mono += readAgain
	until(t, e, s, func(*conn.Process) bool {
		return e.owners.known[process{s.Conns[0].Owner.PID, s.Conns[0].Owner.Start}].gone
	})
	if p := s.Conns[0].Process; p.Cmdline != "sleep 1000" {
		t.Errorf("it is %+v after its end", p)
	}
}

func TestProcessesAreBounded(t *testing.T) {
	e := open(t, Config{LookupUser: func(uint32) string { return "" }})
	e.owners.reader.readers = maxReaders // nobody reads
	for pid := range uint32(2*maxProcesses + 1) {
		s := owned(1, conn.Owner{PID: 1<<22 + pid})
		e.owners.begin()
		e.fill(&s.Conns[0], 1)
	}
	if n := len(e.owners.known); n > maxProcesses {
		t.Errorf("%d processes are kept, want at most %d", n, maxProcesses)
	}
}

// TestLongCommandLine keeps what of it has room.
func TestLongCommandLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cmdline")
	if err := os.WriteFile(path, []byte("a\x00"+strings.Repeat("b", 2*maxCmdline)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := cmdline(path), "a "+strings.Repeat("b", maxCmdline-2); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

// warm returns a sample of n rows of many processes and users, and an Enricher that
// knows them all.
func warm(t testing.TB, n int) (*Enricher, *conn.Sample) {
	e := open(t, Config{LookupUser: func(uid uint32) string { return fmt.Sprint("user", uid) }})
	e.owners.reader.readers = maxReaders // these processes do not exist: nobody reads
	s := &conn.Sample{Mono: 1, Conns: make([]conn.Conn, n)}
	for i := range s.Conns {
		c := &s.Conns[i]
		c.Seat = uint32(i + 1)
		pid := uint32(i * 7919 % 10000) // neighbours are of different processes
		c.Has, c.UID, c.Cgroup = conn.HasUID|conn.HasCgroup, pid%50, 1<<40+uint64(pid%500)
		c.Owner = conn.Owner{PID: 1<<22 + pid, Start: 7, Comm: conn.MakeName("server")}
	}
	e.owners.begin()
	for i := range s.Conns {
		e.fill(&s.Conns[i], s.Mono)
	}
	for _, f := range e.owners.known {
		f.waiting, f.comm = false, f.asked
	}
	e.owners.reader.todo, e.owners.reader.idle = nil, nil
	return e, s
}

func strip(s *conn.Sample) {
	for i := range s.Conns {
		s.Conns[i].Place, s.Conns[i].Process = nil, nil
	}
}

// TestWarmCachesDoNotAllocate is the path of a tick of 100,000 rows.
func TestWarmCachesDoNotAllocate(t *testing.T) {
	e, s := warm(t, 100_000)
	e.Apply(s)
	e.clerk.await(nil)
	e.Apply(s) // with what it found
	if n := testing.AllocsPerRun(5, func() { strip(s); e.Apply(s) }); n != 0 {
		t.Errorf("%v allocations for 100,000 rows, want none", n)
	}
}
