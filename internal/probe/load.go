package probe

import (
	"errors"
	"fmt"
	"maps"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// object is the embedded object: its maps, which all programs share, and those of
// its programs that are loaded.
type object struct {
	spec *ebpf.CollectionSpec
	maps *ebpf.Collection
}

func newObject(spec *ebpf.CollectionSpec) (*object, error) {
	only := spec.Copy()
	only.Programs = nil
	coll, err := ebpf.NewCollection(only)
	if err != nil {
		return nil, err
	}
	return &object{spec, coll}, nil
}

// set is hooks that are loaded and attached.
type set struct {
	programs map[string]*ebpf.Program
	links    []link.Link
	hooks    []hook                // of links
	iters    map[string]*link.Iter // those of links that are iterators, by program
}

func (s *set) Close() error {
	var errs []error
	for _, l := range s.links {
		errs = append(errs, l.Close())
	}
	for _, p := range s.programs {
		errs = append(errs, p.Close())
	}
	s.links, s.hooks, s.iters, s.programs = nil, nil, nil, nil
	return errors.Join(errs...)
}

// start loads and attaches all of hooks, or none and returns a *hookError.
func (o *object) start(hooks ...hook) (_ *set, err error) {
	s := &set{iters: map[string]*link.Iter{}}
	defer func() {
		if err == nil {
			return
		}
		if end := s.Close(); end != nil {
			err = errors.Join(err, end)
		}
	}()
	if s.programs, err = o.load(hooks...); err != nil {
		return nil, o.explain(err, hooks)
	}
	for _, h := range hooks {
		l, err := o.attach(h, s.programs[h.program])
		if err != nil {
			return nil, &hookError{h.program, err}
		}
		if l == nil {
			continue
		}
		s.links, s.hooks = append(s.links, l), append(s.hooks, h)
		if it, ok := l.(*link.Iter); ok {
			s.iters[h.program] = it
		}
	}
	return s, nil
}

// load loads the programs of hooks over the maps that are there.
func (o *object) load(hooks ...hook) (map[string]*ebpf.Program, error) {
	only := *o.spec
	only.Variables = nil // they are in the maps
	only.Programs = map[string]*ebpf.ProgramSpec{}
	for _, h := range hooks {
		only.Programs[h.program] = o.spec.Programs[h.program]
	}
	coll, err := ebpf.NewCollectionWithOptions(&only, ebpf.CollectionOptions{MapReplacements: o.maps.Maps})
	if err != nil {
		return nil, err
	}
	programs := maps.Clone(coll.Programs)
	clear(coll.Programs)
	coll.Close() // its copies of the maps
	return programs, nil
}

// explain finds the first of hooks that the kernel refuses.
func (o *object) explain(err error, hooks []hook) error {
	for _, h := range hooks {
		programs, err := o.load(h)
		if err != nil {
			return &hookError{h.program, err}
		}
		if err := programs[h.program].Close(); err != nil {
			return err
		}
	}
	return err
}

// attach puts a program where its section says; nil for those that user space runs.
func (o *object) attach(h hook, prog *ebpf.Program) (link.Link, error) {
	spec := o.spec.Programs[h.program]
	switch {
	case spec.Type == ebpf.Syscall:
		return nil, nil
	case spec.AttachType == ebpf.AttachTraceIter:
		return link.AttachIter(link.IterOptions{Program: prog})
	case spec.Type == ebpf.Tracing:
		return link.AttachTracing(link.TracingOptions{Program: prog})
	}
	root, err := cgroupRoot() // above every process
	if err != nil {
		return nil, err
	}
	l, err := link.AttachCgroup(link.CgroupOptions{Path: root, Attach: spec.AttachType, Program: prog})
	if err != nil {
		return nil, fmt.Errorf("at %s: %w", root, err)
	}
	return l, nil
}

// startFirst starts the first of tiers that this kernel takes.
func (o *object) startFirst(tiers []tier) ([]*set, *tier, error) {
	var errs []error
	for i := range tiers {
		t := &tiers[i]
		s, err := o.start(t.hooks...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sets := []*set{s}
		for _, h := range t.extra {
			if s, err := o.start(h); err == nil {
				sets = append(sets, s)
			}
		}
		return sets, t, nil
	}
	return nil, nil, errors.Join(errs...)
}
