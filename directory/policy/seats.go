package policy

import (
	"context"
	"errors"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Seats gives every active member at home a seat of the licence and never one
// more than there are (S2-18, S2-19, S3-13, K60).
type Seats struct{}

// Review takes and frees seats.
func (Seats) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) {
		return nil, nil
	}
	had, needs := directory.HoldsSeat(d.Before), false
	if d.After != nil && d.Is != directory.Inactive {
		var err error
		if needs, err = takes(ctx, r, d, d.After); err != nil {
			return nil, err
		}
	}
	switch {
	case needs && !had:
		return seat(ctx, r, d)
	case had && !needs:
		estate.FreeSeat(d, estate.CoreSKU)
		d.Do("seat.freed", estate.CoreSKU, 1)
	}
	if d.After != nil && (had != needs || d.Before == nil || d.Before.Text(schemas.Usher.SeatState) == "" || d.Is != directory.Inactive && waitlisted(d.Before)) {
		directory.SetText(d.After, schemas.Usher.SeatState, seatState(needs))
	}
	return leaveQueue(ctx, r, d)
}

func waitlisted(person *scim.Resource) bool {
	return person != nil && person.Text(schemas.Usher.SeatState) == directory.SeatWaitlisted
}

func seatState(held bool) string {
	if held {
		return directory.SeatHeld
	}
	return directory.SeatNone
}

// takes reports whether a person who is active or suspended needs a seat: who is
// external does only where the pool says so (C7).
func takes(ctx context.Context, r directory.Reader, d *directory.Draft, person *scim.Resource) (bool, error) {
	if !directory.IsExternal(person) {
		return true, nil
	}
	seats, err := estate.SeatsOf(ctx, r, d.Org, estate.CoreSKU, d.Now)
	return seats.Externals, err
}

// seat takes a seat, waits for one, or refuses with the text of S2-18.
func seat(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	waits := d.Waitlist && (d.Joins() || d.Returns())
	if waits && d.Reservation == "" {
		behind, err := estate.QueueAhead(ctx, r, d, d.After.ID)
		if err == nil && behind {
			err = wait(ctx, r, d)
		}
		if err != nil || behind {
			return nil, err
		}
	}
	ok, seats, err := estate.TakeSeat(ctx, r, d, estate.CoreSKU)
	switch {
	case err != nil:
		return nil, err
	case ok:
		directory.SetText(d.After, schemas.Usher.SeatState, directory.SeatHeld)
		d.Do("seat.taken", estate.CoreSKU, 1)
		return leaveQueue(ctx, r, d)
	case waits:
		return nil, wait(ctx, r, d)
	case d.Was != directory.Inactive && directory.IsExternal(d.Before) && directory.IsExternal(d.After):
		return nil, nil // in since before external people were counted (C7)
	}
	return []directory.Finding{estate.NoSeat(seats)}, nil
}

// wait puts a person on the waitlist instead of letting them in. What their return
// lifts is lifted, and the clock has nothing to ask for any more; that they were
// deactivated, and by whom, stays. Whether they are to be invited is kept until they
// come in.
func wait(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	d.Is = directory.Inactive
	d.After.Set(schemas.User.Active, scim.BoolValue(false))
	directory.SetText(d.After, schemas.Usher.Status, string(directory.Inactive))
	directory.SetText(d.After, schemas.Usher.SeatState, directory.SeatWaitlisted)
	setFlag(d.After, schemas.Usher.BlockListed, false)
	if d.Before != nil {
		for _, a := range []*scim.Attribute{schemas.Usher.DeactivatedAt, schemas.Usher.DeactivatedBy} {
			was, _ := d.Before.Get(a)
			d.After.SetPath(a, was)
		}
	}
	waiting, err := directory.LoadOr[estate.Waiting](ctx, r, d.Org, d.After.ID)
	said := d.Invite != nil && (d.Before != nil || invitable(d))
	if err != nil || waiting.Version > 0 && !said {
		return err
	}
	if waiting.Version == 0 {
		d.Do("seat.waitlisted", estate.CoreSKU, 1)
	}
	if waiting.SKU = estate.CoreSKU; said {
		waiting.Invite = d.Invite
	}
	return directory.Save(d, d.Org, &waiting)
}

// leaveQueue takes a person off the waitlist who came in, or is gone.
func leaveQueue(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !waitlisted(d.Before) || d.Is == directory.Inactive && waitlisted(d.After) {
		return nil, nil
	}
	waiting, err := directory.Load[estate.Waiting](ctx, r, d.Org, d.Before.ID)
	if errors.Is(err, directory.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		directory.Drop(d, d.Org, &waiting)
	}
	return nil, err
}
