package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// initramfs writes a cpio archive as the kernel unpacks it
// (Documentation/driver-api/early-userspace/buffer-format.rst). Its first error stays.
type initramfs struct {
	w    *bufio.Writer
	made map[string]bool // directories
	at   int64
	n    int
	err  error
}

func newInitramfs(w io.Writer) *initramfs {
	a := &initramfs{w: bufio.NewWriter(w), made: map[string]bool{".": true}}
	a.dir("dev")
	a.entry("dev/console", 0o20600, nil, 5, 1) // for the kernel to give to init
	return a
}

// file adds a file and the directories that it is in.
func (a *initramfs) file(name string, mode fs.FileMode, text []byte) {
	name = strings.TrimPrefix(name, "/")
	a.dir(filepath.Dir(name))
	a.entry(name, 0o100000|uint32(mode.Perm()), text, 0, 0)
}

// link adds a symbolic link.
func (a *initramfs) link(name, target string) {
	a.entry(name, 0o120777, []byte(target), 0, 0)
}

// host adds a file of the host.
func (a *initramfs) host(name, path string) {
	text, err := os.ReadFile(path)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.file(name, 0o755, text)
}

// tree adds the files below a directory of the host.
func (a *initramfs) tree(name, path string) {
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		to := filepath.Join(name, rel)
		if d.Type()&fs.ModeSymlink == 0 {
			a.host(to, p)
			return nil
		}
		target, err := os.Readlink(p)
		a.dir(filepath.Dir(to))
		a.link(to, target)
		return err
	})
	if err != nil && a.err == nil {
		a.err = err
	}
}

// close ends the archive.
func (a *initramfs) close() error {
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	if err := a.w.Flush(); a.err == nil {
		a.err = err
	}
	return a.err
}

func (a *initramfs) dir(name string) {
	if a.made[name] {
		return
	}
	a.made[name] = true
	a.dir(filepath.Dir(name))
	a.entry(name, 0o40755, nil, 0, 0)
}

func (a *initramfs) entry(name string, mode uint32, text []byte, major, minor int) {
	a.n++
	a.write([]byte(fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.n, mode, 0, 0, 1, 0, len(text), 0, 0, major, minor, len(name)+1, 0, name)))
	a.write(text)
}

// write writes and fills up to four bytes.
func (a *initramfs) write(b []byte) {
	n, err := a.w.Write(b)
	a.at += int64(n)
	pad := make([]byte, -a.at&3)
	a.w.Write(pad)
	a.at += int64(len(pad))
	if a.err == nil {
		a.err = err
	}
}
