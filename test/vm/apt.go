package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// apt is package lists of several Debian releases and architectures in a
// directory of their own: the machine's lists and packages are left alone. Its
// mirrors are the machine's, its signatures are checked as always.
type apt struct {
	dir string
}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// openApt fetches the lists of sources, lines as in sources.list.
func openApt(ctx context.Context, dir, sources string) (*apt, error) {
	a := &apt{dir: dir}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{"status": "", "sources.list": sources, "conf": a.conf()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	_, err := a.run(ctx, "", "apt-get", "-q", "update", "--error-on=any")
	return a, err
}

// sources lists where the kernels and the guests' tools are to be had. 5.10, 6.1
// and 6.12 are the kernels of Debian 11, 12 and 13; backports has the newer ones.
func sources(ctx context.Context) (string, error) {
	out, err := command(ctx, "", "apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Origin: Debian")
	if err != nil {
		return "", err
	}
	mirror := map[string]string{}
	for line := range strings.Lines(out) {
		if label, uri, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			mirror[label] = uri
		}
	}
	if mirror["Debian"] == "" || mirror["Debian-Security"] == "" {
		return "", errors.New("apt knows no mirror of Debian and of its security updates: run apt-get update first")
	}
	var b strings.Builder
	for suite, label := range map[string]string{
		"bullseye-security": "Debian-Security", "bookworm-security": "Debian-Security", "trixie-security": "Debian-Security",
		"bookworm": "Debian", "trixie-backports": "Debian",
	} {
		fmt.Fprintf(&b, "deb [arch=amd64,arm64 signed-by=%s] %s %s main\n", keyring, mirror[label], suite)
	}
	return b.String(), nil
}

func (a *apt) conf() string {
	return fmt.Sprintf(`Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::Lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
APT::Architectures { "amd64"; "arm64"; };
APT::Default-Release "bookworm";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
`, a.dir)
}

// newest returns the highest version among package names: prefix, version, suffix.
func (a *apt) newest(ctx context.Context, prefix, suffix string) (string, error) {
	out, err := a.run(ctx, "", "apt-cache", "pkgnames", prefix)
	if err != nil {
		return "", err
	}
	names := slices.DeleteFunc(strings.Fields(out), func(name string) bool { return !strings.HasSuffix(name, suffix) })
	if len(names) == 0 {
		return "", fmt.Errorf("no package %s…%s", prefix, suffix)
	}
	return slices.MaxFunc(names, naturally), nil
}

// withRelease returns the package and those of its dependencies that carry the same
// kernel release: from 6.19 on Debian keeps the image and the modules apart.
func (a *apt) withRelease(ctx context.Context, pkg, release string) ([]string, error) {
	out, err := a.run(ctx, "", "apt-cache", "depends", "--recurse", "--important", pkg)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !strings.HasPrefix(line, " ") && strings.HasSuffix(name, "-"+release) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// unpack downloads packages of an architecture into root, without what they depend on.
func (a *apt) unpack(ctx context.Context, root, arch string, packages []string) error {
	for i, p := range packages {
		packages[i] = p + ":" + arch
	}
	if _, err := a.run(ctx, root, "apt-get", append([]string{"-q", "download"}, packages...)...); err != nil {
		return err
	}
	return unpackAll(ctx, root)
}

// unpackDepends is unpack with all that the packages depend on.
func (a *apt) unpackDepends(ctx context.Context, root, arch string, packages []string) error {
	args := []string{"-q", "-y", "--no-install-recommends", "--download-only",
		"-o", "APT::Architecture=" + arch, "-o", "Dir::Cache::archives=" + root, "install"}
	if err := os.MkdirAll(filepath.Join(root, "partial"), 0o755); err != nil {
		return err
	}
	if _, err := a.run(ctx, "", "apt-get", append(args, packages...)...); err != nil {
		return err
	}
	return unpackAll(ctx, root)
}

// scratch calls use with a directory that is gone afterwards.
func (a *apt) scratch(use func(root string) error) error {
	root, err := os.MkdirTemp(a.dir, "root-")
	if err != nil {
		return err
	}
	return errors.Join(use(root), os.RemoveAll(root))
}

// unpackAll unpacks the packages that lie in root.
func unpackAll(ctx context.Context, root string) error {
	files, err := filepath.Glob(filepath.Join(root, "*.deb"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := command(ctx, "", "dpkg-deb", "-x", f, root); err != nil {
			return err
		}
	}
	return nil
}

func (a *apt) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	return command(ctx, dir, name, append([]string{"-c", filepath.Join(a.dir, "conf")}, args...)...)
}

// command runs a program in dir and returns what it printed.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, &out, &said)
	}
	return out.String(), nil
}
