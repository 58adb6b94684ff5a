package app

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	errServed  = errors.New("a server runs on it; stop it first (one that was killed counts as running for another ten seconds)")
	errFilled  = errors.New("somebody else copies into it at the moment; wait for that to end")
	errFilling = errors.New("data is being copied into the database at the moment; start the server when that has ended")
	errLost    = errors.New("it is not certain any more that no server runs on the store that is copied to, because MongoDB could not be asked in time; copy again")
)

// Fill keeps a store for one who writes into it without the rules, as a copy does:
// it refuses one that a server runs on, and no server starts on it meanwhile. The
// context ends when that cannot be kept up. The function gives the store back.
func Fill(ctx context.Context, s Store) (context.Context, func(), error) {
	if err := occupy(ctx, s); err != nil {
		return nil, nil, errors.Join(err, release(ctx, s, fillDuty))
	}
	ctx, lose := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		every := time.NewTicker(tick)
		defer every.Stop()
		for until := time.Now().Add(watch); ; {
			select {
			case <-stop:
				return
			case <-every.C:
			}
			began := time.Now()
			if err := occupy(ctx, s); err == nil {
				until = began.Add(watch)
			} else if errors.Is(err, errServed) || errors.Is(err, errFilled) || time.Now().After(until) {
				lose(errLost)
				return
			}
		}
	}()
	return ctx, func() {
		close(stop)
		<-stopped
		lose(nil)
		_, _ = release(ctx, s, fillDuty), release(ctx, s, clockDuty) // they lapse in any case
	}, nil
}

// occupy takes or prolongs both duties.
func occupy(ctx context.Context, s Store) error {
	for _, one := range []struct {
		duty  string
		taken error
	}{{fillDuty, errFilled}, {clockDuty, errServed}} {
		mine, err := s.Hold(ctx, one.duty, watch)
		if err != nil {
			return fmt.Errorf("ask who works on it: %w", err)
		}
		if !mine {
			return one.taken
		}
	}
	return nil
}

// unfilled fails while somebody fills the store. It takes the duty in the past, where
// it is in nobody's way who starts at the same moment.
func (a *App) unfilled(ctx context.Context) error {
	free, err := a.store.Hold(ctx, fillDuty, -watch)
	if err == nil && !free {
		err = errFilling
	}
	return err
}
