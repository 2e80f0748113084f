package cli

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/rights"
	"tcptop/internal/sandbox"
)

// What --sandbox takes.
const (
	sandboxAuto   = "auto"   // as far as nothing is lost by it
	sandboxStrict = "strict" // files too, or not at all
	sandboxOff    = "off"
)

func newSandbox() choice {
	return choice{word: sandboxAuto, of: []string{sandboxAuto, sandboxStrict, sandboxOff}}
}

const sandboxUsage = "give up `what` is not needed: auto, strict (files too; costs something) or off"

// needs is what a command does once it runs.
type needs struct {
	measure bool
	act     bool     // signals and closing of sockets
	ask     bool     // the DNS
	serve   bool     // whoever connects
	reach   []uint16 // ports of other hosts
	writes  []string // directories
	export  bool     // files in the current directory
}

// confine gives up what n does not need. From here on no file of the user's is looked
// for, and the programs are in the kernel.
func (p *plan) confine(n needs, read ...string) error {
	if p.sandbox == sandboxOff || p.env.Confine == nil {
		return nil
	}
	strict := p.sandbox == sandboxStrict
	if cwd, err := os.Getwd(); err == nil && n.export && !strict {
		n.writes = append(n.writes, cwd)
	}
	cfg := sandbox.Config{Strict: strict, Keep: n.keep(strict),
		Calls: sandbox.Calls{Measure: n.measure, Write: len(n.writes) > 0, Act: n.act, Ask: n.ask || len(n.reach) > 0, Reach: n.reach, Answer: n.serve}}
	if strict || !n.measure { // who looks into other processes cannot be kept from files (sandbox.Files)
		cfg.Files = &sandbox.Files{Read: append(read, hostFiles...), Write: n.writes}
	}
	if n.measure && strict {
		cfg.Files.Read = append(cfg.Files.Read, "/proc", "/sys/fs/cgroup", "/run/netns")
	}
	return confineFailure(p.env.Confine(cfg))
}

// hostFiles are those that are read again while tcptop runs: names of users, ports,
// addresses and zones, and how the DNS is asked.
var hostFiles = []string{
	"/etc/passwd", "/etc/services", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
	"/etc/localtime", "/usr/share/zoneinfo",
}

func confineFailure(_ sandbox.Held, err error) error {
	var lacking *sandbox.LackingError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &lacking):
		return &failure{code: exitUnsupported, msg: err.Error(), hint: "--sandbox auto takes what there is"}
	}
	return &failure{code: exitRuntime, msg: err.Error(), hint: "--sandbox off runs without"}
}

// keep are the capabilities that are needed from now on, each for one thing.
func (n *needs) keep(strict bool) (s rights.Set) {
	keep := func(bits ...uint) {
		for _, bit := range bits {
			s |= 1 << bit
		}
	}
	if n.measure && !strict {
		keep(unix.CAP_SYS_PTRACE, // the program, files and namespaces of other users' processes
			unix.CAP_DAC_READ_SEARCH, // likewise, and cgroups by their number
			unix.CAP_SYS_ADMIN)       // setns(2): sockets in other network namespaces
	}
	if !n.measure && os.Getuid() == 0 {
		keep(unix.CAP_DAC_READ_SEARCH) // root reads what others have recorded
	}
	if n.act {
		keep(unix.CAP_KILL, unix.CAP_NET_ADMIN)
	}
	if !strict && !own(n.writes) {
		keep(unix.CAP_DAC_OVERRIDE) // root writes into another user's directory, as after sudo at home
	}
	return s
}

// own reports whether all directories that are there are this user's.
func own(dirs []string) bool {
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
			return false
		}
	}
	return true
}

// confined is a collector within --sandbox strict, which takes something from it.
type confined struct {
	Collector
	lacks string
}

func (c confined) Missing() []string {
	return append(append([]string{}, c.Collector.Missing()...), c.lacks)
}

// within confines the program around a collector that is open.
func (p *plan) within(c Collector, origin conn.Origin) (Collector, error) {
	slacken()
	n := needs{measure: true, act: p.live && !p.look.ReadOnly, ask: p.live && !p.numeric, writes: p.writes, export: p.live, reach: p.reaches, serve: p.serves}
	if err := p.confine(n, p.reads...); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	switch {
	case p.sandbox != sandboxStrict || p.env.Confine == nil:
		return c, nil
	case origin == conn.FromDiag:
		return confined{c, "owners, the paths of programs and sockets in other network namespaces (--sandbox strict)"}, nil
	}
	return confined{c, "the paths of programs, sockets that no process holds in other network namespaces, and what listeners there refuse (--sandbox strict)"}, nil
}

// writesTo notes the directory of a file that is written while tcptop runs.
func (p *plan) writesTo(file string) {
	if file != "" {
		p.writes = append(p.writes, filepath.Dir(file))
	}
}
