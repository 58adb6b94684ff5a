package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory"
)

// Labels that the server and the driver put on errors.
const (
	transientLabel = "TransientTransactionError"
	unknownLabel   = "UnknownTransactionCommitResult"
	retryableLabel = "RetryableWriteError"
)

// Codes of the server.
const (
	codeUnauthorized     = 13
	codeNamespaceExists  = 48
	codeOptionsConflict  = 85
	codeKeySpecsConflict = 86
)

// noHint is what the server says of an index that a query asks for by name and that
// is not there; the code that comes with it stands for many other things.
const noHint = "hint provided does not correspond to an existing index"

// passing are codes of what is over soon: a primary that steps down or is being
// elected, a snapshot that is too old or not there yet, time that ran out.
var passing = []int{6, 7, 50, 89, 91, 112, 134, 189, 239, 246, 251, 262, 9001, 10107, 11600, 11602, 13435, 13436}

func passes(err error) bool {
	var server driver.ServerError
	return errors.As(err, &server) && slices.ContainsFunc(passing, server.HasErrorCode)
}

// labelled reports whether an error carries a label.
func labelled(err error, label string) bool {
	var e driver.LabeledError
	return errors.As(err, &e) && e.HasErrorLabel(label)
}

// busy turns what passes by itself into directory.ErrBusy: no primary, a broken
// connection, a time that ran out.
func busy(err error) error {
	var server driver.ServerError
	switch {
	case err == nil, errors.Is(err, directory.ErrBusy):
		return err
	case errors.Is(err, driver.ErrClientDisconnected):
		return directory.ErrClosed
	case driver.IsTimeout(err), driver.IsNetworkError(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		passes(err), labelled(err, transientLabel), labelled(err, retryableLabel), labelled(err, unknownLabel):
		return fmt.Errorf("%w: %w", directory.ErrBusy, err)
	case errors.As(err, &server) && server.HasErrorMessage(noHint):
		return fmt.Errorf("%w: %w", directory.ErrBusy, unhinted(err))
	case errors.As(err, &server):
		return fmt.Errorf("MongoDB refused a command: %w", err)
	case strings.Contains(err.Error(), "server selection error"):
		return fmt.Errorf("%w: %w", directory.ErrBusy, err)
	}
	return err
}
