package app

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/directory"
)

const (
	// tick is how often what time brings is looked for.
	tick = 2 * time.Second
	// watch is how long one of several replicas has the clock after it last said so.
	watch = 5 * tick

	// clockDuty is had by the server that does what time brings.
	clockDuty = "clock"
	// fillDuty is had by who fills the store from another; no server starts then.
	fillDuty = "fill"
)

// clock does what time brings in every organization, in one replica at a time.
func (a *App) clock(ctx context.Context) error {
	settled := a.onDuty(ctx) && a.settled(ctx)
	every := time.NewTicker(tick)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return release(ctx, a.store, clockDuty)
		case <-every.C:
		}
		if !a.onDuty(ctx) {
			continue
		}
		if !settled && a.cfg.Store.Shared() {
			settled = a.settled(ctx)
		}
		orgs, err := a.store.Organizations(ctx)
		for _, o := range orgs {
			if !a.onDuty(ctx) {
				break
			}
			err = errors.Join(err, a.time.Tick(ctx, o.ID))
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("something that was due could not be done and is tried again", "error", err.Error())
		}
	}
}

// onDuty reports whether the clock is this replica's business now.
func (a *App) onDuty(ctx context.Context) bool {
	mine, err := a.store.Hold(ctx, clockDuty, watch)
	if err != nil && ctx.Err() == nil {
		a.log.Warn("it is not known which replica has the clock; it is asked again", "error", err.Error())
	}
	return err == nil && mine
}

// release gives a duty up, so that the next need not wait until it lapses.
func release(ctx context.Context, s Store, duty string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, err := s.Hold(ctx, duty, 0)
	return err
}

// settled is settle; it says in the log when that failed.
func (a *App) settled(ctx context.Context) bool {
	err := a.settle(ctx)
	if err != nil && ctx.Err() == nil {
		a.log.Error("people who were stored by an earlier version could not be brought up to date; it is tried again at the next start", "error", err.Error())
	}
	return err == nil
}

// settle brings what an earlier version stored under the rules, once.
func (a *App) settle(ctx context.Context) error {
	const done = "settled"
	if _, err := a.store.Setting(ctx, done); !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	orgs, err := a.store.Organizations(ctx)
	for _, o := range orgs {
		err = errors.Join(err, a.time.Settle(ctx, o.ID))
	}
	if err != nil {
		return err
	}
	return a.store.PutSetting(ctx, done, []byte("1"))
}
