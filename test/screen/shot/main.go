// Command shot takes the picture of the screen that the README shows: the real
// binary in a real terminal (tmux) over real traffic in a network namespace of its
// own, rendered to SVG by freeze. It needs root, tmux and ip(8).
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	namespace = "tcptop-shot"
	freeze    = "github.com/charmbracelet/freeze@v0.2.2"
	settle    = 25 * time.Second // of traffic, for the graphs to have something to show
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: shot FILE.svg")
		os.Exit(2)
	}
	if err := shoot(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "shot:", err)
		os.Exit(1)
	}
}

func shoot(path string) (err error) {
	dir, err := os.MkdirTemp("", "tcptop-shot-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := run("go", "build", "-o", dir, "./cmd/tcptop", "./test/load"); err != nil {
		return err
	}
	if err := run("ip", "netns", "add", namespace); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run("ip", "netns", "del", namespace)) }()
	if err := run("ip", "-n", namespace, "link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, kind := range []string{"bench-rr", "bench-bulk"} {
		load := exec.Command("ip", "netns", "exec", namespace, filepath.Join(dir, "load"), kind, "-sec", "60")
		if err := load.Start(); err != nil {
			return err
		}
		defer func() { _ = load.Process.Kill(); _ = load.Wait() }()
	}
	screen, err := capture(dir)
	if err != nil {
		return err
	}
	render := exec.Command("go", "run", freeze, "--language", "ansi", "--window", "--padding", "20", "-o", path)
	render.Stdin, render.Stdout, render.Stderr = strings.NewReader(screen), os.Stderr, os.Stderr
	return render.Run()
}

// capture is the screen with its colours, as tmux has it.
func capture(dir string) (string, error) {
	tmux := func(args ...string) (string, error) {
		c := exec.Command("tmux", append([]string{"-S", filepath.Join(dir, "socket"), "-f", "/dev/null"}, args...)...)
		c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMUX=")
		out, err := c.Output()
		return string(out), err
	}
	command := fmt.Sprintf("COLORTERM=truecolor XDG_STATE_HOME=%s %s --theme dark --netns %s", dir, filepath.Join(dir, "tcptop"), namespace)
	if _, err := tmux("new-session", "-d", "-s", "s", "-x", "132", "-y", "32", command); err != nil {
		return "", fmt.Errorf("tmux: %w", err)
	}
	defer func() { _, _ = tmux("kill-server") }()
	time.Sleep(settle)
	if _, err := tmux("send-keys", "-t", "s", "j"); err != nil {
		return "", err
	}
	time.Sleep(time.Second / 2)
	return tmux("capture-pane", "-e", "-p", "-t", "s")
}

func run(name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}
