package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// BenchmarkPeers has other tools watch what tcptop watches, each alone in turn: what they
// take with 10,000 sockets of which a tenth moves every second, what they see of short
// processes and of bytes that are known, and what a workload pays. A tool that is not
// here, or does not start, has a line that says so.
func BenchmarkPeers(b *testing.B) {
	testkit.Kernel(b)
	var here []peer
	for _, p := range peers(b) {
		if err := p.starts(b); err != nil {
			fmt.Printf("peer %s: %v\n", p.name, err)
			continue
		}
		here = append(here, p)
	}
	b.Run("cost", func(b *testing.B) {
		crowd := establish(b, 10_000, 1)
		for _, p := range here {
			b.Run("peer="+p.name, func(b *testing.B) { p.cost(b, crowd) })
		}
		crowd.finish()
	})
	for _, p := range here {
		if p.pids == nil && p.bytes == nil {
			continue
		}
		b.Run("seen/peer="+p.name, p.seen)
	}
	for _, load := range []workload{{"load=rr/conns=1", []string{"bench-rr", "-conns", "1"}}, {"load=churn", []string{"bench-churn"}}} {
		c := &comparison{load: load, free: true, subjects: []subject{without, again}}
		for _, p := range here {
			c.subjects = append(c.subjects, subject{name: "with=" + p.name, within: p.beside})
		}
		b.Run(load.name, c.bench)
	}
}

// peer is a tool that shows connections.
type peer struct {
	name    string
	args    []string // of the program, which watches the loopback device of its namespace
	netns   bool     // it is told the namespace, since it watches all
	packets bool     // it listens to packets: it works once it has a socket for them
	every   bool     // it prints once: it is run every second
	reading
}

func peers(b *testing.B) []peer {
	log := filepath.Join(b.TempDir(), "iptraf.log")
	return []peer{
		{name: "tcptop", args: []string{buildTcptop(b), "-b", "-o", "csv", "--fields", "event,conn,pid,comm,proto,tx_bytes"}, netns: true, reading: tcptopRows},
		{name: "ss", args: []string{"ss", "-tinpOH"}, every: true, reading: ssRows},
		{name: "nethogs", args: []string{"nethogs", "-a", "-t", "-v", "2", "-d", "1", "lo"}, packets: true, reading: nethogsRows},
		{name: "iftop", args: []string{"iftop", "-i", "lo", "-t", "-n", "-N", "-B", "-L", "1000"}, packets: true, reading: iftopSum},
		{name: "iptraf-ng", args: []string{"iptraf-ng", "-i", "lo", "-L", log}, packets: true, reading: iptrafLog(log)},
		{name: "tcptrack", args: []string{"tcptrack", "-i", "lo"}, packets: true},
	}
}

// peering is a peer that runs.
type peering struct {
	peer
	ns   *testkit.NS
	term *terminal

	stop context.CancelFunc // of one that is run every second
	done chan struct{}
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
	used time.Duration
	most float64 // bytes resident
	runs int
	err  error
}

// begin starts p in ns and returns when it has an effect.
func (p peer) begin(b *testing.B, ns *testkit.NS) (*peering, error) {
	path, err := exec.LookPath(p.args[0])
	if err != nil {
		return nil, errors.New("not installed")
	}
	r := &peering{peer: p, ns: ns, done: make(chan struct{})}
	if p.every {
		var ctx context.Context
		ctx, r.stop = context.WithCancel(context.Background())
		go r.repeat(ctx, path)
	} else {
		cmd := exec.Command(path, p.args[1:]...)
		if p.netns {
			cmd.Args = append(cmd.Args, "--netns", strconv.FormatUint(ns.Inode(), 10))
		}
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+b.TempDir(), "XDG_CONFIG_HOME="+b.TempDir())
		ns.Do(func() { r.term, err = inTerminal(cmd) })
		if err != nil {
			return nil, err
		}
	}
	if err := r.awaitEffect(); err != nil {
		r.end()
		return nil, err
	}
	return r, nil
}

func (r *peering) awaitEffect() error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		switch {
		case r.every:
			r.mu.Lock()
			runs, err := r.runs, r.err
			r.mu.Unlock()
			if runs > 0 || err != nil {
				return err
			}
		case r.term.ended():
			return fmt.Errorf("does not start here: %s", lastLine(r.term.said()))
		case r.packets:
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/packet", r.term.cmd.Process.Pid))
			if err == nil && bytes.Count(text, []byte("\n")) > 1 {
				return nil
			}
		default:
			if bytes.Contains(r.term.said(), []byte("event,")) { // the header comes with the first tick
				return nil
			}
		}
	}
	return errors.New("has no effect within ten seconds")
}

// repeat runs a program every second, as whoever has no top of it would.
func (r *peering) repeat(ctx context.Context, path string) {
	defer close(r.done)
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for {
		cmd := r.ns.Command(path, r.args[1:]...)
		out, err := cmd.Output()
		r.mu.Lock()
		r.text.Write(out)
		if r.text.WriteByte('\n'); err != nil {
			r.err = fmt.Errorf("does not start here: %w", err)
		} else if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.most = max(r.most, float64(u.Maxrss)*1024)
		}
		if cmd.ProcessState != nil {
			r.used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		}
		r.runs++
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
	}
}

// end stops it and returns what it printed.
func (r *peering) end() []byte {
	if r.every {
		r.stop()
		<-r.done
		return r.text.Bytes()
	}
	r.term.halt()
	return r.term.said()
}

// spent is its processor time so far.
func (r *peering) spent(b *testing.B) time.Duration {
	if !r.every {
		return spent(b, r.term.cmd.Process.Pid)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// resident is its memory, in bytes: the most of one run, where it runs every second.
func (r *peering) resident(b *testing.B) float64 {
	if r.every {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.most
	}
	m := memoryOf(b, r.term.cmd.Process.Pid)
	return (m.own + m.program + m.maps) * (1 << 20)
}

func (p peer) starts(b *testing.B) error {
	r, err := p.begin(b, testkit.NetNS(b))
	if err == nil {
		r.end()
	}
	return err
}

// beside is p as a subject of a comparison.
func (p peer) beside(b *testing.B, ns *testkit.NS) func() {
	r, err := p.begin(b, ns)
	if err != nil {
		b.Fatalf("%s: %v", p.name, err)
	}
	return func() { r.end() }
}

// cost is what p takes of a crowd in one namespace, of which a tenth moves every second.
func (p peer) cost(b *testing.B, c crowd) {
	const seconds = 10
	r, err := p.begin(b, c[0].NS())
	if err != nil {
		b.Fatalf("%s: %v", p.name, err)
	}
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	c.touch(10)
	<-clock.C
	for b.Loop() {
		before, begun := r.spent(b), time.Now()
		for range seconds {
			c.touch(10)
			<-clock.C
		}
		b.ReportMetric(100*float64(r.spent(b)-before)/float64(time.Since(begun)), "%core")
		b.ReportMetric(r.resident(b)/(1<<20), "MiB")
	}
	r.end()
}

func lastLine(text []byte) string {
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return "it says nothing"
	}
	return strconv.QuoteToASCII(lines[len(lines)-1])
}
