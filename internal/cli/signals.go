package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signals returns a context that ends with ctrl-c or SIGTERM. From then on a
// closed pipe is the error of a write (EPIPE): by default the Go runtime lets
// SIGPIPE end a program that writes to a closed standard output.
func Signals() (context.Context, context.CancelFunc) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
