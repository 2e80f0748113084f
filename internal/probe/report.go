package probe

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/rights"
)

// Report is what this kernel and these privileges allow, for bug reports. It was tried,
// not looked up.
type Report struct {
	Release  string   // of the kernel, as uname(1) prints it
	Arch     string   // as Go names it
	BTF      bool     // /sys/kernel/btf/vmlinux is there
	Lockdown string   // "none", "integrity" or "confidentiality"; empty where not known
	Lacking  []string // capabilities that are missing: "CAP_BPF" …
	Cgroup   string   // where cgroup2 is mounted; empty where it is not
	Err      error    // what Open returns for TCP and UDP; nil if it works
	Missing  []string // what the Probe then says it can't measure
	UDP      string   // the tier that counts UDP; empty where none does
	Hooks    []Hook
}

// Hook is one program and whether it can be loaded and attached.
type Hook struct {
	Program string   // as bpftool(8) shows it
	Section string   // what it hooks, as libbpf names it: "tp_btf/inet_sock_set_state"
	What    string   // what is not known without it
	Tiers   []string // which tiers need it
	Why     string   // why it can't be used, in one line; empty if it can
	Detail  string   // what the kernel said to it, over many lines
}

// Examine tries every program by itself. Programs that can be attached are, for a moment.
func Examine() *Report {
	r := &Report{Release: release(), Arch: runtime.GOARCH, Lockdown: lockdown()}
	_, err := os.Stat("/sys/kernel/btf/vmlinux")
	r.BTF = err == nil
	if root, err := cgroupRoot(); err == nil {
		r.Cgroup = root
	}
	if caps, err := rights.Effective(); err == nil {
		r.Lacking = caps.LackingForBPF()
	}
	p, err := Open(conn.Config{Interval: time.Second, TCP: true, UDP: true, DNS: true, MaxConns: minConns})
	if err == nil {
		r.Missing, r.UDP = p.Missing(), p.udpTier
		err = p.Close()
	}
	r.Err = err
	r.examineHooks()
	return r
}

func (r *Report) examineHooks() {
	spec, err := loadTcptop()
	if err != nil {
		r.Err = err
		return
	}
	o, err := r.object()
	if err == nil {
		defer o.maps.Close()
	}
	for _, t := range slices.Concat([]tier{tcpTier, {name: "passes", hooks: passes}, {name: "names", hooks: []hook{cgroupHook}}}, acceptTiers, udpTiers, []tier{{name: "UDP sockets", hooks: []hook{udpSocks}}}) {
		for _, h := range slices.Concat(t.hooks, t.extra) {
			i := slices.IndexFunc(r.Hooks, func(seen Hook) bool { return seen.Program == h.program })
			if i >= 0 {
				r.Hooks[i].Tiers = append(r.Hooks[i].Tiers, t.name)
				continue
			}
			said := Hook{Program: h.program, Section: spec.Programs[h.program].SectionName, What: h.what, Tiers: []string{t.name}}
			if err == nil {
				said.Why, said.Detail = o.try(h)
			} else {
				said.Why = oneLine(err)
			}
			r.Hooks = append(r.Hooks, said)
		}
	}
}

// object makes the smallest maps that there can be, if that is permitted at all.
func (r *Report) object() (*object, error) {
	if len(r.Lacking) > 0 {
		return nil, &conn.PermissionError{Origin: conn.FromBPF, Missing: r.Lacking}
	}
	spec, err := loadTcptop()
	if err != nil {
		return nil, err
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, err
	}
	if err := setSizes(spec, 1, &conn.Config{UDP: true, DNS: true}); err != nil {
		return nil, err
	}
	return newObject(spec)
}

// try loads and attaches a hook, and takes it back.
func (o *object) try(h hook) (why, detail string) {
	var he *hookError
	s, err := o.start(h)
	if err == nil {
		err = s.Close()
	}
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &he):
		return he.reason(), verdicts(err)
	}
	return oneLine(err), ""
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// lockdown is the word in brackets of "none [integrity] confidentiality".
func lockdown() string {
	levels, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(levels), "[")
	level, _, _ := strings.Cut(after, "]")
	return level
}
