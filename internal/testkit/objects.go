package testkit

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
)

// BPFObjects lists the programs, maps and links that live in the kernel, as
// "prog 12", "map 7" or "link 3" to its name; a link has its program's. With
// prefixes, only names that begin with one of them, so that BPF users elsewhere
// on the machine don't matter. The kernel keeps 15 bytes of a name.
//
// The kernel frees objects after the last descriptor closes, not with it:
// compare two lists within Eventually (see NoneLeft).
func BPFObjects(t testing.TB, prefixes ...string) map[string]string {
	t.Helper()
	objects := make(map[string]string)
	programs, err := programNames()
	if err != nil {
		t.Fatalf("list programs: %v", err)
	}
	maps, err := mapNames()
	if err != nil {
		t.Fatalf("list maps: %v", err)
	}
	links, err := linkPrograms()
	if err != nil {
		t.Fatalf("list links: %v", err)
	}
	add := func(kind string, id uint32, name string) {
		if len(prefixes) == 0 || hasPrefix(name, prefixes) {
			objects[fmt.Sprint(kind, " ", id)] = name
		}
	}
	for id, name := range programs {
		add("prog", uint32(id), name)
	}
	for id, name := range maps {
		add("map", uint32(id), name)
	}
	for id, program := range links {
		add("link", uint32(id), programs[program])
	}
	return objects
}

// NoneLeft returns an error that names the objects of BPFObjects(t, prefixes...)
// that before, an earlier list, does not have: a condition for Eventually.
func NoneLeft(t testing.TB, before map[string]string, prefixes ...string) func() error {
	return func() error {
		t.Helper()
		left := BPFObjects(t, prefixes...)
		for object := range before {
			delete(left, object)
		}
		if len(left) == 0 {
			return nil
		}
		return fmt.Errorf("left in the kernel:\n%s", cmp.Diff(map[string]string{}, left))
	}
}

func programNames() (map[ebpf.ProgramID]string, error) {
	names := make(map[ebpf.ProgramID]string)
	for id, err := ebpf.ProgramGetNextID(0); ; id, err = ebpf.ProgramGetNextID(id) {
		if err != nil {
			return names, ignoreGone(err)
		}
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info, err := p.Info()
		_ = p.Close()
		if err != nil {
			return nil, err
		}
		names[id] = info.Name
	}
}

func mapNames() (map[ebpf.MapID]string, error) {
	names := make(map[ebpf.MapID]string)
	for id, err := ebpf.MapGetNextID(0); ; id, err = ebpf.MapGetNextID(id) {
		if err != nil {
			return names, ignoreGone(err)
		}
		m, err := ebpf.NewMapFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info, err := m.Info()
		_ = m.Close()
		if err != nil {
			return nil, err
		}
		names[id] = info.Name
	}
}

func linkPrograms() (map[link.ID]ebpf.ProgramID, error) {
	programs := make(map[link.ID]ebpf.ProgramID)
	var it link.Iterator
	defer it.Close()
	for it.Next() {
		info, err := it.Link.Info()
		if err != nil {
			return nil, err
		}
		programs[it.ID] = info.Program
	}
	return programs, it.Err()
}

// ignoreGone takes the end of a list, which the kernel reports as an error, off.
func ignoreGone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
