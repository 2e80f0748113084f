package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// replace puts a block between the markers of its name in a page.
func replace(page, name, block string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := "<!-- bench-host "+name+" -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for it: %q to %q", page, begin, end)
	}
	return os.WriteFile(page, []byte(before+begin+block+"\n"+end+after), 0o644)
}

// loadNow is the load average over the last minute.
func loadNow() string {
	load, _, _ := strings.Cut(readLine("/proc/loadavg"), " ")
	return load
}

// machine says where and of what figures are. The page itself is no change of the program.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // an empty name then
	version, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		version = []byte("devel")
	}
	return fmt.Sprintf("%s, Linux %s, %s, %d cores, %s, tcptop %s", time.Now().UTC().Format(time.DateOnly),
		unix.ByteSliceToString(u.Release[:]), model(), runtime.NumCPU(), runtime.Version(), strings.TrimSpace(string(version)))
}

// model is the processor's name.
func model() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func readLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// footer says how a table came about.
func (s *section) footer(quick bool, machine, load string) string {
	var commands []string
	for _, r := range s.runs {
		commands = append(commands, "`"+r.command(quick)+"`")
	}
	text := strings.Join(commands, "; ") + " — " + machine + ", load average before it " + load
	if s.versions != nil {
		text += "; " + s.versions()
	}
	return text + "."
}
