package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"tcptop/test/vm/wire"
)

// job is what one job in a guest left.
type job struct {
	out, err bytes.Buffer
	exit     *int // nil: it did not end
	seconds  float64
	log      *os.File
}

// outcome is all that a guest said. It is also kept in files, one for each job, as it
// comes; the first error of that stays.
type outcome struct {
	release string
	jobs    map[string]*job
	dir     string
	broken  error
}

func (o *outcome) take(m wire.Message) {
	if m.Release != "" {
		o.release = m.Release
	}
	if m.Job == "" {
		return
	}
	j := o.jobs[m.Job]
	if j == nil {
		j = &job{}
		o.jobs[m.Job] = j
		var err error
		j.log, err = os.Create(filepath.Join(o.dir, strings.ReplaceAll(m.Job, " ", "-")))
		o.check(err)
	}
	j.out.Write(m.Out)
	j.err.Write(m.Err)
	_, err := j.log.Write(slices.Concat(m.Out, m.Err))
	o.check(err)
	if m.Exit != nil {
		j.exit, j.seconds = m.Exit, m.Seconds
	}
}

func (o *outcome) check(err error) {
	if o.broken == nil {
		o.broken = err
	}
}

func (o *outcome) close() error {
	for _, j := range o.jobs {
		o.check(j.log.Close())
	}
	return o.broken
}

// test is how one test, or one subtest, ended.
type test struct {
	name   string
	action string // pass, fail, skip; run where it did not end
	output strings.Builder
	parent bool // of a subtest that ran
	broken bool // a subtest failed
}

// tests reads what a test binary printed with -test.v=test2json, in its order.
func tests(ctx context.Context, printed io.Reader) ([]*test, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json")
	cmd.Stdin = printed
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("test2json: %w", err)
	}
	var all []*test
	byName := map[string]*test{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var e struct{ Action, Test, Output string }
		if err := d.Decode(&e); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("test2json: %w", err)
		}
		if e.Test == "" {
			continue
		}
		t := byName[e.Test]
		if t == nil {
			t = &test{name: e.Test}
			byName[e.Test] = t
			all = append(all, t)
		}
		switch e.Action {
		case "output":
			t.output.WriteString(e.Output)
		case "run", "pass", "fail", "skip":
			t.action = e.Action
		}
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 && byName[e.Test[:i]] != nil {
			p := byName[e.Test[:i]]
			p.parent, p.broken = true, p.broken || e.Action == "fail"
		}
	}
}

// row is what a line of live.sh has: a truth or a line of tcptop.
type row struct {
	Kind   string `json:"kind"`   // of a truth
	Source string `json:"source"` // of a line of tcptop
	Event  string `json:"event"`
	Laddr  string `json:"laddr"`
	Lport  int    `json:"lport"`
	Raddr  string `json:"raddr"`
	Rport  int    `json:"rport"`
	Tx     *int   `json:"tx_bytes"`
	Rx     *int   `json:"rx_bytes"`
	PID    *int   `json:"pid"`
}

func (r *row) key() string { return fmt.Sprint(r.Laddr, r.Lport, r.Raddr, r.Rport) }

// compareLive returns which source tcptop's rows are from and what is wrong with them:
// each connection that the generator holds must be there with its owner and every byte.
func compareLive(printed io.Reader) (source string, wrong []string) {
	truths, rows := map[string]row{}, map[string]row{}
	for s := bufio.NewScanner(printed); s.Scan(); {
		var r row
		switch err := json.Unmarshal(s.Bytes(), &r); {
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%q: %v", s.Bytes(), err))
		case r.Kind != "":
			truths[r.key()] = r
		default:
			rows[r.key()], source = r, r.Source
		}
	}
	if len(truths) == 0 {
		wrong = append(wrong, "no traffic")
	}
	for key, t := range truths {
		r, ok := rows[key]
		switch {
		case t.Kind == "reset": // it is over before tcptop starts
		case !ok:
			wrong = append(wrong, key+": no row")
		case r.Tx == nil || r.Rx == nil || *r.Tx != *t.Tx || *r.Rx != *t.Rx:
			wrong = append(wrong, fmt.Sprintf("%s: bytes differ", key))
		case r.PID == nil || *r.PID != *t.PID:
			wrong = append(wrong, fmt.Sprintf("%s: owner differs", key))
		}
	}
	return source, wrong
}
