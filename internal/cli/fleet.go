package cli

import (
	"time"

	"github.com/spf13/cobra"

	"tcptop/internal/column"
)

// fleetCommand shows many hosts, as an engine knows them.
func fleetCommand(env *Env, list *column.List) *cobra.Command {
	o, from := newOptions(), &fromOptions{hostLabel: "instance"}
	o.interval = seconds(5 * time.Second)
	cmd := &cobra.Command{
		Use:   "fleet --from URL [flags] [FILTER...]",
		Short: "Show many hosts, as the engine that their agents tell knows them",
		Long: `Shows on the same screen, or with -b as lines, the groups of connections that move
most on all hosts whose agents (tcptop agent) an engine asks or is sent to. URL is
prom+https://HOST[:PORT], or prom+http://: anything that answers PromQL.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.runEngine(env, list, cmd, from, args)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.AddFlagSet(from.flags())
	f.AddFlagSet(o.tickFlags())
	f.AddFlagSet(o.outputFlags())
	f.AddFlagSet(o.look.flags())
	f.Var(&o.sandbox, "sandbox", sandboxUsage)
	return cmd
}
