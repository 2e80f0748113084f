package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// pauseMain waits for SIGTERM: what a pod's own process does.
func pauseMain([]string, *console) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	<-stop
	return nil
}
