package cli

import (
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/remote"
)

// newRoot is the command tree.
func newRoot(env *Env) *cobra.Command {
	list, o := column.New(), newOptions()
	root := &cobra.Command{
		Use:           "tcptop",
		Version:       env.Version,
		Args:          cobra.ArbitraryArgs, // the filter
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			hosts, args, err := takeHosts(list, args)
			if err != nil {
				return err
			}
			return o.run(env, list, cmd, hosts, args)
		},
	}
	groups := o.groups()
	for _, g := range groups {
		root.Flags().AddFlagSet(g.flags)
	}
	root.Flags().BoolP("help", "h", false, "show this help")
	root.Flags().Bool("version", false, "show the version")
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetVersionTemplate(versionLine(env))
	root.SetFlagErrorFunc(flagFailure)
	root.SetHelpFunc(helpFunc(root.HelpFunc(), groups))
	root.AddCommand(agentCommand(env, list), fleetCommand(env, list), recordCommand(env, list), replayCommand(env, list), reportCommand(env, list), doctorCommand(env), configCommand(env), versionCommand(env), fieldsTopic(list), filterTopic())
	for name, words := range map[string]int{"agent": math.MaxInt, "record": math.MaxInt, "replay": 1, "report": 1, "doctor": 1, "config": 1, "version": 1} {
		if c, _, err := root.Find([]string{name}); err == nil {
			ofThisHost(list, c, words)
		}
	}
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultCompletionCmd()
	if c, _, err := root.Find([]string{"completion"}); err == nil && c != root {
		c.Args = knownWord(c, "shell")
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	// Only a flag that is not declared fails here.
	cobra.CheckErr(o.completions(root, list))
	return root
}

// run shows this host or other ones, on the screen or as lines.
func (o *options) run(env *Env, list *column.List, cmd *cobra.Command, hosts []remote.Target, args []string) error {
	configure := func() error { return env.configure(cmd.Flags(), o.origins) }
	if cmd.HasParent() {
		configure = func() error { return env.configureCommand(cmd, o.origins) }
	}
	if err := configure(); err != nil {
		return err
	}
	p, err := o.plan(env, list, cmd.Flags(), args, hosts...)
	if err != nil {
		return err
	}
	switch live := o.live(env, cmd.Flags()); {
	case live && o.changes:
		return usagef("add -b -o jsonl", "--changes is for JSON lines")
	case live:
		return p.screen(cmd.Context())
	case o.typed(cmd.Flags(), "group"):
		return usagef("leave out -b and -o on a terminal", "--group is for the screen")
	case p.hosts != nil:
		return p.streamHosts(cmd.Context())
	}
	return p.stream(cmd.Context())
}

func versionCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(env.Stdout, versionLine(env))
			return outcome(err)
		},
	}
}

func versionLine(env *Env) string {
	return fmt.Sprintf("tcptop %s (%s %s/%s)\n", env.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// flagFailure says what is wrong with a flag in the words of the other errors.
func flagFailure(cmd *cobra.Command, err error) error {
	const help = "tcptop --help shows the flags"
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := column.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return usagef("did you mean --"+near+"?", "unknown flag: --%s", unknown.GetSpecifiedName())
		}
	case errors.As(err, &invalid):
		return usagef(help, "--%s %q: %v", invalid.GetFlag().Name, invalid.GetValue(), flagCause(invalid))
	}
	return usagef(help, "%v", err)
}
