// Command usher is the SCIM 2.0 provisioning server and its tools.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

// run carries out the command line and returns the exit status: 1 when the
// command failed, 2 when it was not understood.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	syscall.Umask(0o077)         // what is written holds personal data
	err := root().ExecuteContext(ctx)
	var usage usageError
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "usher:", err)
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}
