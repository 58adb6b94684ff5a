package listing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// Listings are made beside running servers. First the database says that they are to
// be kept; then the resources of each organization are gone through in steps, each of
// which is alone in its organization. So a change that did not know of the listings yet
// was either there before the first step and is seen by one, or meets the first step
// and is made again, knowing of them. What is done already is not written again, so
// whoever begins anew after a crash is soon where it was.

// atStep is how many resources or claims one step goes through.
const atStep = 500

// Relist makes the listings what the configuration wants. Of an empty database they are
// there at once.
func (b *Book) Relist(ctx context.Context, in Store, empty bool) error {
	l, err := b.propose(ctx, empty)
	if err != nil {
		return err
	}
	j := b.job(in, l)
	if len(j.build)+len(j.give) == 0 {
		return nil
	}
	return j.run(ctx)
}

// propose writes down what the configuration wants. Of an empty database it is there of
// all resources at once.
func (b *Book) propose(ctx context.Context, empty bool) (*record.Lists, error) {
	for {
		have, err := b.Read(ctx)
		if err != nil {
			return nil, err
		}
		next := have.Toward(b.Registry)
		if empty && have.Text == "" {
			next = record.Wanted(b.Registry)
		}
		if have.Text != "" && slices.Equal(next, have.All) {
			return have, nil
		}
		if swapped, err := b.swap(ctx, have, next); swapped || err != nil {
			return record.NewLists("", next, b.Registry, b.Form), err
		}
	}
}

// job is what is to be done of the listings.
type job struct {
	*Book
	store       Store
	build, give []record.Listing
	twice       directory.Duplicates
	shared      []record.Listing // of build, whose values are not unique
}

// job is all that is to be given up, and what this program's configuration needs built.
func (b *Book) job(in Store, l *record.Lists) *job {
	j, want := &job{Book: b, store: in}, record.Wanted(b.Registry)
	for _, one := range l.All {
		switch {
		case one.State == record.Giving:
			j.give = append(j.give, one)
		case one.State == record.Building && slices.ContainsFunc(want, one.Is):
			j.build = append(j.build, one)
		}
	}
	return j
}

func (j *job) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, j.BuildTimeout)
	defer cancel()
	orgs, err := j.store.Organizations(ctx)
	if err != nil {
		return err
	}
	if err := j.tell(ctx, orgs); err != nil {
		return err
	}
	for _, o := range orgs {
		for _, l := range j.give {
			if err := j.forget(ctx, o.ID, l); err != nil {
				return err
			}
		}
		if len(j.build) == 0 {
			continue
		}
		if err := j.list(ctx, o.ID); err != nil {
			return err
		}
		for _, l := range j.build {
			if l.Form != record.FormKeys {
				continue
			}
			if err := j.sweep(ctx, o.ID, l); err != nil {
				return err
			}
		}
	}
	return j.end(ctx)
}

// tell says what will be done.
func (j *job) tell(ctx context.Context, orgs []directory.Organization) error {
	if len(j.give) > 0 {
		j.OnBuild("giving up that " + pathsOf(j.give) + " be unique")
	}
	if len(j.build) == 0 {
		return nil
	}
	records := int64(0)
	for _, o := range orgs {
		n, err := j.store.Count(ctx, o.ID, kindsIn(j.build))
		if err != nil {
			return err
		}
		records += n
	}
	if records > 0 {
		j.OnBuild(fmt.Sprintf("building the index of %s, for %d records", pathsOf(j.build), records))
	}
	return nil
}

func pathsOf(all []record.Listing) string {
	var names []string
	for _, l := range all {
		names = append(names, l.Path+" of "+l.Kind)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func kindsIn(all []record.Listing) (kinds []string) {
	for _, l := range all {
		kinds = append(kinds, l.Kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// end writes down what was done. Keys that are not unique after all are given up.
func (j *job) end(ctx context.Context) error {
	for {
		have, err := j.Read(ctx)
		if err != nil {
			return err
		}
		next := slices.Clone(have.All)
		for i, l := range next {
			switch {
			case slices.Contains(j.give, l):
				next[i].State = record.Free
			case slices.Contains(j.shared, l):
				next[i].TurnTo(record.Giving)
			case slices.Contains(j.build, l):
				next[i].State = ""
			}
		}
		swapped, err := j.swap(ctx, have, next)
		if err != nil {
			return err
		}
		if swapped {
			break
		}
	}
	if len(j.shared) == 0 {
		return nil
	}
	undo := &job{Book: j.Book, store: j.store}
	for _, l := range j.shared {
		l.TurnTo(record.Giving)
		undo.give = append(undo.give, l)
	}
	return errors.Join(j.twice.Err(), undo.run(ctx))
}

// forget removes the claims of keys that are not unique any more.
func (j *job) forget(ctx context.Context, org directory.OrgID, l record.Listing) error {
	for gone := atStep; gone == atStep; {
		err := j.store.Alone(ctx, org, func(t Transaction, lists *record.Lists) error {
			if gone = 0; !slices.Contains(lists.All, l) {
				return nil // somebody wants them unique again
			}
			all, err := j.claimsIn(ctx, t, org, record.ClaimRange(org, l.Kind, l.Prefix(), ""))
			if gone = len(all); err != nil || gone == 0 {
				return err
			}
			return j.unclaim(ctx, t, org, all)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// claimsIn reads the claims of one step.
func (b *Book) claimsIn(ctx context.Context, t Transaction, org directory.OrgID, within bson.D) (all []record.Claim, err error) {
	cursor, err := b.DB.Collection("claim").Find(t.In(ctx), bson.D{{Key: "_id", Value: within}, {Key: "o", Value: string(org)}},
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(atStep))
	if err == nil {
		err = cursor.All(t.In(ctx), &all)
	}
	return all, t.Fault(err)
}

// unclaim removes claims.
func (b *Book) unclaim(ctx context.Context, t Transaction, org directory.OrgID, all []record.Claim) error {
	ids := bson.A{}
	for _, c := range all {
		ids = append(ids, c.Key)
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := b.DB.Collection("claim").DeleteMany(t.In(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, {Key: "o", Value: string(org)}})
	return t.Fault(err)
}

// list makes the listings of the resources of an organization.
func (j *job) list(ctx context.Context, org directory.OrgID) error {
	for n, after := atStep, ""; n == atStep; {
		var s step
		err := j.store.Alone(ctx, org, func(t Transaction, l *record.Lists) error {
			s = step{job: j, tx: t, org: org, lists: l, owners: map[string]string{}}
			return s.records(ctx, after)
		})
		if err != nil {
			return err
		}
		j.note(s.pairs)
		n, after = s.n, s.last
	}
	return nil
}

// sweep removes the claims of keys that no resource of an organization has.
func (j *job) sweep(ctx context.Context, org directory.OrgID, l record.Listing) error {
	for n, after := atStep, ""; n == atStep; {
		var s step
		err := j.store.Alone(ctx, org, func(t Transaction, lists *record.Lists) error {
			s = step{job: j, tx: t, org: org, lists: lists}
			return s.claims(ctx, record.ClaimRange(org, l.Kind, l.Prefix(), after))
		})
		if err != nil {
			return err
		}
		n, after = s.n, s.last
	}
	return nil
}
