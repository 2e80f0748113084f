package main

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// checkBTF holds the committed BPF objects against each kernel's types: what can be
// known without a boot about whether they load and attach there. Whether the verifier
// takes them is for run to say.
func (m *matrix) checkBTF() error {
	objects, err := objects(m.root)
	if err != nil {
		return err
	}
	wrong := 0
	for _, k := range m.kernels {
		types, err := btf.LoadSpec(filepath.Join(k.dir, "btf"))
		if err != nil {
			return fmt.Errorf("types of kernel %s: %w", k.name, err)
		}
		missing := map[string]bool{}
		checked := 0
		for _, object := range objects {
			if !runsOn(object, k.arch) {
				continue
			}
			spec, err := ebpf.LoadCollectionSpec(object)
			if err != nil {
				return fmt.Errorf("%s: %w", object, err)
			}
			c := check{spec: spec, kernel: types, missing: missing}
			if err := c.all(); err != nil {
				return fmt.Errorf("%s on %s: %w", object, k.name, err)
			}
			checked += c.checked
		}
		differs := differences(k.name, missing)
		fmt.Printf("%-11s %d of %d needs are not met\n", k.name, len(missing), checked)
		for _, d := range differs {
			fmt.Println("\t" + d)
		}
		wrong += len(differs)
	}
	if wrong > 0 {
		return fmt.Errorf("%d differences from test/vm/expect.go", wrong)
	}
	return nil
}

// objects finds every object that bpf2go made in the tree.
func objects(root string) (found []string, _ error) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_bpfel.o") && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no BPF object below %s", root)
	}
	return found, err
}

// runsOn tells objects for one architecture, which bpf2go names after it, from those
// for all.
func runsOn(object, arch string) bool {
	for suffix, of := range map[string]string{"_x86_bpfel.o": "amd64", "_arm64_bpfel.o": "arm64"} {
		if strings.HasSuffix(object, suffix) {
			return arch == of
		}
	}
	return true
}

// differences compares what a kernel lacks with the table.
func differences(name string, missing map[string]bool) []string {
	var wrong []string
	for _, what := range slices.Sorted(maps.Keys(missing)) {
		if !slices.ContainsFunc(limitsOf(name), func(l limit) bool { return matches(l.lacks, what) }) {
			wrong = append(wrong, "lacks "+what)
		}
	}
	for _, l := range limitsOf(name) {
		if l.lacks != "" && !anyMatch(l.lacks, missing) {
			wrong = append(wrong, "the table is out of date: it does not lack "+l.lacks)
		}
	}
	return wrong
}

// check is one object and one kernel.
type check struct {
	spec    *ebpf.CollectionSpec
	kernel  *btf.Spec
	missing map[string]bool
	checked int
}

func (c *check) all() error {
	for name, m := range c.spec.Maps {
		if !strings.HasPrefix(name, ".") {
			c.enum("bpf_map_type", uint64(m.Type), "map type "+m.Type.String())
		}
	}
	for name, p := range c.spec.Programs {
		c.hook(p)
		for i := range p.Instructions {
			if ins := &p.Instructions[i]; ins.IsBuiltinCall() {
				c.enum("bpf_func_id", uint64(ins.Constant), "helper "+asm.BuiltinFunc(ins.Constant).String())
			}
		}
		if err := c.relocations(p); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for t, err := range c.spec.Types.All() {
		if err != nil {
			return err
		}
		if f, ok := t.(*btf.Func); ok && f.Linkage == btf.ExternFunc {
			c.function("kfunc "+f.Name, f.Name)
		}
	}
	return nil
}

// hook looks for what the program attaches to.
func (c *check) hook(p *ebpf.ProgramSpec) {
	switch p.AttachType {
	case ebpf.AttachTraceRawTp:
		var t *btf.Typedef
		c.note("tracepoint "+p.AttachTo, c.kernel.TypeByName("btf_trace_"+p.AttachTo, &t))
	case ebpf.AttachTraceIter:
		c.function("iterator "+p.AttachTo, "bpf_iter_"+p.AttachTo)
	case ebpf.AttachTraceFEntry, ebpf.AttachTraceFExit:
		c.function("function "+p.AttachTo, p.AttachTo)
	}
	c.enum("bpf_prog_type", uint64(p.Type), "program type "+p.Type.String())
	c.enum("bpf_attach_type", uint64(p.AttachType), "attach type "+p.AttachType.String())
}

func (c *check) relocations(p *ebpf.ProgramSpec) error {
	var relos []*btf.CORERelocation
	for i := range p.Instructions {
		if r := btf.CORERelocationMetadata(&p.Instructions[i]); r != nil {
			relos = append(relos, r)
		}
	}
	local := func(btf.Type) (btf.TypeID, error) { return 0, nil } // of no interest here
	fixups, err := btf.CORERelocate(relos, []*btf.Spec{c.kernel}, c.spec.ByteOrder, local)
	if err != nil {
		return err
	}
	for i := range fixups {
		c.checked++
		if strings.Contains(fixups[i].String(), "poison") {
			c.missing[p.Name+": "+relos[i].String()] = true
		}
	}
	return nil
}

func (c *check) function(what, name string) {
	var f *btf.Func
	c.note(what, c.kernel.TypeByName(name, &f))
}

// enum looks for a value in one of the kernel's own lists of what it can do.
func (c *check) enum(list string, value uint64, what string) {
	var e *btf.Enum
	err := c.kernel.TypeByName(list, &e)
	if err == nil && !slices.ContainsFunc(e.Values, func(v btf.EnumValue) bool { return v.Value == value }) {
		err = btf.ErrNotFound
	}
	c.note(what, err)
}

func (c *check) note(what string, err error) {
	c.checked++
	if err != nil {
		c.missing[what] = true
	}
}
