// Package cli is the program: it reads flags and the environment, puts the other
// packages together and runs them. It alone knows them all, prints errors and
// chooses exit codes. Everything outside comes in through Env, so that the whole
// program runs in a test without a kernel, a clock or a terminal.
package cli

import (
	"context"
	"io"
	"iter"
	"net/netip"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/doctor"
	"tcptop/internal/enrich"
	"tcptop/internal/names"
	"tcptop/internal/sandbox"
)

// Env is the world outside.
type Env struct {
	Version    string
	Executable string // path of this program, for hints; "" is tcptop
	Host       string
	Stdin      io.Reader // nil is none
	Stdout     io.Writer
	Stderr     io.Writer
	Local      *time.Location // zone of the times in text output
	Environ    []string
	// SystemConfig is the path of the host's configuration file; "" is none.
	SystemConfig string
	Open         func(conn.Config) (Collector, error)         // by eBPF
	OpenDiag     func(conn.Config) (Collector, error)         // by sock_diag
	Examine      func(version string) (*doctor.Report, error) // what can be measured
	// Refuse is why nothing is done at all; nil is no reason.
	Refuse error
	// Confine gives up what this process does not need any more; nil gives up nothing.
	Confine func(sandbox.Config) (sandbox.Held, error)
	// Names says where names come from.
	Names enrich.Config
	// Remotes says where names of remote addresses come from, besides the DNS and LookupAddr.
	Remotes names.Config
	// LookupAddr asks for the name of an address; nil where nobody can be asked.
	LookupAddr func(context.Context, netip.Addr) (string, error)
	Services   string // path of a file of port names (services(5)); "" is none
	// UserID is the user id of a name.
	UserID func(name string) (uint32, error)
	// NetNS is the inode of the network namespace that ip-netns(8) knows by name.
	NetNS func(name string) (uint32, error)
}

// Collector measures; Close detaches it.
type Collector interface {
	Samples(ctx context.Context) iter.Seq2[*conn.Sample, error] // a conn.Source
	Missing() []string                                          // what it cannot measure here
	SetInterval(time.Duration)                                  // from the next sample on, while samples are taken
	Holders(conn.ID) ([]conn.Owner, error)                      // the processes that hold a socket, while samples are taken
	Close() error
}

// The exit codes, the higher ones from sysexits.h.
const (
	exitDone        = 0
	exitRuntime     = 1
	exitUsage       = 2
	exitUnsupported = 69
	exitPermission  = 77
	exitConfig      = 78
)

// Main runs tcptop with args, the command line without the program's name, until
// it is done or ctx ends, and returns the exit code.
func Main(ctx context.Context, env Env, args []string) int {
	if env.Refuse != nil {
		return env.conclude(ctx, env.Refuse)
	}
	root := newRoot(&env)
	root.SetArgs(args)
	return env.conclude(ctx, root.ExecuteContext(ctx))
}
