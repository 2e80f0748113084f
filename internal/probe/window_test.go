package probe

import (
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// TestWindow maps an array further and further; what was there stays where it was.
func TestWindow(t *testing.T) {
	testkit.Kernel(t)
	const size = 100_000
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: size, Flags: unix.BPF_F_MMAPABLE})
	must(t, err)
	defer m.Close()
	w, err := openWindow[uint64](m, size)
	must(t, err)
	var first []uint64
	for _, n := range []int{1, 1, windowStep / 8, windowStep/8 + 1, size - 1, size, 2 * size} {
		all, err := w.upTo(n)
		must(t, err)
		if len(all) < min(n, size) || len(all) > size {
			t.Fatalf("%d elements for %d of %d", len(all), n, size)
		}
		last := uint32(min(n, size)) - 1
		all[last] = uint64(n)
		var got uint64
		must(t, m.Lookup(last, &got))
		if got != uint64(n) {
			t.Errorf("the kernel has %d as element %d, want %d", got, last, n)
		}
		if first = append(first, all[0]); all[0] != 1 {
			t.Errorf("the first element was %v", first)
		}
	}
	must(t, w.Close(), w.Close())
}
