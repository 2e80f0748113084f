package cli

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/diag"
	"tcptop/internal/doctor"
	"tcptop/internal/probe"
	"tcptop/internal/sandbox"
)

// Live is this host.
func Live(version string) Env {
	env := Env{
		Version: version,
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Environ: os.Environ(),

		SystemConfig: "/etc/tcptop/config.toml",
		Stderr:       os.Stderr,
		Local:        time.Local,
		Open:         openProbe,
		OpenDiag:     openDiag,
		Examine:      examine,
		Confine:      sandbox.Enter,
		Remotes:      hostNames(),
		LookupAddr:   lookupAddr,
		Services:     "/etc/services",
		UserID:       lookupUserID,
		NetNS:        namedNetNS,
	}
	// Without them only a hint and a field are poorer.
	env.Executable, _ = os.Executable()
	env.Host, _ = os.Hostname()
	env.borrow()
	env.Names.Containers = watchContainers(env.Environ)
	return env
}

func examine(version string) (*doctor.Report, error) { return doctor.Examine(version), nil }

func openProbe(cfg conn.Config) (Collector, error) {
	p, err := probe.Open(cfg)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func openDiag(cfg conn.Config) (Collector, error) {
	d, err := diag.Open(cfg)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func lookupUserID(name string) (uint32, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(uid), err
}

// namedNetNS asks the file that ip-netns(8) mounts the namespace on.
func namedNetNS(name string) (uint32, error) {
	dir, err := os.OpenRoot("/run/netns")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	info, err := dir.Stat(name)
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return 0, os.ErrInvalid
	}
	return uint32(stat.Ino), nil
}
