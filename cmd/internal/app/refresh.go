package app

import (
	"context"
	"time"

	"github.com/usher-scim/usher/directory"
)

// refreshDuty is had by the server that brings records up to date.
const refreshDuty = "refresh"

// refreshEvery is how often records that servers of another version wrote are looked for.
const refreshEvery = 30 * time.Second

// refresher is a store whose records may be written by servers of another version or
// configuration, after which they can be searched less quickly until they are brought
// up to date, some of an organization a call.
type refresher interface {
	Refresh(ctx context.Context, org directory.OrgID) (more bool, err error)
}

// refresh brings records up to date, in one replica at a time.
func (a *App) refresh(ctx context.Context, s refresher) error {
	every := time.NewTicker(refreshEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return release(ctx, a.store, refreshDuty)
		case <-every.C:
		}
		if err := a.refreshAll(ctx, s); err != nil && ctx.Err() == nil {
			a.log.Warn("records that other servers wrote could not be brought up to date, so some searches are slow; it is tried again", "error", err.Error())
		}
	}
}

func (a *App) refreshAll(ctx context.Context, s refresher) error {
	orgs, err := a.store.Organizations(ctx)
	if err != nil {
		return err
	}
	for _, o := range orgs {
		for more := true; more; {
			mine, err := a.store.Hold(ctx, refreshDuty, watch)
			if err != nil || !mine {
				return err
			}
			if more, err = s.Refresh(ctx, o.ID); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
