package probe

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// window is an mmap-able array of the kernel's, mapped as far as it is in use: all of a
// map that is mapped counts as this process' memory, touched or not.
type window[T any] struct {
	of     *ebpf.Map
	size   int // elements
	base   unsafe.Pointer
	room   uintptr // bytes of address space
	mapped uintptr
}

// windowStep is by how many bytes a window grows at least.
const windowStep = 256 << 10

func openWindow[T any](of *ebpf.Map, n int) (*window[T], error) {
	var zero T
	page := uintptr(os.Getpagesize())
	w := &window[T]{of: of, size: n, room: (uintptr(n)*unsafe.Sizeof(zero) + page - 1) / page * page}
	base, err := unix.MmapPtr(-1, 0, nil, w.room, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("find room for %v: %w", of, err)
	}
	w.base = base
	return w, nil
}

// upTo returns what is mapped: the first n elements at least, if there are so many.
func (w *window[T]) upTo(n int) ([]T, error) {
	var zero T
	need := min((uintptr(n)*unsafe.Sizeof(zero)+windowStep-1)/windowStep*windowStep, w.room)
	if need > w.mapped {
		_, err := unix.MmapPtr(w.of.FD(), int64(w.mapped), unsafe.Add(w.base, w.mapped), need-w.mapped,
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
		if err != nil {
			return nil, fmt.Errorf("map %v into memory: %w", w.of, err)
		}
		w.mapped = need
	}
	return unsafe.Slice((*T)(w.base), min(w.size, int(w.mapped/unsafe.Sizeof(zero)))), nil
}

func (w *window[T]) Close() error {
	if w.base == nil {
		return nil
	}
	base := w.base
	w.base = nil
	if err := unix.MunmapPtr(base, w.room); err != nil {
		return fmt.Errorf("unmap %v: %w", w.of, err)
	}
	return nil
}
