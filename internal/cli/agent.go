package cli

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/group"
)

// agentOptions are the flags of agent that no other command has.
type agentOptions struct {
	places positive
	peer   choice
	redact []string
	serve  serveOptions
	push   pushOptions
	flows  flowOptions
	health string
	check  bool
}

const (
	peerCIDR = "cidr"
	peerIP   = "ip"
	peerNone = "none"
)

func newAgentOptions() *agentOptions {
	return &agentOptions{places: 50, peer: choice{word: peerCIDR, of: []string{peerCIDR, peerIP, peerNone}}, push: pushOptions{interval: seconds(15 * time.Second)}, flows: newFlowOptions()}
}

// agentCommand measures without a screen, for an engine that keeps what it is told.
func agentCommand(env *Env, list *column.List) *cobra.Command {
	o, a := newOptions(), newAgentOptions()
	cmd := &cobra.Command{
		Use:   "agent [flags]",
		Short: "Tell an engine what this host moves, as metrics, until it is stopped",
		Long: `Adds up what this host moves and who moves it, in a fixed number of groups, and
tells it: to whoever asks at --listen (Prometheus, VictoriaMetrics), or to --otlp.
Records of the connections that move most are for --flows (ClickHouse, OTLP). Nothing listens, and nothing is sent, unless it is asked for.`,
		Args: agentFilter,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.check {
				return env.checkHealth(a.health)
			}
			if err := env.configureCommand(cmd, o.origins); err != nil {
				return err
			}
			p, err := o.plan(env, list, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			if err := p.onlyNetNS(env, &o.selection); err != nil {
				return err
			}
			p.measure.Calm = true
			if a.flows.url == "" { // no names of addresses are told, so none are looked for
				p.numeric, p.measure.DNS = true, false
			}
			return p.agent(cmd.Context(), a)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.VarP(&o.interval, "interval", "d", "`time` between ticks: a duration or seconds, 100ms at least")
	f.AddFlagSet(a.flags())
	f.BoolVarP(&o.selection.tcp, "tcp", "t", false, "only TCP")
	f.BoolVarP(&o.selection.udp, "udp", "u", false, "only UDP")
	f.StringVar(&o.selection.netns, "netns", "", "only network namespace `ns`, an inode or a name: for a host that is one")
	f.AddFlagSet(o.collectorFlags())
	return cmd
}

func (a *agentOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.Var(&a.places, "groups", "tell `n` groups apart; what is left is in the group other")
	f.Var(&a.peer, "peer", "tell of remote addresses their `part`: cidr (of private ones the /24 or /64), ip or none")
	f.StringSliceVar(&a.redact, "redact", nil, "do not tell `what`: peer, comm, workload")
	f.AddFlagSet(a.serve.flags())
	f.AddFlagSet(a.push.flags())
	f.AddFlagSet(a.flows.flags())
	f.StringVar(&a.health, "health", "", "touch `file` with each tick")
	f.BoolVar(&a.check, "check", false, "end with 0 if the agent that touches the --health file had a tick in the last 30 s, else with 1")
	return f
}

// agentFilter takes no words: sums of a part would be taken for those of the host.
func agentFilter(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("the engine chooses: "+`tcptop_group_io_bytes_total{process_executable_name="nginx"}`, "agent takes no filter: %s", args[0])
}

// groups says how to add up.
func (a *agentOptions) groups() (cfg group.Config, err error) {
	cfg.Top = int(a.places)
	cfg.Peer = map[string]group.Peer{peerCIDR: group.PeerCIDR, peerIP: group.PeerIP, peerNone: group.PeerNone}[a.peer.word]
	for _, what := range a.redact {
		switch what {
		case "peer":
			cfg.Redact.Peer = true
		case "comm":
			cfg.Redact.Process = true
		case "workload":
			cfg.Redact.Workload = true
		default:
			return cfg, usagef("", "--redact %q: not one of peer, comm, workload", what)
		}
	}
	return cfg, nil
}
