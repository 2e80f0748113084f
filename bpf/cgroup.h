/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The names of control groups, for sockets that outlive them. */
#pragma once

/*
 * Why this hook: a socket says which cgroup it is in by a number, which user space
 * turns into a path as long as the cgroup is there. A container may come and go
 * within a tick: this is where every cgroup is made, with its path at hand (since
 * 4.18; it is put together only while somebody listens). inotify on the cgroup
 * tree would need a watch per directory and come too late for one inside a new one.
 * The path is no pointer that the verifier follows: it is copied. Hierarchies of
 * cgroup v1 number for themselves; sockets have cgroups of the unified one, which is
 * the first (cgroup_init, kernel/cgroup/cgroup.c).
 */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(tt_cgroup_mkdir, struct cgroup *cgrp, const char *path)
{
	struct cgroup_made *o;

	if (cgrp->root->hierarchy_id != 0)
		return 0;
	o = bpf_ringbuf_reserve(&tt_ring, sizeof(*o), 0);
	if (!o)
		return 0; /* it is looked up */
	o->id = cgrp->kn->id;
	if (bpf_probe_read_kernel_str(o->path, sizeof(o->path), path) < 0)
		o->path[0] = 0;
	bpf_ringbuf_submit(o, ring_flags());
	return 0;
}
