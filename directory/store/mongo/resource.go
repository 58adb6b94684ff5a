package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// resourceDoc is a resource as it is kept.
type resourceDoc struct {
	Key      string   `bson:"_id"`
	Org      string   `bson:"o"`
	Kind     string   `bson:"k"`
	ID       string   `bson:"i"`
	Version  int64    `bson:"v"`
	Created  int64    `bson:"c"` // milliseconds since 1970
	Modified int64    `bson:"m"`
	Body     []byte   `bson:"b"`           // JSON
	Unique   []string `bson:"u,omitempty"` // path, separator, key
	Terms    []string `bson:"t,omitempty"` // path, separator, folded value
	Free     bool     `bson:"f,omitempty"` // was never a member of a group

	Values values `bson:",inline"` // all others
}

// kind is what the store looks up of a resource type: where values begin, by attribute.
type kind struct {
	rt      *scim.ResourceType
	unique  map[*scim.Attribute]string
	indexed map[*scim.Attribute]string
}

type kinds map[*scim.ResourceType]*kind

// kindsOf finds what a configuration looks up among what a database keeps.
func kindsOf(reg *schemas.Registry, l *lists) kinds {
	all := kinds{}
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		all[rt] = &kind{rt, map[*scim.Attribute]string{}, map[*scim.Attribute]string{}}
	}
	for _, w := range wanted(reg) {
		have, ok := l.find(w)
		if !ok {
			continue // a migration will add it
		}
		rt, _ := reg.Type(w.Kind)
		a, _ := rt.Resolve(w.Path)
		if w.Form == formKeys {
			all[rt].unique[a] = have.prefix()
		} else {
			all[rt].indexed[a] = have.prefix()
		}
	}
	return all
}

// kind is what the store knows of the type; types that are not in the registry are
// a programmer's error.
func (s *Store) kind(rt *scim.ResourceType) (*kind, error) {
	if k, ok := s.kinds[rt]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("resource type %s is not one the store was opened with", rt.Name)
}

// resource is the record of what is kept.
func (k *kind) resource(d resourceDoc) *scim.Resource {
	return scim.Stored(k.rt, d.ID, scim.Version(d.Version), time.UnixMilli(d.Created).UTC(), time.UnixMilli(d.Modified).UTC(), d.Body)
}

// isID reports whether a text is the canonical form of an id, and no other.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// bare leaves out what only searches need.
var bare = bson.D{{Key: "u", Value: 0}, {Key: "t", Value: 0}, {Key: "a", Value: 0}, {Key: "e", Value: 0}, {Key: "q", Value: 0}}

// Get reads one resource.
func (r *reader) Get(ctx context.Context, ref directory.Ref) (*scim.Resource, error) {
	k, err := r.store.kind(ref.Type)
	if err != nil {
		return nil, err
	}
	if !isID(ref.ID) {
		return nil, directory.ErrNotFound
	}
	if err := r.begin(ctx, ref.Org); err != nil {
		return nil, err
	}
	if r.tx != nil {
		if res := r.tx.queue.resource(key(ref.Org, ref.ID)); res != nil && res.Type == ref.Type {
			return res, nil
		}
	}
	var d resourceDoc
	err = r.store.has.resource.FindOne(r.in(ctx), bson.D{{Key: "_id", Value: key(ref.Org, ref.ID)}, {Key: "o", Value: string(ref.Org)}, {Key: "k", Value: k.rt.Name}},
		options.FindOne().SetProjection(bare)).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return nil, directory.ErrNotFound
	}
	if err != nil {
		return nil, r.fault(err)
	}
	r.saw(ref.Org, d)
	return k.resource(d), nil
}

// Owner finds who holds a unique value. A change takes a value for free at first:
// its claim is made when the resource is written, and if that is refused, or the
// value is not written after all, the change is made again and looks.
func (r *reader) Owner(ctx context.Context, u directory.UniqueKey) (string, error) {
	k, err := r.store.kind(u.Type)
	if err != nil {
		return "", err
	}
	if err := r.begin(ctx, u.Org); err != nil {
		return "", err
	}
	value := u.Attr.Path() + separator + u.Key
	if r.tx != nil {
		for _, w := range r.tx.queue.resources {
			if w.res.Type == u.Type && w.doc.Org == string(u.Org) && slices.Contains(w.takes, value) {
				return w.res.ID, nil
			}
		}
		if !r.tx.attempt.sure {
			r.tx.assumed[string(u.Org)+separator+k.rt.Name+separator+value] = true
			return "", directory.ErrNotFound
		}
		if err := r.tx.flush(ctx); err != nil {
			return "", err
		}
	}
	var d claimDoc
	err = r.store.has.claim.FindOne(r.in(ctx), bson.D{{Key: "_id", Value: key(u.Org, k.rt.Name, value)}, {Key: "o", Value: string(u.Org)}}).Decode(&d)
	if errors.Is(err, driver.ErrNoDocuments) {
		return "", directory.ErrNotFound
	}
	return d.ID, r.fault(err)
}

// Kinds tells the types of those ids that exist.
func (r *reader) Kinds(ctx context.Context, org directory.OrgID, ids []string) (map[string]string, error) {
	if err := r.begin(ctx, org); err != nil {
		return nil, err
	}
	found := make(map[string]string, len(ids))
	var ask bson.A
	for _, id := range ids {
		if !isID(id) {
			continue
		}
		if r.tx != nil {
			if res := r.tx.queue.resource(key(org, id)); res != nil {
				found[id] = res.Type.Name
				continue
			}
		}
		ask = append(ask, key(org, id))
	}
	if len(ask) == 0 {
		return found, nil
	}
	cursor, err := r.store.has.resource.Find(r.in(ctx), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ask}}}, {Key: "o", Value: string(org)}},
		options.Find().SetProjection(only("i", "k", "f")).SetBatchSize(10_000))
	var all []resourceDoc
	if err == nil {
		err = cursor.All(r.in(ctx), &all)
	}
	for _, d := range all {
		r.saw(org, d)
		if _, known := r.store.opts.Registry.Type(d.Kind); known {
			found[d.ID] = d.Kind
		}
	}
	return found, r.fault(err)
}
