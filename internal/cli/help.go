package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tcptop/internal/column"
)

const helpHead = `tcptop shows every TCP connection and UDP flow of this host, tick by tick, with its
process, bytes, packets, rates, round-trip time and state.

Usage:
  tcptop [flags] [interval [count]] [USER@HOST...] [FILTER...]
  tcptop agent [--listen [HOST]:PORT] [--otlp URL] | fleet HOST...|--from URL [-- FILTER...]
  tcptop record [-o DIR] | replay FILE|DIR [FILTER...] | report FILE|DIR
  tcptop doctor | config | completion SHELL | help [fields | filter] | version

Examples:
  tcptop                               the live screen; a pipe or -b makes it lines
  tcptop 5 12 'comm~nginx and rtt>50ms'
  tcptop -b -n 1 -l --fields lport,pid,comm
  tcptop -o jsonl --rport 443 | jq .tx_bytes
  tcptop root@web1 root@web2           several hosts on one screen, over ssh
`

const helpTail = `
Exit status:
  0 done (also by ctrl-c, SIGTERM or a closed pipe)   1 runtime error      2 usage
  69 this kernel can't    77 not permitted            78 bad configuration`

const filterHelp = `A filter is fields compared with values:

  rport=443 and rtt>50ms and not comm~ssh
  raddr in 10.0.0.0/8
  rate>1M or (state=established,close-wait and idle>1m)

Operators: = (or :) != < <= > >= ~ (regular expression) !~ in; and or not ( ).
A list of values, separated by commas, matches any of them. A bare word matches
anywhere in address, port, comm, container and pod. port and addr mean either
side. Units: us ms s m h, k M G (1000), Ki Mi Gi (1024).
Quote the filter for your shell. tcptop help fields lists the fields.
`

// helpFunc prints the root's flags by group and leaves other commands to standard.
func helpFunc(standard func(*cobra.Command, []string), groups []flagGroup) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, args []string) {
		switch {
		case !cmd.HasParent():
			cmd.Println(rootHelp(groups))
		case !cmd.Runnable():
			cmd.Println(strings.TrimSpace(cmd.Long))
		default:
			standard(cmd, args)
		}
	}
}

func rootHelp(groups []flagGroup) string {
	var b strings.Builder
	b.WriteString(helpHead)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.flags.FlagUsages())
	}
	b.WriteString(helpTail)
	return b.String()
}

// helpCommand is the help on a command or a topic.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show this help, or that of a command, or of filter or fields",
		Args:  knownWord(root, "help topic"),
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, _, err := root.Find(args)
			if err != nil {
				return err
			}
			return cmd.Help()
		},
	}
}

// knownWord wants one of a command's commands, or nothing.
func knownWord(of *cobra.Command, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		var names []string
		for _, c := range of.Commands() {
			names = append(names, c.Name())
		}
		if len(args) == 0 || slices.Contains(names, args[0]) {
			return nil
		}
		hint := "one of " + strings.Join(names, ", ")
		if near := column.Nearest(args[0], names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return usagef(hint, "no such %s: %s", what, args[0])
	}
}

// filterTopic is the help on the filter language: a command that does not run.
func filterTopic() *cobra.Command {
	return &cobra.Command{Use: "filter", Short: "How to write a filter", Long: filterHelp}
}

// fieldsTopic is the help on all fields.
func fieldsTopic(list *column.List) *cobra.Command {
	var b strings.Builder
	group := ""
	for _, c := range list.All() {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "%s\n", group)
		}
		fmt.Fprintf(&b, "  %-18s %s\n", c.Name, c.Help)
	}
	return &cobra.Command{Use: "fields", Short: "All fields and what they mean", Long: b.String()}
}
