package app

import "context"

// nameOlder finds out whose the externalIds are that a version before has kept, and ends.
func (a *App) nameOlder(ctx context.Context) error {
	orgs, err := a.store.Organizations(ctx)
	for _, org := range orgs {
		if err == nil {
			err = a.service.NameOlder(ctx, org.ID, a.types.Types)
		}
	}
	if err != nil && ctx.Err() == nil {
		a.log.Warn("it is not known yet whose older externalIds are; the next start looks again", "error", err.Error())
	}
	return err
}
