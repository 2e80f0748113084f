package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// kernel is one of Debian's, unpacked: image, btf (absent where it has none),
// release, and modules/ in the order in which they load.
type kernel struct {
	name   string // as in expect.go
	series string
	arch   string
	dir    string
}

// kernels lists the matrix, without where they are.
func kernels() []kernel {
	var all []kernel
	for arch, series := range map[string][]string{
		"amd64": {"5.10", "6.1", "6.12", "6.18", "7.3"},
		"arm64": {"6.1", "6.12", "7.3"},
	} {
		for _, s := range series {
			name := s
			if arch != "amd64" {
				name += "-" + arch
			}
			all = append(all, kernel{name: name, series: s, arch: arch})
		}
	}
	slices.SortFunc(all, func(a, b kernel) int { return cmp.Or(cmp.Compare(a.arch, b.arch), naturally(a.series, b.series)) })
	return all
}

// modules are what tests and tools need that is not built in.
func modules() []string {
	return []string{"tcp_diag", "udp_diag", "inet_diag", "unix_diag", "veth", "nf_tables", "nft_numgen", "nft_reject_inet", "sch_netem"}
}

// later are modules that open sockets in every network namespace or need much else: the
// test of the kernel's own sockets loads them.
func later() []string { return []string{"vxlan", "rds_tcp", "cifs"} }

func wanted() string { return strings.Join(modules(), " ") + "; " + strings.Join(later(), " ") }

// fresh is how long an unpacked kernel is used before apt is asked for a newer one.
const fresh = 7 * 24 * time.Hour

func (k *kernel) isFresh() bool {
	st, err := os.Stat(filepath.Join(k.dir, "release"))
	return err == nil && k.hasModules() && time.Since(st.ModTime()) < fresh
}

// hasModules reports whether those that were unpacked are those that are wanted now.
func (k *kernel) hasModules() bool {
	text, _ := os.ReadFile(filepath.Join(k.dir, "wanted"))
	return string(text) == wanted()
}

func (k *kernel) release() string {
	text, _ := os.ReadFile(filepath.Join(k.dir, "release")) // none: not unpacked
	return string(text)
}

// fetch unpacks the newest kernel of the series, unless that is there already.
func (k *kernel) fetch(ctx context.Context, a *apt) error {
	pkg, err := a.newest(ctx, "linux-image-"+k.series+".", "-cloud-"+k.arch)
	if err != nil {
		return err
	}
	release := strings.TrimPrefix(pkg, "linux-image-")
	stamp := filepath.Join(k.dir, "release")
	if k.release() == release && k.hasModules() {
		return os.Chtimes(stamp, time.Time{}, time.Now())
	}
	packages, err := a.withRelease(ctx, pkg, release)
	if err != nil {
		return err
	}
	return a.scratch(func(root string) error {
		if err := a.unpack(ctx, root, k.arch, packages); err != nil {
			return err
		}
		if err := os.RemoveAll(k.dir); err != nil {
			return err
		}
		if err := os.MkdirAll(k.dir, 0o755); err != nil {
			return err
		}
		if err := k.takeImage(ctx, root, release); err != nil {
			return err
		}
		if err := k.takeModules(ctx, root, release); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(k.dir, "wanted"), []byte(wanted()), 0o644); err != nil {
			return err
		}
		return os.WriteFile(stamp, []byte(release), 0o644)
	})
}

func (k *kernel) takeImage(ctx context.Context, root, release string) error {
	path, err := find(root, "vmlinuz", "usr/lib/modules/"+release) // from 7.1 on
	if err != nil {
		path = filepath.Join(root, "boot", "vmlinuz-"+release)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if k.arch == "amd64" {
		if image, err = unpackImage(ctx, image); err != nil {
			return fmt.Errorf("vmlinuz-%s: %w", release, err)
		}
	}
	if types := findBTF(image, smallestBTF); types != nil {
		if err := os.WriteFile(filepath.Join(k.dir, "btf"), types, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(k.dir, "image"), image, 0o644)
}

var packed = regexp.MustCompile(`\.ko\.(xz|zst|gz)$`)

func (k *kernel) takeModules(ctx context.Context, root, release string) error {
	// kmod looks in lib, which newer packages leave out.
	if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil && !os.IsExist(err) {
		return err
	}
	if _, err := command(ctx, "", "depmod", "-b", root, release); err != nil {
		return err
	}
	first, err := k.takeSet(ctx, root, release, "modules", modules(), nil)
	if err != nil {
		return err
	}
	_, err = k.takeSet(ctx, root, release, "later", later(), first)
	return err
}

// takeSet unpacks modules and what they need, but those at has, into a directory; it
// returns where all of them are in root.
func (k *kernel) takeSet(ctx context.Context, root, release, dir string, names, has []string) ([]string, error) {
	var paths []string
	for _, name := range names {
		out, err := command(ctx, "", "modprobe", "-d", root, "-S", release, "--show-depends", name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); f[0] == "insmod" && !slices.Contains(paths, f[1]) && !slices.Contains(has, f[1]) {
				paths = append(paths, f[1])
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(k.dir, dir), 0o755); err != nil {
		return nil, err
	}
	for i, path := range paths {
		text, err := unpacked(ctx, path)
		if err != nil {
			return nil, err
		}
		name := packed.ReplaceAllString(filepath.Base(path), ".ko")
		if err := os.WriteFile(filepath.Join(k.dir, dir, fmt.Sprintf("%02d-%s", i, name)), text, 0o644); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func unpacked(ctx context.Context, path string) ([]byte, error) {
	m := packed.FindStringSubmatch(path)
	if m == nil {
		return os.ReadFile(path)
	}
	tool := map[string]string{"xz": "xz", "zst": "zstd", "gz": "gzip"}[m[1]]
	return exec.CommandContext(ctx, tool, "-dc", path).Output()
}
