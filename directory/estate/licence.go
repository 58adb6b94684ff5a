package estate

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// CoreSKU is the licence that every active member at home needs (S2-19).
const CoreSKU = "core"

// Pool is what an organization has bought of one licence; its id is the SKU.
// There is no limit where there is no pool.
type Pool struct {
	directory.Head
	Purchased int64 `json:"purchased"`
	// CountExternals makes external people take seats too (C7).
	CountExternals bool `json:"countExternals,omitempty"`
}

// Kind is "pool".
func (*Pool) Kind() directory.Kind { return "pool" }

// Keys are none.
func (*Pool) Keys() []string { return nil }

// Reservation keeps seats for an import or a hiring date. Nobody else gets them
// until it expires.
type Reservation struct {
	directory.Head
	SKU     string    `json:"sku"`
	Seats   int64     `json:"seats"`
	Expires time.Time `json:"expiresAt"`
	Purpose string    `json:"purpose,omitempty"`
}

// Kind is "reservation".
func (*Reservation) Kind() directory.Kind { return "reservation" }

// Keys is the licence.
func (v *Reservation) Keys() []string { return []string{"sku:" + v.SKU} }

// SeatTally is the running total of the seats of a licence in use.
func SeatTally(sku string) string       { return "seats:" + sku }
func reservationTally(id string) string { return "reservation:" + id }

// SeatsOf counts the seats of a licence.
func SeatsOf(ctx context.Context, r directory.Documents, org directory.OrgID, sku string, now time.Time) (directory.Seats, error) {
	s := directory.Seats{SKU: sku}
	pool, err := directory.Load[Pool](ctx, r, org, sku)
	switch {
	case errors.Is(err, directory.ErrNotFound):
	case err != nil:
		return s, err
	default:
		s.Limited, s.Purchased, s.Externals = true, pool.Purchased, pool.CountExternals
	}
	if s.Used, err = r.Tally(ctx, org, SeatTally(sku)); err != nil || !s.Limited {
		return s, err
	}
	for v, err := range directory.Each[Reservation](ctx, r, directory.DocumentQuery{Org: org, Key: "sku:" + sku}) {
		if err != nil {
			return s, err
		}
		left, err := v.Left(ctx, r, org, now)
		if err != nil {
			return s, err
		}
		s.Reserved += left
	}
	s.Free = max(0, s.Purchased-s.Used-s.Reserved)
	return s, nil
}

// Left is how many seats of the reservation are still kept.
func (v *Reservation) Left(ctx context.Context, r directory.Documents, org directory.OrgID, now time.Time) (int64, error) {
	if !now.Before(v.Expires) {
		return 0, nil
	}
	taken, err := r.Tally(ctx, org, reservationTally(v.ID))
	return max(0, v.Seats-taken), err
}

// NoSeat is the refusal for want of a seat.
func NoSeat(s directory.Seats) directory.Finding {
	f := directory.Refused(RuleSeatLimit, directory.Quota, directory.SeatText, s.Purchased)
	f.Firm, f.Seats = true, &s
	return f
}

// RoomFor refuses what many people at once come to when there are fewer free seats
// than they need (S3-27). Each of them takes a seat later, by TakeSeat.
func RoomFor(ctx context.Context, r directory.Documents, org directory.OrgID, n int64, now time.Time) error {
	seats, err := SeatsOf(ctx, r, org, CoreSKU, now)
	if err != nil || !seats.Limited || n <= seats.Free {
		return err
	}
	return &directory.Refusal{Findings: []directory.Finding{NoSeat(seats)}}
}

// TakeSeat is the only way to a seat: it adds the taking to the draft, and
// reports false when there is none free. The limit is checked again when the
// draft is carried out.
func TakeSeat(ctx context.Context, r directory.Documents, d *directory.Draft, sku string) (ok bool, s directory.Seats, err error) {
	keeps, err := reserved(ctx, r, d, sku)
	if err == nil {
		s, err = SeatsOf(ctx, r, d.Org, sku, d.Now)
	}
	if err != nil {
		return false, s, err
	}
	switch {
	case !s.Limited:
		d.Count(SeatTally(sku), 1, -1)
		return true, s, nil
	case keeps.Left > 0 && s.Used < s.Purchased:
		d.Count(reservationTally(d.Reservation), 1, keeps.Of)
		d.Count(SeatTally(sku), 1, s.Purchased)
		return true, s, nil
	case s.Free <= 0:
		return false, s, nil
	}
	d.Count(SeatTally(sku), 1, s.Purchased-s.Reserved)
	return true, s, nil
}

