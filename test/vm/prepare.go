package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// installMissing installs what the matrix calls, where it is not there yet.
func installMissing(ctx context.Context) error {
	packages := map[string]bool{}
	for program, pkg := range map[string]string{
		"qemu-system-x86_64": "qemu-system-x86", "qemu-system-aarch64": "qemu-system-arm",
		"modprobe": "kmod", "xz": "xz-utils", "zstd": "zstd", "lz4": "lz4",
	} {
		if _, err := exec.LookPath(program); err != nil {
			packages[pkg] = true
		}
	}
	if len(packages) == 0 {
		return nil
	}
	missing := slices.Sorted(maps.Keys(packages))
	if os.Geteuid() != 0 {
		return fmt.Errorf("missing on this machine: run apt-get install --no-install-recommends %s", strings.Join(missing, " "))
	}
	if _, err := command(ctx, "", "apt-get", "-q", "update"); err != nil {
		return err
	}
	_, err := command(ctx, "", "apt-get", append([]string{"-q", "-y", "install", "--no-install-recommends"}, missing...)...)
	return err
}

// lock keeps the cache, with what is built and said there, to this run until it is
// closed. Others wait and say so.
func (m *matrix) lock() (io.Closer, error) {
	if err := os.MkdirAll(m.cache, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(m.cache, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		fmt.Fprintln(os.Stderr, "vm: waiting for another run, which has", m.cache)
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	return f, err
}

// fetch brings the chosen kernels and the guests' programs up to date.
func (m *matrix) fetch(ctx context.Context) error {
	var a *apt
	open := func() error {
		if a != nil {
			return nil
		}
		lines, err := sources(ctx)
		if err == nil {
			a, err = openApt(ctx, filepath.Join(m.cache, "apt"), lines)
		}
		return err
	}
	for i := range m.kernels {
		k := &m.kernels[i]
		k.dir = filepath.Join(m.cache, "kernels", k.name)
		if k.isFresh() {
			continue
		}
		if err := open(); err != nil {
			return err
		}
		if err := k.fetch(ctx, a); err != nil {
			return fmt.Errorf("fetch kernel %s: %w", k.name, err)
		}
	}
	for _, arch := range m.arches() {
		t := tools{arch, m.toolsDir(arch)}
		if t.isFresh() {
			continue
		}
		if err := open(); err != nil {
			return err
		}
		if err := t.fetch(ctx, a); err != nil {
			return fmt.Errorf("fetch programs for %s: %w", arch, err)
		}
	}
	return nil
}

func (m *matrix) arches() []string {
	var all []string
	for _, k := range m.kernels {
		if !slices.Contains(all, k.arch) {
			all = append(all, k.arch)
		}
	}
	return all
}

func (m *matrix) toolsDir(arch string) string { return filepath.Join(m.cache, "tools", arch) }
func (m *matrix) buildDir(arch string) string { return filepath.Join(m.cache, "build", arch) }

// guestTags are of tests that need what the modules here have and other machines may not.
const guestTags = "netem"

// build makes, for each architecture, what guests run: init, the kernel tests, the
// traffic generator and tcptop itself.
func (m *matrix) build(ctx context.Context) error {
	for _, arch := range m.arches() {
		for name, args := range map[string][]string{
			"init":        {"build", "./test/vm/init"},
			"tcptop":      {"build", "./cmd/tcptop"},
			"load":        {"build", "./test/load"},
			"kernel.test": {"test", "-c", "-tags=" + guestTags, "./test/kernel"},
		} {
			last := len(args) - 1
			args = append(args[:last:last], "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(m.buildDir(arch), name), args[last])
			cmd := exec.CommandContext(ctx, "go", args...)
			cmd.Dir = m.root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("build %s for %s: %w\n%s", name, arch, err, out)
			}
		}
	}
	return nil
}

// list asks for the names of the tests of the kernel.
func (m *matrix) list(ctx context.Context) error {
	out, err := command(ctx, m.root, "go", "test", "-tags="+guestTags, "-list", ".", "./test/kernel")
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Test") {
			m.tests = append(m.tests, strings.TrimSpace(line))
		}
	}
	return err
}

// moduleRoot returns the directory of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := command(ctx, "", "go", "list", "-m", "-json")
	if err != nil {
		return "", err
	}
	var m struct{ Dir string }
	err = json.Unmarshal([]byte(out), &m)
	return m.Dir, err
}
