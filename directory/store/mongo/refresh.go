package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
)

// Programs of a version before keep no values of records for the server to compare, and
// those of another configuration may keep others. Each change says in its slot of the
// guard which form its program writes. While a slot knows of a change in another form,
// searches do not ask about values: the candidates are read and judged, as exact, and
// slower. Refreshing writes the values anew and then says that all changes so far are
// known. It holds up few other changes and may be repeated.

// refreshed is how many records one step refreshes.
const refreshed = 500

// refreshing is where a refresh of an organization is.
type refreshing struct {
	foreign int64  // changes in other forms when it began
	after   string // the key of the last record that was looked at
}

// Refresh writes the values of records that programs of another version or
// configuration wrote, 500 of an organization a call. It reports whether there are more.
// While such programs write, what was gone through is not known to be all; then the next
// call begins anew.
func (s *Store) Refresh(ctx context.Context, org directory.OrgID) (bool, error) {
	s.refresh.Lock()
	defer s.refresh.Unlock()
	at := s.refreshing[org]
	if at == nil {
		foreign, err := s.foreign(ctx, org)
		if err != nil || foreign == 0 {
			return false, err
		}
		at = &refreshing{foreign: foreign}
		s.refreshing[org] = at
	}
	n, err := s.rewrite(ctx, org, at)
	if err != nil || n == refreshed {
		return err == nil, err
	}
	delete(s.refreshing, org)
	return false, s.acknowledge(ctx, org, at.foreign)
}

// foreign is how many changes of an organization were in other forms.
func (s *Store) foreign(ctx context.Context, org directory.OrgID) (n int64, err error) {
	err = s.View(ctx, func(r directory.Reader) error {
		g, err := r.(*reader).guards(ctx, org)
		if err == nil {
			n = g.Foreign()
		}
		return err
	})
	return n, err
}

// rewrite goes through the next records and returns how many there were. It is a change
// in this program's form as any other, so who refreshes in another form sees it.
func (s *Store) rewrite(ctx context.Context, org directory.OrgID, to *refreshing) (n int, err error) {
	within, kinds, last := record.Within(org), bson.A{}, to.after
	if to.after != "" {
		within[0].Value = to.after
	}
	for rt := range s.kinds {
		kinds = append(kinds, rt.Name)
	}
	which := bson.D{{Key: "_id", Value: within}, {Key: "o", Value: string(org)}, {Key: "k", Value: bson.D{{Key: "$in", Value: kinds}}}, {Key: "q", Value: bson.D{{Key: "$ne", Value: s.form.Name}}}}
	err = s.Update(ctx, func(dir directory.Tx) error {
		t := dir.(*tx)
		if err := t.begin(ctx, org); err != nil {
			return err
		}
		cursor, err := s.has.resource.Find(t.In(ctx), which, options.Find().SetProjection(record.Bare).SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(refreshed).SetHint("_id_"))
		var docs []record.Resource
		if err == nil {
			err = cursor.All(t.In(ctx), &docs)
		}
		if n = len(docs); err != nil || n == 0 {
			return t.Fault(err)
		}
		last, t.wrote = docs[n-1].Key, true
		return t.revalue(ctx, docs)
	})
	if err == nil {
		to.after = last
	}
	return n, err
}

// revalue writes the values of records anew.
func (t *tx) revalue(ctx context.Context, docs []record.Resource) error {
	var writes []driver.WriteModel
	for _, d := range docs {
		v, err := t.store.form.ValuesOf(d)
		if err != nil {
			return err
		}
		writes = append(writes, driver.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: d.Key}, {Key: "o", Value: d.Org}}).
			SetUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: v.Plain}, {Key: "e", Value: v.Elements}, {Key: "q", Value: v.Form}}}}))
	}
	_, err := t.store.has.resource.BulkWrite(t.In(ctx), writes)
	return t.Fault(err)
}

// acknowledge says that all changes are known, unless there were more in other forms.
func (s *Store) acknowledge(ctx context.Context, org directory.OrgID, foreign int64) error {
	return s.alone(ctx, org, func(t *tx, _ *record.Lists) error {
		g, err := t.guards(ctx, org)
		if err != nil || g.Foreign() != foreign {
			return err
		}
		ids := bson.A{}
		for i := range g.slots {
			ids = append(ids, slotKey(org, i))
		}
		_, err = s.has.guard.UpdateMany(t.In(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, {Key: "o", Value: string(org)}},
			driver.Pipeline{bson.D{{Key: "$unset", Value: "y"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "y", Value: bson.D{{Key: s.form.Name, Value: "$n"}}}}}}})
		return t.Fault(err)
	})
}

// mostPasses bounds how often a migration goes through an organization that others write
// to meanwhile; a server with the clock does the rest.
const mostPasses = 3

// refreshAll brings the values of all organizations up to date, as far as others let it.
func (s *Store) refreshAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.BuildTimeout)
	defer cancel()
	orgs, err := s.Organizations(ctx)
	if err != nil {
		return err
	}
	for _, o := range orgs {
		for pass := range mostPasses {
			foreign, err := s.foreign(ctx, o.ID)
			if err != nil {
				return err
			}
			if foreign == 0 {
				break
			}
			if pass == 0 {
				s.opts.OnBuild(fmt.Sprintf("writing down what the records of the organization %s can be searched by", o.ID))
			}
			for more := true; more; {
				if more, err = s.Refresh(ctx, o.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
