package main

import (
	"cmp"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// programs are what tests call, by the Debian package that has them.
func programs() map[string][]string {
	return map[string][]string{
		"bash":         {"bash"},
		"coreutils":    {"cat", "head", "sleep", "true"},
		"dnsmasq-base": {"dnsmasq"},
		"iproute2":     {"ip", "ss", "tc"},
		"libcap2-bin":  {"capsh"},
		"mount":        {"mount"},
		"nftables":     {"nft"},
		"util-linux":   {"nsenter", "setpriv", "unshare"},
	}
}

// tools is a directory of programs for guests and the libraries they need, as they
// lie in Debian: bin, lib.
type tools struct {
	arch, dir string
}

func (t *tools) isFresh() bool {
	st, err := os.Stat(filepath.Join(t.dir, "bin"))
	if err != nil || time.Since(st.ModTime()) >= fresh {
		return false
	}
	for _, names := range programs() { // those that are wanted now
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(t.dir, "bin", name)); err != nil {
				return false
			}
		}
	}
	return true
}

func (t *tools) fetch(ctx context.Context, a *apt) error {
	return a.scratch(func(root string) error { return t.fetchTo(ctx, a, root) })
}

func (t *tools) fetchTo(ctx context.Context, a *apt, root string) error {
	var packages, names []string
	for p, has := range programs() {
		packages, names = append(packages, p), append(names, has...)
	}
	if err := a.unpackDepends(ctx, root, t.arch, packages); err != nil {
		return err
	}
	if err := os.RemoveAll(t.dir); err != nil {
		return err
	}
	for _, d := range []string{"lib", "bin"} {
		if err := os.MkdirAll(filepath.Join(t.dir, d), 0o755); err != nil {
			return err
		}
	}
	for _, name := range names {
		path, err := find(root, name, "bin", "sbin", "usr/bin", "usr/sbin")
		if err != nil {
			return err
		}
		if err := t.take(root, path, filepath.Join("bin", name)); err != nil {
			return err
		}
	}
	return os.Symlink("bash", filepath.Join(t.dir, "bin", "sh"))
}

// take copies the file at path in root to a place in the guest, and, once, what it
// is linked against.
func (t *tools) take(root, path, to string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(t.dir, to)), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.dir, to), text, 0o755); err != nil {
		return err
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if at := interpreter(f); at != "" {
		needed = append(needed, at)
	}
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[t.arch]
	for _, lib := range needed {
		at := filepath.Join("lib", lib)
		if filepath.IsAbs(lib) {
			at = lib[1:]
		}
		if _, err := os.Stat(filepath.Join(t.dir, at)); err == nil {
			continue
		}
		path, err := find(root, filepath.Base(lib), filepath.Join("lib", triplet), filepath.Join("usr/lib", triplet))
		if err != nil {
			return err
		}
		if err := t.take(root, path, at); err != nil {
			return err
		}
	}
	return nil
}

// interpreter returns the absolute path of what loads the program's libraries.
func interpreter(f *elf.File) string {
	i := slices.IndexFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if i < 0 {
		return ""
	}
	path := make([]byte, f.Progs[i].Filesz)
	n, _ := f.Progs[i].ReadAt(path, 0) // short: no such file, which find says
	return string(path[:max(n-1, 0)])
}

func find(root, name string, dirs ...string) (string, error) {
	var first error
	for _, d := range dirs {
		path := filepath.Join(root, d, name)
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		first = cmp.Or(first, err)
	}
	return "", first
}
