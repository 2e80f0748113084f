package probe

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cilium/ebpf/features"

	"tcptop/internal/testkit"
)

// verifiedOn is the kernel whose verifier counted what testdata/verified.txt has.
const verifiedOn = 6<<16 | 18<<8

// TestVerifiedInstructions holds what the verifier goes through for each program, most of
// the time to the first tick, to what it was: a loop that it can no longer prune shows
// here and nowhere else. Other kernels count differently, and may up to four times as much.
func TestVerifiedInstructions(t *testing.T) {
	testkit.Kernel(t)
	cfg := bothProtocols
	cfg.DNS = true
	p, err := Open(cfg)
	if !kernelIs(t, 6, 1) {
		requireRefusal(t, p, err)
		return
	}
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	got := verified(t, p)
	path := filepath.Join("testdata", "verified.txt")
	version, err := features.LinuxVersionCode()
	if err != nil {
		t.Fatal(err)
	}
	same := version>>8<<8 == verifiedOn
	if testkit.Updating() {
		if !same {
			t.Fatal("only Linux 6.18 may write it")
		}
		testkit.Golden(t, path, lines(got))
		return
	}
	kept := read(t, path)
	for name, n := range got {
		was, ok := kept[name]
		switch {
		case !ok:
			t.Errorf("%s is not in %s: go test -update writes it", name, path)
		case same && (n*10 > was*11 || n*10 < was*9):
			t.Errorf("%s: %d instructions verified, %d before: if that is meant, go test -update writes it", name, n, was)
		case n > was*4:
			t.Errorf("%s: %d instructions verified, %d on Linux 6.18", name, n, was)
		}
	}
}

// verified is the instructions that the kernel's verifier went through, by program
// (bpf_prog_info.verified_insns, 5.16).
func verified(t *testing.T, p *Probe) map[string]uint32 {
	all := map[string]uint32{}
	for _, s := range p.sets {
		for name, prog := range s.programs {
			info, err := prog.Info()
			if err != nil {
				t.Fatal(err)
			}
			n, ok := info.VerifiedInstructions()
			if !ok {
				t.Fatalf("%s: the kernel does not say", name)
			}
			all[name] = n
		}
	}
	if len(all) < 10 {
		t.Fatalf("%d programs", len(all))
	}
	return all
}

func lines(counts map[string]uint32) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintln(&b, name, counts[name])
	}
	return b.Bytes()
}

func read(t *testing.T, path string) map[string]uint32 {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint32{}
	for line := range bytes.Lines(text) {
		var name string
		var n uint32
		if _, err := fmt.Sscan(string(line), &name, &n); err != nil {
			t.Fatalf("%s: %q: %v", path, line, err)
		}
		counts[name] = n
	}
	return counts
}
