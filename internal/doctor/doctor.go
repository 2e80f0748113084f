// Package doctor finds out what this host lets tcptop measure, and why not more: it
// looks at the host and tries each way to measure.
package doctor

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/diag"
	"tcptop/internal/probe"
)

// The tiers, the best first.
const (
	Full = "full" // eBPF, and nothing is missing
	BPF  = "bpf"  // eBPF, and something is missing
	Diag = "diag" // sock_diag
	None = "none"
)

// Report is what was found. Texts come from the system and are hostile until escaped.
type Report struct {
	Version string   `json:"version"`
	Kernel  string   `json:"kernel"` // its release, as uname(1) prints it
	Arch    string   `json:"arch"`   // as Go names it
	Tier    string   `json:"tier"`
	Missing []string `json:"missing"`           // what that tier does not measure here
	Refused string   `json:"refused,omitempty"` // why it is not eBPF
	Denied  bool     `json:"denied"`            // for want of permission, not of the kernel
	Facts   []Fact   `json:"facts"`
	Hooks   []Hook   `json:"hooks"`
}

// Hook is one program of tcptop's for the kernel.
type Hook struct {
	Program string `json:"program"`
	Section string `json:"section"` // what it hooks
	What    string `json:"what"`    // what is not known without it
	Works   bool   `json:"works"`
	Why     string `json:"why,omitempty"`    // why not, in one line
	Detail  string `json:"detail,omitempty"` // what the kernel said to it
}

// Examine looks and tries. It takes about as long as tcptop takes to start, a few
// times over.
func Examine(version string) *Report {
	p := probe.Examine()
	r := &Report{Version: version, Kernel: p.Release, Arch: p.Arch, Tier: Full, Missing: []string{}}
	r.Facts = append(fromProbe(p), host{root: os.DirFS("/")}.facts()...)
	for _, h := range p.Hooks {
		r.Hooks = append(r.Hooks, Hook{h.Program, h.Section, h.What, h.Why == "", h.Why, h.Detail})
	}
	switch {
	case p.Err != nil:
		var denied *conn.PermissionError
		r.Refused, r.Denied = p.Err.Error(), errors.As(p.Err, &denied) || errors.Is(p.Err, fs.ErrPermission)
		r.tryDiag()
	case len(p.Missing) > 0:
		r.Tier, r.Missing = BPF, p.Missing
	}
	return r
}

func (r *Report) tryDiag() {
	r.Tier = None
	d, err := diag.Open(conn.Config{Interval: time.Second, TCP: true, UDP: true})
	if err != nil {
		r.Missing = append(r.Missing, err.Error())
		return
	}
	r.Tier, r.Missing = Diag, d.Missing()
	if err := d.Close(); err != nil {
		r.Missing = append(r.Missing, err.Error())
	}
}

func fromProbe(p *probe.Report) []Fact {
	btf := Fact{Name: "BTF", Value: "/sys/kernel/btf/vmlinux"}
	if !p.BTF {
		btf = Fact{Name: "BTF", Value: "missing", Bad: true, Note: "eBPF needs a kernel built with CONFIG_DEBUG_INFO_BTF"}
	}
	lockdown := Fact{Name: "lockdown", Value: p.Lockdown, Bad: p.Lockdown == "confidentiality"}
	if lockdown.Value == "" {
		lockdown.Value = "not known"
	}
	if lockdown.Bad {
		lockdown.Note = "programs may not read kernel memory by address"
	}
	cgroup := Fact{Name: "cgroup2", Value: p.Cgroup}
	if p.Cgroup == "" {
		cgroup = Fact{Name: "cgroup2", Value: "not mounted", Bad: true,
			Note: "mounted anywhere it tells the remotes of unconnected UDP sockets: mount -t cgroup2 none DIR"}
	}
	udp := Fact{Name: "UDP", Value: p.UDP}
	if p.UDP == "" {
		udp = Fact{Name: "UDP", Value: "not counted", Bad: true}
	}
	return []Fact{btf, lockdown, cgroup, udp}
}
