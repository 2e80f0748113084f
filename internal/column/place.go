package column

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func placeFields() []Column {
	return []Column{
		{Name: "cgroup", Title: "CGROUP", Kind: Text, Width: 24,
			Help: "Path of the socket's control group in the cgroup2 hierarchy (sock.sk_cgrp_data); where a cgroup v1 hierarchy of its process says more, such as a container, the path there.",
			Text: place(func(p *conn.Place) string { return p.Cgroup })},
		{Name: "unit", Title: "UNIT", Kind: Text, Width: 18,
			Help: "systemd unit that the cgroup belongs to, of the user's own manager where it runs in one; \\xHH is decoded.",
			Text: place(func(p *conn.Place) string { return p.Unit })},
		{Name: "slice", Title: "SLICE", Kind: Text, Width: 14,
			Help: "Innermost systemd slice around the unit.",
			Text: place(func(p *conn.Place) string { return p.Slice })},
		{Name: "session", Title: "SESSION", Kind: Text, Width: 7,
			Help: "Login session that the cgroup belongs to, as loginctl(1) lists it.",
			Text: place(func(p *conn.Place) string { return p.Session })},
		{Name: "container", Title: "CONTAINER", Kind: Text, Width: 16,
			Help: "Name of the container that the cgroup belongs to, of nested ones the innermost: as Docker, Podman, containerd or CRI-O say on their sockets, or as the cgroup's path has it (systemd-nspawn, LXC).",
			Text: place(func(p *conn.Place) string { return p.Container })},
		{Name: "container_id", Title: "CONTAINERID", Kind: Text, Width: 12,
			Help: "Id of the container as its runtime gives it, from the cgroup's path; there without the runtime's socket too.",
			Text: place(func(p *conn.Place) string { return p.ContainerID })},
		{Name: "image", Title: "IMAGE", Kind: Text, Width: 20,
			Help: "Image that the container was made from, as its runtime names it.",
			Text: place(func(p *conn.Place) string { return p.Image })},
		{Name: "pod", Title: "POD", Kind: Text, Width: 20,
			Help: "Name of the Kubernetes or Podman pod that the container belongs to.",
			Text: place(func(p *conn.Place) string { return p.Pod })},
		{Name: "namespace", Title: "NAMESPACE", Kind: Text, Width: 12,
			Help: "Kubernetes namespace of the pod.",
			Text: place(func(p *conn.Place) string { return p.Namespace })},
		{Name: "workload", Title: "WORKLOAD", Kind: Text, Width: 24,
			Help: "What the connection belongs to for as long as instances of it come and go: k8s:NAMESPACE/NAME (of the pod's name what Kubernetes put behind that of its deployment, job or set is left out), container:NAME, unit:NAME.service or user:NAME, the first of these that is known.",
			Text: func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
				b := r.Place.AppendWorkload(dst)
				return b, len(b) > len(dst)
			}},
	}
}
