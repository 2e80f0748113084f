// Package probe is the Source that measures in the kernel with eBPF.
//
// It loads one object (bpf/tcptop.bpf.c), attaches its lifecycle hooks, takes the
// inventory of what was there before, and then runs the sweep once a tick. TCP
// sockets are read where the kernel keeps them; closed connections come through a
// ring; UDP flows are summed by hooks on their calls. Nothing is pinned: when the
// process ends, however it ends, the kernel takes everything down.
//
// Only this package knows BPF.
package probe