// kept is what the reservation that a draft names keeps: how many seats still, of how
// many.
type kept struct{ Left, Of int64 }

// reserved reads it. Where the draft names one that does not exist no seat is taken:
// it would be nobody's.
func reserved(ctx context.Context, r directory.Documents, d *directory.Draft, sku string) (k kept, err error) {
	if d.Reservation == "" {
		return k, nil
	}
	v, err := directory.Load[Reservation](ctx, r, d.Org, d.Reservation)
	if errors.Is(err, directory.ErrNotFound) {
		return k, scim.Errorf(scim.InvalidValue, "The header Usher-Reservation names a reservation that does not exist; leave it out, or reserve seats first.")
	}
	if err == nil && v.SKU == sku {
		k.Of = v.Seats
		k.Left, err = v.Left(ctx, r, d.Org, d.Now)
	}
	return k, err
}

// FreeSeat gives a seat back.
func FreeSeat(d *directory.Draft, sku string) { d.Count(SeatTally(sku), -1, -1) }

// Grant is an extension that a person may use; it takes a seat of the
// extension's own pool (S3-28). Its id is the user's and the extension's.
type Grant struct {
	directory.Head
	User      string `json:"user"`
	Extension string `json:"extension"`
}

// Kind is "grant".
func (*Grant) Kind() directory.Kind { return "grant" }

// Keys is whose it is.
func (g *Grant) Keys() []string { return []string{"user:" + g.User} }

// Waiting is somebody on the waitlist for a seat; its id is the user's.
type Waiting struct {
	directory.Head
	SKU    string `json:"sku"`
	Invite *bool  `json:"invite,omitempty"` // Draft.Invite of who let them wait
}

// Kind is "waiting".
func (*Waiting) Kind() directory.Kind { return "waiting" }

// Keys put the waitlist in order, no two in the same place.
func (w *Waiting) Keys() []string {
	return []string{"since:" + w.Created.UTC().Format("20060102150405.000") + " " + w.ID}
}

// QueueAhead reports whether those who wait for a seat before a person take all that are
// free: who is content to wait comes in after them (domain 4.4).
func QueueAhead(ctx context.Context, r directory.Documents, d *directory.Draft, id string) (bool, error) {
	seats, err := SeatsOf(ctx, r, d.Org, CoreSKU, d.Now)
	if err != nil || !seats.Limited || seats.Free <= 0 {
		return false, err // where nothing is free nobody need look who is first
	}
	ahead := int64(0)
	for w, err := range directory.Each[Waiting](ctx, r, directory.DocumentQuery{Org: d.Org, From: "since:", Below: "since;"}) {
		if err != nil || w.ID == id {
			return false, err
		}
		if ahead++; ahead >= seats.Free {
			return true, nil
		}
	}
	return false, nil
}

// RuleSeatLimit is the code of every refusal for want of a seat.
const RuleSeatLimit directory.RuleID = "seat.limit_exceeded"

// Reserve adds a reservation to the draft, if there are as many free seats.
func Reserve(ctx context.Context, r directory.Documents, d *directory.Draft, sku string, n int64, minutes int, purpose string) (v Reservation, found []directory.Finding, err error) {
	if sku == "" {
		sku = CoreSKU
	}
	if minutes <= 0 {
		minutes = 60
	}
	seats, err := SeatsOf(ctx, r, d.Org, sku, d.Now)
	if err != nil {
		return v, nil, err
	}
	if seats.Limited && seats.Free < n {
		return v, []directory.Finding{NoSeat(seats)}, nil
	}
	v = Reservation{Head: directory.Head{ID: d.NewID("reservation")}, SKU: sku, Seats: n, Purpose: purpose, Expires: d.Now.Add(time.Duration(minutes) * time.Minute)}
	d.Subject = v.ID
	return v, nil, directory.Save(d, d.Org, &v)
}
