package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tcptop/internal/column"
)

// ofThisHost has a command refuse a word that names another host, and say what to do there,
// rather than take it for a filter or a file. of is how many words it looks at.
func ofThisHost(list *column.List, c *cobra.Command, of int) {
	args := c.Args
	c.Args = func(cmd *cobra.Command, words []string) error {
		for _, word := range words[:min(of, len(words))] {
			hosts, _, err := takeHosts(list, []string{word})
			if err != nil || len(hosts) == 0 {
				continue
			}
			if _, err := os.Lstat(word); err == nil { // a file of that name
				continue
			}
			there := hosts[0].Dest
			if port := hosts[0].Port; port != 0 {
				there = fmt.Sprintf("-p %d %s", port, there)
			}
			return usagef(fmt.Sprintf("run it there: ssh -t %s tcptop %s", there, cmd.Name()), "tcptop %s is of this host, and %s names another one", cmd.Name(), strings.TrimSuffix(word, ":"))
		}
		return args(cmd, words)
	}
}
