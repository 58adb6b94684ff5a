package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
)

// Freezes ends the request to freeze a person (3.6) who is not active any more,
// whichever way that came about.
type Freezes struct{}

// Review drops the request.
func (Freezes) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.Was != directory.Active || d.Is == directory.Active {
		return nil, nil
	}
	asked, err := directory.Load[estate.Approval](ctx, r, d.Org, lifecycle.FreezeID(d.Before.ID))
	if isNotFound(err) {
		return nil, nil
	}
	if err == nil {
		directory.Drop(d, d.Org, &asked)
	}
	return nil, err
}
