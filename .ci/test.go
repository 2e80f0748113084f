// Command test runs go test over this module and says in its last line what
// could not run here, and why.
//
// Packages whose tests ask testkit for the kernel, for root or for a namespace run
// one after another, because some look at all BPF programs and sockets of the host.
// With TCPTOP_KERNEL_TESTS=must a test that is skipped is a failure.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	kernel := flag.Bool("kernel", false, "only packages that meet the kernel, as root or through sudo")
	unit := flag.Bool("unit", false, "only packages that do not")
	race := flag.Bool("race", false, "with the race detector")
	flag.Parse()
	if err := run(*kernel, *unit, *race); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		os.Exit(1)
	}
}

func run(kernel, unit, race bool) error {
	units, kernels, err := packages()
	if err != nil {
		return err
	}
	flags := []string{"test", "-json"}
	if race {
		flags = append(flags, "-race")
	} else if err := os.Setenv("CGO_ENABLED", "0"); err != nil { // as it is shipped
		return err
	}
	serial := append(slices.Clone(flags), "-p=1", "-count=1")
	if kernel && os.Geteuid() != 0 {
		if _, err := exec.LookPath("sudo"); err != nil {
			return errors.New("the kernel tests need root, and there is no sudo here")
		}
		serial = append(serial, "-exec", "sudo --preserve-env=TCPTOP_KERNEL_TESTS")
	}

	r := report{skipped: map[string]int{}, output: map[string]*bytes.Buffer{}}
	if !kernel {
		err = r.goTest(flags, units)
	}
	if !unit {
		err = errors.Join(err, r.goTest(serial, kernels))
	}
	if os.Getenv("TCPTOP_KERNEL_TESTS") == "must" && len(r.skipped) > 0 {
		err = errors.Join(err, errors.New("nothing may be left out here"))
	}
	fmt.Println(r.leftOut())
	return err
}

var asksKernel = regexp.MustCompile(`\btestkit\.(Kernel|Root|NetNS|Start|BPFObjects)\(`)

// packages lists this module's packages without and with kernel tests.
func packages() (units, kernels []string, err error) {
	list := exec.Command("go", "list", "-json=Dir,ImportPath,TestGoFiles,XTestGoFiles", "./...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("list packages: %w", err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p struct {
			Dir, ImportPath           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&p); err != nil {
			return nil, nil, fmt.Errorf("list packages: %w", err)
		}
		kernel := false
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			source, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, nil, err
			}
			kernel = kernel || asksKernel.Match(source)
		}
		if kernel {
			kernels = append(kernels, p.ImportPath)
		} else {
			units = append(units, p.ImportPath)
		}
	}
	return units, kernels, nil
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

type report struct {
	skipped map[string]int           // reason → tests
	output  map[string]*bytes.Buffer // of tests that have not ended
}

func (r *report) goTest(flags, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	cmd := exec.Command("go", slices.Concat(flags, packages)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := r.read(out); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(flags, " "), err)
	}
	return nil
}

// read prints what go test would without -json, and remembers the skips.
func (r *report) read(out io.Reader) error {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			os.Stdout.Write(line)
			continue
		}
		r.add(e)
	}
}

func (r *report) add(e event) {
	if e.Test == "" {
		if strings.HasPrefix(e.Output, "FAIL\t") {
			r.flush(e.Package + " ") // what was running when the whole package failed
		}
		if e.Output != "PASS\n" {
			fmt.Print(e.Output)
		}
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		r.output[key] = &bytes.Buffer{}
	case "output":
		if b := r.output[key]; b != nil && !strings.HasPrefix(e.Output, "=== ") {
			b.WriteString(e.Output)
		}
	case "pass":
		delete(r.output, key)
	case "skip":
		r.skipped[reason(r.output[key])]++
		delete(r.output, key)
	case "fail":
		r.flush(key)
	}
}

// flush prints what the tests said whose key begins so.
func (r *report) flush(prefix string) {
	for _, key := range slices.Sorted(maps.Keys(r.output)) {
		if strings.HasPrefix(key, prefix) {
			os.Stdout.Write(r.output[key].Bytes())
			delete(r.output, key)
		}
	}
}

var logLine = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)

// reason is the last thing that a skipped test said.
func reason(output *bytes.Buffer) string {
	if output == nil {
		return "no reason given"
	}
	said := logLine.FindAllStringSubmatch(output.String(), -1)
	if len(said) == 0 {
		return "no reason given"
	}
	return said[len(said)-1][1]
}

func (r *report) leftOut() string {
	if len(r.skipped) == 0 {
		return "left out: nothing"
	}
	reasons := slices.SortedFunc(maps.Keys(r.skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.skipped[b], r.skipped[a]), cmp.Compare(a, b))
	})
	total := 0
	for i, why := range reasons {
		total += r.skipped[why]
		reasons[i] = fmt.Sprintf("%d: %s", r.skipped[why], why)
	}
	return fmt.Sprintf("left out: %d tests (%s)", total, strings.Join(reasons, "; "))
}
