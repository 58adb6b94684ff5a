package lifecycle

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Step is one of several changes that are to be made one after the other.
type Step struct {
	directory.Request
	Name string // by which later steps speak of what this one creates; "": they do not
}

// Forecaster is what of a directory.Service is asked before changes are made.
type Forecaster interface {
	Read(ctx context.Context, fn func(directory.Reader) error) error
	Preview(ctx context.Context, req directory.Request) (*directory.Plan, error)
	Now() time.Time
}

// RoomInTurn refuses steps of which one would find no seat, before any is made
// (3.3). Seats that earlier steps give back are there for later ones; a step that is
// refused for another reason takes none and gives none.
func RoomInTurn(ctx context.Context, s Forecaster, org directory.OrgID, reservation string, steps []Step) error {
	w := walk{Forecaster: s, people: map[string]seated{}}
	if err := w.begin(ctx, org, reservation); err != nil || !w.seats.Limited {
		return err
	}
	for _, one := range steps {
		takes, err := w.step(ctx, one)
		if err != nil {
			return err
		}
		if takes > 0 && w.free < takes {
			return &directory.Refusal{Findings: []directory.Finding{estate.NoSeat(w.seats)}}
		}
		w.free -= takes
	}
	return nil
}

// walk goes through steps without making them.
type walk struct {
	Forecaster
	seats  directory.Seats
	free   int64 // below zero where more are used than bought
	people map[string]seated
}

// seated is a person as the steps so far leave them, or nobody.
type seated struct {
	person *scim.Resource
	held   bool
}

func (w *walk) begin(ctx context.Context, org directory.OrgID, reservation string) error {
	now := w.Now()
	return w.Read(ctx, func(r directory.Reader) (err error) {
		if w.seats, err = estate.SeatsOf(ctx, r, org, estate.CoreSKU, now); err != nil || !w.seats.Limited {
			return err
		}
		w.free = w.seats.Purchased - w.seats.Used - w.seats.Reserved
		v, err := directory.Load[estate.Reservation](ctx, r, org, reservation)
		if errors.Is(err, directory.ErrNotFound) || err == nil && v.SKU != estate.CoreSKU {
			return nil
		}
		if err != nil {
			return err
		}
		left, err := v.Left(ctx, r, org, now)
		w.free += left
		return err
	})
}

// step is how many seats a step takes, or gives back when below zero.
func (w *walk) step(ctx context.Context, one Step) (int64, error) {
	rt, id := about(one.Change)
	if !directory.IsPerson(rt) {
		return 0, nil
	}
	was, known := w.people[id]
	var is seated
	var err error
	if known {
		is, err = w.again(ctx, one, was)
	} else {
		was, is, err = w.first(ctx, one)
	}
	if id == "" {
		id = one.Name
	}
	if id != "" {
		w.people[id] = is
	}
	switch {
	case is.held && !was.held:
		return 1, err
	case was.held && !is.held:
		return -1, err
	}
	return 0, err
}

// about is whom a change of a resource is about; "" for whom it makes.
func about(c directory.Change) (*scim.ResourceType, string) {
	switch c := c.(type) {
	case directory.Create:
		return c.Resource.Type, ""
	case directory.Replace:
		return c.Type, c.ID
	case directory.Patch:
		return c.Type, c.ID
	case directory.Delete:
		return c.Type, c.ID
	}
	return nil, ""
}

// first is a step about somebody of whom no earlier one was: the plan tells what
// becomes of them.
func (w *walk) first(ctx context.Context, one Step) (was, is seated, err error) {
	req := one.Request
	req.OnSeatExhausted = directory.RefuseSeat
	p, err := w.Preview(ctx, req)
	if err == nil {
		was = seated{p.Before, directory.HoldsSeat(p.Before)}
		err = p.Err()
	}
	var refused *directory.Refusal
	create, creates := req.Change.(directory.Create)
	switch {
	case ctx.Err() != nil:
		return was, was, ctx.Err()
	case err == nil:
		return was, seated{p.After, directory.HoldsSeat(p.After)}, nil
	case errors.As(err, &refused):
		if slices.ContainsFunc(refused.Findings, func(f directory.Finding) bool { return f.Rule != estate.RuleSeatLimit }) {
			return was, was, nil
		}
		return was, seated{p.After, true}, nil
	case creates: // a name may be free by then, and what is referred to be there
		on, set := create.Resource.Bool(schemas.User.Active)
		return was, seated{create.Resource, on || !set}, nil
	}
	return was, was, nil // it fails by itself
}

// again is a step about somebody whom an earlier one has changed.
func (w *walk) again(ctx context.Context, one Step, was seated) (seated, error) {
	is := was
	if was.person == nil {
		return was, nil
	}
	switch c := one.Change.(type) {
	case directory.Delete:
		is = seated{}
	case directory.Replace:
		on, set := c.Resource.Bool(schemas.User.Active)
		is.held = w.sits(was, on, set)
	case directory.Patch:
		after, _, _, err := c.Patch.Apply(was.person)
		if err != nil {
			return was, nil // it fails by itself
		}
		on, set := after.Bool(schemas.User.Active)
		is = seated{after, w.sits(was, on, set)}
	}
	if was.held && !is.held {
		p, err := w.Preview(ctx, one.Request)
		if err == nil && p.Err() != nil {
			return was, nil // their departure is refused
		}
	}
	return is, ctx.Err()
}

// sits reports whether a person has a seat who is said to be active or not.
func (w *walk) sits(was seated, on, set bool) bool {
	if !set {
		return was.held
	}
	return on && (!directory.IsExternal(was.person) || w.seats.Externals)
}
