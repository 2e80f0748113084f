// Command load makes network traffic whose ground truth is known to the byte.
//
// Each subcommand prints JSON lines (package truth): one record per socket end
// or UDP flow, and {"ready":true} where it holds its sockets open until a line
// or the end of its standard input. Nothing leaves the network namespace that
// it runs in, every wait has a deadline, and it ends with an error where the
// truth would not be exact. Only serve and ask meet across namespaces.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

type command struct {
	name string
	run  func(args []string, c *console) error
}

func commands() []command {
	return []command{
		{"bulk", bulkMain},
		{"short", shortMain},
		{"short-client", shortClientMain},
		{"short-server", shortServerMain},
		{"udp", udpMain},
		{"idle", idleMain},
		{"idle-child", idleChildMain},
		{"states", statesMain},
		{"pause", pauseMain},
		{"actor", actorMain},
		{"crowd", crowdMain},
		{"serve", serveMain},
		{"ask", askMain},
		{"bench-bulk", benchBulkMain},
		{"bench-rr", benchRRMain},
		{"bench-churn", benchChurnMain},
		{"bench-udp", benchUDPMain},
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	all := commands()
	if len(args) > 0 {
		i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
		if i >= 0 {
			return all[i].run(args[1:], newConsole(os.Stdin, os.Stdout))
		}
	}
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	return fmt.Errorf("usage: load {%s} [flags]", strings.Join(names, "|"))
}
