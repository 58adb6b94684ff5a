package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

// Fixers names in every refusal who can put right what is in the way (S0-20).
type Fixers struct{}

// Review finds nothing.
func (Fixers) Review(context.Context, directory.Reader, *directory.Draft) ([]directory.Finding, error) {
	return nil, nil
}

// Conclude adds the names.
func (Fixers) Conclude(ctx context.Context, r directory.Reader, d *directory.Draft, found []directory.Finding) error {
	return estate.NameHolders(ctx, r, d.Org, found)
}
