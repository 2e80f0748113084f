package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tcptop/internal/rights"
	"tcptop/internal/sandbox"
)

// Fact is one thing about the host that decides what can be measured. Value is text
// from the system and hostile until escaped.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Bad   bool   `json:"bad"`            // it takes something away
	Note  string `json:"note,omitempty"` // what that is, or what would help
}

// host is where the facts are read: / or, in a test, a directory like it.
type host struct {
	root fs.FS
}

func (h host) read(name string) (string, error) {
	b, err := fs.ReadFile(h.root, name)
	return strings.TrimSpace(string(b)), err
}

// facts reads them all; what cannot be read is a fact too.
func (h host) facts() []Fact {
	return []Fact{
		h.capabilities(), confinement(sandbox.Offered()), h.seccomp(), h.unprivileged(), h.paranoid(), memlock(),
		h.namespace("user"), h.namespace("pid"), h.namespace("cgroup"), h.proc(),
	}
}

// seccomp is proc_pid_status(5)'s Seccomp.
func (h host) seccomp() Fact {
	f := Fact{Name: "seccomp", Value: "none"}
	switch h.status("Seccomp") {
	case "1":
		f.Value, f.Bad = "strict", true
	case "2":
		f.Value, f.Note = "filter", "may forbid bpf(2) whatever the capabilities are"
	}
	return f
}

// status is a field of /proc/self/status.
func (h host) status(name string) string {
	text, err := h.read("proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// confinement is what tcptop gives up with --sandbox, as far as this kernel can hold it to that.
func confinement(held sandbox.Held) Fact {
	have := []string{"capabilities", "no new privileges"}
	if held.Seccomp {
		have = append(have, "seccomp")
	}
	if held.Landlock > 0 {
		have = append(have, fmt.Sprintf("Landlock %d", held.Landlock))
	}
	f := Fact{Name: "sandbox", Value: strings.Join(have, ", ")}
	if len(held.Lacks) > 0 {
		f.Note = "without " + strings.Join(held.Lacks, " and ") + ", so --sandbox strict is refused"
	}
	return f
}

func (h host) unprivileged() Fact {
	f := h.sysctl("kernel/unprivileged_bpf_disabled")
	f.Note = "whatever it says, tcptop's programs need CAP_BPF"
	return f
}

func (h host) paranoid() Fact {
	f := h.sysctl("kernel/perf_event_paranoid")
	f.Note = "does not matter: tcptop opens no perf events"
	return f
}

func (h host) sysctl(name string) Fact {
	value, err := h.read("proc/sys/" + name)
	if err != nil {
		value = "not readable"
	}
	return Fact{Name: strings.ReplaceAll(name, "/", "."), Value: value}
}

// capabilities are the effective ones (capabilities(7)).
func (h host) capabilities() Fact {
	f := Fact{Name: "capabilities"}
	mask, err := strconv.ParseUint(h.status("CapEff"), 16, 64)
	if err != nil {
		f.Value, f.Bad = "not readable", true
		return f
	}
	var have, lack []string
	for _, c := range rights.Capabilities() {
		if rights.Set(mask).Has(c.Bit) {
			have = append(have, c.Name)
		} else {
			lack = append(lack, c.Name+" ("+c.Lost+")")
		}
	}
	f.Value = strings.Join(have, " ")
	if len(have) == 0 {
		f.Value = "none that tcptop can use"
	}
	if f.Bad = len(lack) > 0; f.Bad {
		f.Note = "without " + strings.Join(lack, ", ")
	}
	return f
}

// namespace says whether we are in the host's own.
func (h host) namespace(kind string) Fact {
	f := Fact{Name: kind + " namespace"}
	target, err := fs.ReadLink(h.root, path.Join("proc/self/ns", kind))
	if err != nil {
		f.Value = "not readable"
		return f
	}
	inode := strings.TrimSuffix(strings.TrimPrefix(target, kind+":["), "]")
	switch rights.Initial(kind) {
	case "":
		f.Value = inode
	case target:
		f.Value = "the host's"
	default:
		f.Value, f.Bad = inode+", not the host's", true
		f.Note = map[string]string{
			"user":   "capabilities here are not the host's: eBPF is refused",
			"pid":    "processes of the host are not seen, and pids are not what ps shows here",
			"cgroup": "the host's cgroups have other paths",
		}[kind]
	}
	return f
}

// mount is where a filesystem of a type is mounted first, and with what options
// (proc_pid_mountinfo(5)).
func (h host) mount(fstype string) (point, options string) {
	mounts, err := h.read("proc/self/mountinfo")
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		fields, source := strings.Fields(before), strings.Fields(after)
		if len(fields) > 5 && len(source) > 2 && source[0] == fstype {
			return fields[4], fields[5] + "," + source[2]
		}
	}
	return "", ""
}

func (h host) proc() Fact {
	point, options := h.mount("proc")
	f := Fact{Name: "/proc", Value: "mounted"}
	switch {
	case point == "":
		f.Value, f.Bad, f.Note = "missing", true, "owners and namespaces cannot be looked up"
	case strings.Contains(options, "hidepid=") && !strings.Contains(options, "hidepid=0") && !strings.Contains(options, "hidepid=off"):
		f.Value, f.Note = "with hidepid", "other users' processes are hidden from all but root and the gid= group"
	}
	return f
}

func memlock() Fact {
	f := Fact{Name: "locked memory"}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		f.Value = "not readable"
		return f
	}
	f.Value = "unlimited"
	if limit.Cur != unix.RLIM_INFINITY {
		f.Value = fmt.Sprintf("%d bytes", limit.Cur)
		f.Note = "counts for eBPF before Linux 5.11 only"
	}
	return f
}
