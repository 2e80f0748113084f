package cli

import (
	"time"

	"github.com/spf13/cobra"

	"tcptop/internal/column"
	"tcptop/internal/remote"
)

// fleetCommand shows many hosts: as an engine knows them, or by asking each over ssh, by
// names that would be filters elsewhere.
func fleetCommand(env *Env, list *column.List) *cobra.Command {
	o, from := newOptions(), &fromOptions{hostLabel: "instance"}
	o.interval = seconds(5 * time.Second)
	cmd := &cobra.Command{
		Use:   "fleet HOST... | fleet --from URL [flags] [-- FILTER...]",
		Short: "Show several hosts over ssh, or many as an engine knows them",
		Long: `Shows on the same screen, or with -b as lines, the groups of connections that move
most on all hosts whose agents (tcptop agent) an engine asks or is sent to. URL is
prom+https://HOST[:PORT], or prom+http://: anything that answers PromQL. With
clickhouse+https://HOST it is the connections that agents recorded (--flows); with both
view 1 has connections, and the others groups, or sums over all hosts.

Without --from it runs tcptop on each HOST over your own ssh and shows all their
connections; HOST is what ssh takes: a name, user@name or ssh://user@name:port.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			given := cmd.Flags()
			if len(from.urls) > 0 || env.variable("TCPTOP_FROM") != "" {
				return o.runEngine(env, list, cmd, from, args)
			}
			hosts, filter, err := fleetWords(args, cmd.ArgsLenAtDash())
			if err != nil {
				return err
			}
			if !given.Changed("interval") {
				o.interval = seconds(time.Second)
			}
			return o.run(env, list, cmd, hosts, filter)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.AddFlagSet(from.flags())
	f.AddFlagSet(o.tickFlags())
	f.AddFlagSet(o.outputFlags())
	f.AddFlagSet(o.selection.flags())
	f.AddFlagSet(o.remote.flags())
	f.AddFlagSet(o.look.flags())
	f.AddFlagSet(o.collectorFlags())
	return cmd
}

// fleetWords are the hosts, up to the first word that can be none or the dashes at dash, and the filter.
func fleetWords(args []string, dash int) (hosts []remote.Target, filter []string, err error) {
	for i, word := range args {
		if i == dash {
			filter = args[i:]
			break
		}
		t, err := remote.ParseTarget(word)
		if err != nil {
			return nil, nil, usagef("a filter comes after --", "%s: %v", word, err)
		}
		hosts = append(hosts, t)
	}
	if len(hosts) == 0 {
		return nil, nil, usagef("such as tcptop fleet web1 web2, or --from prom+https://prometheus:9090", "fleet has nobody to ask: no host and no --from is given")
	}
	return hosts, filter, nil
}
