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
	err := root().ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "usher:", err)
		return 2
	}
	fmt.Fprintln(os.Stderr, "usher:", err)
	return 1
}
