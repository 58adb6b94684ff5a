// Package failure says what the errors of the server and the driver mean to whoever
// asked: what is over soon is directory.ErrBusy, and what is not is a sentence.
package failure

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
	Transient      = "TransientTransactionError"
	Unknown        = "UnknownTransactionCommitResult"
	retryableLabel = "RetryableWriteError"
)

// Codes of the server.
const (
	Unauthorized     = 13
	NamespaceExists  = 48
	OptionsConflict  = 85
	KeySpecsConflict = 86
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

// Labelled reports whether an error carries a label.
func Labelled(err error, label string) bool {
	var e driver.LabeledError
	return errors.As(err, &e) && e.HasErrorLabel(label)
}

// Busy turns what passes by itself into directory.ErrBusy: no primary, a broken
// connection, a time that ran out.
func Busy(err error) error {
	var server driver.ServerError
	switch {
	case err == nil, errors.Is(err, directory.ErrBusy):
		return err
	case errors.Is(err, driver.ErrClientDisconnected):
		return directory.ErrClosed
	case driver.IsTimeout(err), driver.IsNetworkError(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		passes(err), Labelled(err, Transient), Labelled(err, retryableLabel), Labelled(err, Unknown):
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

// unhinted says what it means that a query cannot have the index that it asks for.
func unhinted(err error) error {
	return fmt.Errorf("an index that Usher needs is not there any more; run usher migrate, also while servers run: %w", err)
}
