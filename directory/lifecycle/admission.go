package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Admit is the one place where every credential of a person meets the directory:
// access tokens of issuers, sessions and tokens that other systems registered,
// invitations. The person must be active, their account one that can be used, and the
// credential younger than the last deactivation or suspension here and the last new
// password, so that none ever revives (S1-10, S1-26, S3-25, K59). Otherwise the error is
// directory.ErrNotAdmitted.
func Admit(ctx context.Context, r directory.Documents, person *scim.Resource, issued time.Time) error {
	if directory.StatusOf(person) != directory.Active {
		return directory.ErrNotAdmitted
	}
	if on, set := person.Bool(schemas.User.Active); set && !on {
		return directory.ErrNotAdmitted
	}
	a, err := estate.AccountOf(ctx, r, directory.PrimaryAddress(person))
	switch {
	case err != nil && !errors.Is(err, directory.ErrNotFound):
		return err
	case a.State == estate.Closed, a.State == estate.Spam:
		return directory.ErrNotAdmitted
	}
	if after := a.DeadUntil(person); !after.IsZero() && !issued.After(after) {
		return directory.ErrNotAdmitted
	}
	return nil
}

// Issue is when a credential that is given to a person now counts as issued: now, or a
// moment later where their access ended and began again in this very millisecond.
// The error is directory.ErrNotAdmitted when they may not be in.
func Issue(ctx context.Context, r directory.Documents, person *scim.Resource, now time.Time) (at time.Time, err error) {
	for _, at = range []time.Time{now, now.Add(time.Millisecond)} {
		if err = Admit(ctx, r, person, at); !errors.Is(err, directory.ErrNotAdmitted) {
			break
		}
	}
	return at, err
}
