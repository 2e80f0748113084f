// Command tcptop shows every network connection of this host with its process.
package main

import (
	"os"

	"tcptop/internal/cli"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := cli.Signals()
	code := cli.Main(ctx, cli.Live(version), os.Args[1:])
	stop()
	os.Exit(code)
}
