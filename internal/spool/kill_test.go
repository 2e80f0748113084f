package spool

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/flow"
	"tcptop/internal/testkit/records"
)

// childDir is where the child of TestKill keeps its records.
const childDir = "TCPTOP_TEST_SPOOL"

// report is what the child says, a JSON object on a line each.
type report struct {
	Put     *flow.Moved // all that Put has returned for
	Putting *flow.Moved // all that it will have
	Lines   []byte      // that the engine has
}

// child is the agent that TestKill kills: it puts, and delivers every other time.
func child() {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	out := json.NewEncoder(os.Stdout)
	s, err := Open(Config{Dir: dir, Host: "web-1", Epoch: uint64(time.Now().UnixNano()), Schema: flow.NewSchema(column.New()), MaxSize: 8 * block})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for h := records.NewHost(); ; {
		interval := h.Interval()
		_ = out.Encode(report{Putting: &h.Truth})
		s.Put(interval)
		_ = out.Encode(report{Put: &h.Truth})
		if h.Ticks%3 == 0 {
			g := s.Take(h.Ticks%2 == 0)
			switch h.Ticks % 4 {
			case 0:
				s.Reject(g, g.Lines, false)
			case 1:
				s.Back(g, false)
			default:
				_ = out.Encode(report{Lines: g.Lines})
				s.Done(g)
			}
		}
	}
}

// Killed at any moment and begun again, each record is stored once or counted as dropped
// once: what Put returned for is never lost, and what it was at is there whole or not at all.
func TestKill(t *testing.T) {
	dir := t.TempDir() + "/s"
	e := records.NewEngine()
	var truth flow.Moved
	torn, random := uint64(0), rand.New(rand.NewPCG(1, 2))
	for range 12 {
		put, putting := runChild(t, dir, e, 40+random.IntN(200))
		s := open(t, Config{Dir: dir, MaxSize: 1 << 30})
		torn += s.Stats().Torn
		s.Put(records.NewHost().Interval()) // says what was refused and not told of yet
		own := flow.Moved{RxBytes: 15000, TxBytes: 150, RxPackets: 15, TxPackets: 15}
		drain(t, s, e)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		before := truth
		truth.Add(&own)
		with := truth
		truth.Add(&put)
		with.Add(&putting)
		switch e.All() {
		case truth:
		case with:
			truth = with
		default:
			t.Fatalf("stored %+v and dropped %+v; there was %+v before, then %+v or %+v", e.Stored, e.Dropped, before, truth, with)
		}
	}
	if len(e.Reasons) < 2 {
		t.Errorf("nothing was dropped: %+v", e.Reasons)
	}
	t.Logf("%d torn segments, %d records twice, dropped %+v", torn, e.Twice, e.Reasons)
}

// runChild lets the child work until it has said so many lines and kills it.
func runChild(t *testing.T, dir string, e *records.Engine, lines int) (put, putting flow.Moved) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		var said report
		if err := json.Unmarshal(line, &said); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		switch {
		case said.Put != nil:
			put = *said.Put
		case said.Putting != nil:
			putting = *said.Putting
		default:
			e.Insert(t, said.Lines)
		}
		if n == lines {
			_ = c.Process.Kill()
		}
	}
	_ = c.Wait()
	return put, putting
}
