package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/testkit"
	"tcptop/internal/tui"
)

// The man page says what --help and the keys say, from the same source.
func TestManPage(t *testing.T) {
	env := &Env{Stdout: io.Discard, Stderr: io.Discard}
	testkit.Golden(t, "../../docs/tcptop.1", md2man.Render(manPage(newRoot(env))))
}

// manPage is tcptop(1) in Markdown.
func manPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	b.WriteString("tcptop 1 \"\" tcptop \"User Commands\"\n==================================================\n\n")
	section := func(title, text string) { fmt.Fprintf(&b, "# %s\n\n%s\n\n", title, strings.Trim(text, "\n")) }
	section("NAME", "tcptop - top for network connections")
	section("SYNOPSIS", "**tcptop** [*flags*] [*interval* [*count*]] [*USER@HOST*...] [*FILTER*...]")
	section("DESCRIPTION", strings.Split(helpHead, "\n\nUsage:")[0]+manDescription)
	section("OPTIONS", manOptions(newOptions().groups()))
	section("COMMANDS", manCommands(root))
	section("FILTERS", strings.ReplaceAll(filterHelp, "\n  ", "\n    "))
	section("KEYS", manKeys())
	section("EXAMPLES", manExamples())
	section("EXIT STATUS", manExits)
	section("ENVIRONMENT", manEnvironment)
	section("FILES", manFiles)
	section("SEE ALSO", "**ss**(8), **top**(1), **tcp**(7), **systemd.exec**(5)")
	return b.Bytes()
}

const manDescription = `

On a terminal it is a live screen; with **-b**, **-o** or into a pipe it prints lines: one for
each connection that moved, opened or closed in the tick. TCP is counted by the kernel itself
and read once a tick; UDP keeps no counters in the kernel, so its calls are counted. A missing
value is - on the screen, null in JSON and an empty cell in CSV. What was not seen or not kept is
counted, and said.`

func manOptions(groups []flagGroup) string {
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "## %s\n\n%s\n", g.title, manFlags(g.flags))
	}
	return b.String()
}

func manFlags(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "**--" + f.Name + "**"
		if f.Shorthand != "" {
			name = "**-" + f.Shorthand + "**, " + name
		}
		if value != "" {
			name += " *" + value + "*"
		}
		fmt.Fprintf(&b, "%s\n: %s", name, usage)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			fmt.Fprintf(&b, " (%s)", f.DefValue)
		}
		b.WriteString("\n\n")
	})
	return b.String()
}

func manCommands(root *cobra.Command) string {
	var b strings.Builder
	for _, c := range root.Commands() {
		if !c.Runnable() || c.Hidden {
			continue
		}
		fmt.Fprintf(&b, "**tcptop %s**\n: %s.\n\n%s", c.Use, c.Short, manFlags(c.LocalFlags()))
	}
	return b.String()
}

func manKeys() string {
	var b strings.Builder
	group := ""
	for _, k := range tui.Keys(column.New()) {
		if k.Group != group {
			group = k.Group
			fmt.Fprintf(&b, "## %s\n\n", group)
		}
		fmt.Fprintf(&b, "`%s`\n: %s\n\n", k.Keys, k.Does)
	}
	return b.String()
}

func manExamples() string {
	_, examples, _ := strings.Cut(helpHead, "Examples:\n")
	return strings.ReplaceAll("\n"+examples, "\n  ", "\n    ")
}

const manExits = `**0**
: done, also by Ctrl-C, SIGTERM and a closed pipe: what was seen is printed first

**1**
: an error while it ran

**2**
: a mistake on the command line

**69**
: this kernel can't; it says what is missing

**77**
: not permitted; it says which capability is missing, and the command that gives it

**78**
: a mistake in a configuration file or in the environment`

const manEnvironment = `**TCPTOP_CONFIG**
: the configuration file, instead of those under FILES

**TCPTOP_THEME**
: as --theme

**NO_COLOR**
: no colour, if it is not empty

**XDG_CONFIG_HOME**, **XDG_STATE_HOME**
: where the user's configuration is, and where the screen remembers its views`

const manFiles = `*~/.config/tcptop/config.toml*, */etc/tcptop/config.toml*
: any flag by its long name, in TOML, those that a command alone has in the table of its name; tcptop config prints what is in force

*~/.local/state/tcptop/screen.json*
: what the screen remembers of its views

*/var/lib/tcptop*, *~/.local/state/tcptop/recording*
: where tcptop record keeps what it records`
