package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tcptop/internal/output"
)

// configCommand prints what would be in force now, as a file that can be read again.
func configCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Show every setting with its value and where that comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := newFlagSet()
			for _, g := range newOptions().groups() {
				flags.AddFlagSet(g.flags)
			}
			origins := map[string]string{}
			if err := env.configure(flags, origins); err != nil {
				return err
			}
			var text strings.Builder
			text.WriteString(settingsText(flags, origins))
			for _, c := range cmd.Root().Commands() {
				table, err := env.table(c, flags)
				if err != nil {
					return err
				}
				text.WriteString(table)
			}
			_, err := fmt.Fprint(env.Stdout, text.String())
			return outcome(err)
		},
	}
}

// table is what is in force for the flags that a command alone has, and for those that its
// table sets otherwise than they are set for all.
func (env *Env) table(c *cobra.Command, shared *pflag.FlagSet) (string, error) {
	if !slices.Contains(tables, c.Name()) {
		return "", nil
	}
	quiet := *env // it has been said which files are ignored
	quiet.Stderr = io.Discard
	files, err := quiet.settings()
	if err != nil {
		return "", err
	}
	origins := map[string]string{}
	for _, f := range files {
		if err := f.applyTable(c.Name(), c.Flags(), origins); err != nil {
			return "", err
		}
	}
	own := newFlagSet()
	c.Flags().VisitAll(func(f *pflag.Flag) {
		all := shared.Lookup(f.Name)
		if f.Name != "help" && (all == nil || all.Value.Type() != f.Value.Type() || origins[f.Name] != "") {
			own.AddFlag(f)
		}
	})
	return "\n[" + c.Name() + "]\n" + settingsText(own, origins), nil
}

// settingsText is TOML: what is set, and as comments what is not.
func settingsText(flags *pflag.FlagSet, origins map[string]string) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		line := f.Name + " = " + tomlValue(f)
		if origin := origins[f.Name]; origin != "" {
			fmt.Fprintf(&b, "%-32s # %s\n", line, output.AppendVisible(nil, []byte(origin)))
			return
		}
		fmt.Fprintf(&b, "# %-30s # default\n", line)
	})
	return b.String()
}

func tomlValue(f *pflag.Flag) string {
	text := f.Value.String()
	if list, ok := f.Value.(pflag.SliceValue); ok {
		parts := list.GetSlice()
		for i, p := range parts {
			parts[i] = tomlString(p)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	switch f.Value.Type() {
	case "bool", "uint32":
		return text
	}
	return tomlString(text)
}

// tomlString quotes s as a basic string of TOML, whose escapes are JSON's.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || !strconv.IsPrint(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
