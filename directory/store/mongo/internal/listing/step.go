package listing

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// step is one transaction of a job, alone in its organization.
type step struct {
	*job
	tx     Transaction
	org    directory.OrgID
	lists  *record.Lists
	n      int               // resources or claims that were gone through
	last   string            // the key of the last
	owners map[string]string // of claims
	pairs  []pair
}

// pair is two resources that have the same value, which is to be unique.
type pair struct {
	org           directory.OrgID
	kept          record.Listed
	first, second string
}

// need is a claim that a resource should have.
type need struct {
	claim string
	id    string
	kept  record.Listed
}

// records brings up to date what is kept of the next resources.
func (s *step) records(ctx context.Context, after string) error {
	within := record.Within(s.org)
	if after != "" {
		within[0].Value = after
	}
	docs, err := s.read(ctx, bson.D{{Key: "_id", Value: within}, {Key: "o", Value: string(s.org)}, {Key: "k", Value: bson.D{{Key: "$in", Value: kindsIn(s.build)}}}})
	if s.n = len(docs); err != nil || s.n == 0 {
		return err
	}
	s.last = docs[s.n-1].Key
	var writes []driver.WriteModel
	var needs []need
	for _, d := range docs {
		r, is, err := s.load(d)
		if err != nil {
			return err
		}
		unique, terms := is.Unique(r), is.Searched(r)
		if !slices.Equal(unique, d.Unique) || !slices.Equal(terms, d.Terms) {
			writes = append(writes, driver.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: d.Key}, {Key: "o", Value: d.Org}}).SetUpdate(keep(unique, terms)))
		}
		for _, l := range is.Keys {
			if text := scim.Key(r.Text(l.Attr)); text != "" && l.Claimed() && slices.Contains(s.build, l.Listing) {
				needs = append(needs, need{record.Key(s.org, d.Kind, l.Prefix()+text), d.ID, l})
			}
		}
	}
	if len(writes) > 0 {
		if _, err := s.DB.Collection("resource").BulkWrite(s.tx.In(ctx), writes); err != nil {
			return s.tx.Fault(err)
		}
	}
	return s.claim(ctx, needs)
}

// read reads resources as they are kept.
func (s *step) read(ctx context.Context, which bson.D) (all []record.Resource, err error) {
	cursor, err := s.DB.Collection("resource").Find(s.tx.In(ctx), which, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(atStep))
	if err == nil {
		err = cursor.All(s.tx.In(ctx), &all)
	}
	return all, s.tx.Fault(err)
}

// load is the record of what is kept, and what is to be kept of it.
func (s *step) load(d record.Resource) (*scim.Resource, *record.Kept, error) {
	rt, err := s.tx.Type(d.Kind)
	if err != nil {
		return nil, nil, err
	}
	r := d.Of(rt)
	return r, s.lists.Of[rt], r.Load()
}

// keep is the update that keeps values; what is empty is not there.
func keep(unique, terms []string) bson.D {
	set, unset := bson.D{}, bson.D{}
	for _, f := range []struct {
		name   string
		values []string
	}{{"u", unique}, {"t", terms}} {
		if len(f.values) > 0 {
			set = append(set, bson.E{Key: f.name, Value: f.values})
		} else {
			unset = append(unset, bson.E{Key: f.name, Value: ""})
		}
	}
	update := bson.D{}
	if len(set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return update
}

// claim makes the claims that resources lack. A claim of somebody who has no such
// value goes to who has it; what two have is noted.
func (s *step) claim(ctx context.Context, needs []need) error {
	if err := s.ask(ctx, needs); err != nil {
		return err
	}
	var writes []driver.WriteModel
	for _, n := range needs {
		owner := s.owners[n.claim]
		if owner == n.id {
			continue
		}
		if owner != "" {
			held, err := s.holds(ctx, owner, n)
			if err != nil {
				return err
			}
			if held {
				s.pairs = append(s.pairs, pair{s.org, n.kept, owner, n.id})
				continue
			}
		}
		writes = append(writes, driver.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: n.claim}, {Key: "o", Value: string(s.org)}}).SetUpsert(true).SetReplacement(record.Claim{Key: n.claim, Org: string(s.org), ID: n.id}))
		s.owners[n.claim] = n.id
	}
	if len(writes) == 0 {
		return nil
	}
	_, err := s.DB.Collection("claim").BulkWrite(s.tx.In(ctx), writes)
	return s.tx.Fault(err)
}

// ask finds out who has claims.
func (s *step) ask(ctx context.Context, needs []need) error {
	ids := bson.A{}
	for _, n := range needs {
		ids = append(ids, n.claim)
	}
	if len(ids) == 0 {
		return nil
	}
	cursor, err := s.DB.Collection("claim").Find(s.tx.In(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, {Key: "o", Value: string(s.org)}})
	var all []record.Claim
	if err == nil {
		err = cursor.All(s.tx.In(ctx), &all)
	}
	for _, c := range all {
		s.owners[c.Key] = c.ID
	}
	return s.tx.Fault(err)
}

// holds reports whether a resource has a value.
func (s *step) holds(ctx context.Context, id string, n need) (bool, error) {
	docs, err := s.read(ctx, bson.D{{Key: "_id", Value: record.Key(s.org, id)}, {Key: "o", Value: string(s.org)}})
	if err != nil || len(docs) == 0 {
		return false, err
	}
	r, is, err := s.load(docs[0])
	return err == nil && slices.Contains(record.Claims(s.org, docs[0].Kind, is.Unique(r)), n.claim), err
}

// claims removes those of the next claims whose resources have no such value.
func (s *step) claims(ctx context.Context, within bson.D) error {
	all, err := s.claimsIn(ctx, s.tx, s.org, within)
	if s.n = len(all); err != nil || s.n == 0 {
		return err
	}
	s.last = all[s.n-1].Key
	ids := bson.A{}
	for _, c := range all {
		ids = append(ids, record.Key(s.org, c.ID))
	}
	docs, err := s.read(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, {Key: "o", Value: string(s.org)}})
	if err != nil {
		return err
	}
	held := map[record.Claim]bool{}
	for _, d := range docs {
		r, is, err := s.load(d)
		if err != nil {
			return err
		}
		for _, c := range record.Claims(s.org, d.Kind, is.Unique(r)) {
			held[record.Claim{Key: c, Org: d.Org, ID: d.ID}] = true
		}
	}
	return s.unclaim(ctx, s.tx, s.org, slices.DeleteFunc(all, func(c record.Claim) bool { return held[c] }))
}

// note keeps what a step found of values that are not unique.
func (j *job) note(pairs []pair) {
	for _, p := range pairs {
		rt, _ := j.Registry.Type(p.kept.Kind)
		j.twice.Add(p.org, rt, p.kept.Attr, p.first, p.second)
		if !slices.Contains(j.shared, p.kept.Listing) {
			j.shared = append(j.shared, p.kept.Listing)
		}
	}
}
