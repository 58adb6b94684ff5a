package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// What is looked up follows from the configuration, which may differ between the
// processes that work on a database while servers are replaced, and may mark other
// attributes than when resources were written. So the database says what is kept: its
// listings stand in the guard of the server, which every change reads, and every
// process keeps exactly those, whatever its own configuration. A process begins only
// when all that it looks up is there of all resources. Once there, a listing stays:
// whoever rests on it may still run. Unique values alone are given up when they are
// to be unique no longer.

// Forms in which values of an attribute are kept.
const (
	formKeys   = "keys"   // in u, and as claims
	formExact  = "exact"  // in t
	formFolded = "folded" // in t
)

// States of a listing; "" is that it is there of all resources, and claimed if it is
// one of keys.
const (
	building = "building" // resources from before lack it
	giving   = "giving"   // the keys are not unique any more, and there still are claims
	free     = "free"     // the keys are not unique
)

// listing is an attribute of a type in one form.
type listing struct {
	Kind  string `json:"k"`
	Path  string `json:"p"`
	Form  string `json:"f"`
	Mark  string `json:"m,omitempty"` // stands before its values in place of the path
	State string `json:"s,omitempty"`
	Turn  int    `json:"n,omitempty"` // how often the state was changed by who wanted to
}

// prefix is what its values begin with.
func (l listing) prefix() string {
	if l.Mark != "" {
		return l.Mark + separator
	}
	return l.Path + separator
}

// claimed reports whether each of its values is of one resource.
func (l listing) claimed() bool {
	return l.Form == formKeys && (l.State == "" || l.State == building)
}

// turn begins with another state. Whoever worked toward the one before sees it by the
// number, also when the same state is wanted again.
func (l *listing) turn(state string) {
	l.State = state
	l.Turn++
}

func (l listing) is(other listing) bool {
	return l.Kind == other.Kind && l.Path == other.Path && l.Form == other.Form
}

// newborn reports whether no program that does not keep the listing could have kept
// its values: then it is there of all resources as soon as it is kept.
func (l listing) newborn() bool {
	return strings.HasPrefix(l.Path, scim.ExternalIDs.Path()+".")
}

// wanted are the listings that a configuration looks things up in.
func wanted(reg *schemas.Registry) (all []listing) {
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		for _, a := range rt.UniqueAttributes() {
			all = append(all, listing{Kind: rt.Name, Path: a.Path(), Form: formKeys})
		}
		for _, a := range rt.IndexedAttributes() {
			if !a.Type.Textual() {
				continue
			}
			form := formFolded
			if a.CaseExact {
				form = formExact
			}
			all = append(all, listing{Kind: rt.Name, Path: a.Path(), Form: form})
		}
	}
	return all
}

// lists are the listings of a database as the types of this program read them.
type lists struct {
	text string
	all  []listing
	of   map[*scim.ResourceType]*kept
}

// kept is what is kept of the resources of a type.
type kept struct {
	keys, terms []listed
	unknown     []string // prefixes of unique values that this program knows nothing of
	form        *form
}

// listed is a listing with its attribute.
type listed struct {
	listing
	attr *scim.Attribute
}

func newLists(text string, all []listing, reg *schemas.Registry, f *form) *lists {
	l := &lists{text, all, map[*scim.ResourceType]*kept{}}
	for _, rt := range reg.Types {
		k := &kept{form: f}
		for _, one := range all {
			if one.Kind != rt.Name {
				continue
			}
			a, ok := rt.Resolve(one.Path)
			switch known := ok && a.Type.Textual(); {
			case known && one.Form == formKeys:
				k.keys = append(k.keys, listed{one, a})
			case known:
				k.terms = append(k.terms, listed{one, a})
			case one.claimed():
				k.unknown = append(k.unknown, one.prefix())
			}
		}
		l.of[rt] = k
	}
	return l
}

// find is a listing of the database; false when it has none.
func (l *lists) find(want listing) (listing, bool) {
	i := slices.IndexFunc(l.all, want.is)
	if i < 0 {
		return listing{}, false
	}
	return l.all[i], true
}

// toward is what the listings of a database become when a configuration is to work on
// it: what it looks up is added, and what it says is not unique is given up. What it
// does not know stays.
func (l *lists) toward(reg *schemas.Registry) []listing {
	next, want := slices.Clone(l.all), wanted(reg)
	for _, w := range want {
		i := slices.IndexFunc(next, w.is)
		switch {
		case i < 0 && w.newborn():
			next = append(next, w)
		case i < 0:
			w.State = building
			if slices.ContainsFunc(next, func(have listing) bool {
				return have.Kind == w.Kind && have.Path == w.Path && have.Form != w.Form && w.Form != formKeys && have.Form != formKeys
			}) {
				w.Mark = w.Path + "#" + w.Form
			}
			next = append(next, w)
		case next[i].State == giving || next[i].State == free:
			next[i].turn(building)
		}
	}
	for i, have := range next {
		rt, known := reg.Type(have.Kind)
		if known {
			_, known = rt.Resolve(have.Path)
		}
		if known && have.claimed() && !slices.ContainsFunc(want, have.is) {
			next[i].turn(giving)
		}
	}
	return next
}

// claims of a resource are its keys that no other may have.
func (k *kept) claims(r *scim.Resource) []string {
	return k.values(r, func(l listed) bool { return l.claimed() })
}

// unique lists the keys of a resource, claimed or not.
func (k *kept) unique(r *scim.Resource) []string {
	return k.values(r, func(listed) bool { return true })
}

func (k *kept) values(r *scim.Resource, which func(listed) bool) (all []string) {
	for _, l := range k.keys {
		if text := scim.Key(r.Text(l.attr)); text != "" && which(l) {
			all = append(all, l.prefix()+text)
		}
	}
	return all
}

// searched lists the values that are searched for, folded as filters fold theirs.
func (k *kept) searched(r *scim.Resource) (all []string) {
	for _, l := range k.terms {
		r.Each(l.attr, func(_ int, v scim.Value) {
			text := v.Text()
			if l.Form == formFolded {
				text = scim.Fold(text)
			}
			if term := l.prefix() + text; !slices.Contains(all, term) {
				all = append(all, term)
			}
		})
	}
	return all
}

// document makes what is kept of a resource.
func (k *kept) document(org directory.OrgID, r *scim.Resource) resourceDoc {
	return resourceDoc{Key: key(org, r.ID), Org: string(org), Kind: r.Type.Name, ID: r.ID, Version: int64(r.Version),
		Created: r.Created.UnixMilli(), Modified: r.Modified.UnixMilli(), Body: r.Seal(), Unique: k.unique(r), Terms: k.searched(r), Values: k.form.values(r)}
}

// serverSlot is where the listings are.
func serverSlot() bson.D { return bson.D{{Key: "_id", Value: slotKey("", 0)}, {Key: "o", Value: ""}} }

// listsOf reads the listings out of the guard of the server.
func (s *Store) listsOf(text string) (*lists, error) {
	if l := s.lists.Load(); l != nil && l.text == text {
		return l, nil
	}
	var all []listing
	if text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return nil, fmt.Errorf("the listings of the database %s are damaged; restore a backup: %w", s.db().Name(), err)
		}
	}
	l := newLists(text, all, s.opts.Registry, s.form)
	s.lists.Store(l)
	return l, nil
}

// readLists reads the listings as they are now.
func (s *Store) readLists(ctx context.Context) (*lists, error) {
	var d guardDoc
	err := s.has.guard.FindOne(ctx, serverSlot()).Decode(&d)
	if err != nil && !errors.Is(err, driver.ErrNoDocuments) {
		return nil, busy(err)
	}
	return s.listsOf(d.Lists)
}

// swap replaces the listings, unless another process has meanwhile.
func (s *Store) swap(ctx context.Context, have *lists, next []listing) (bool, error) {
	text, err := json.Marshal(next)
	if err != nil {
		return false, err
	}
	at := append(serverSlot(), bson.E{Key: "x", Value: have.text})
	if have.text == "" {
		at[2].Value = nil // is not there
	}
	result, err := s.has.guard.UpdateOne(ctx, at, bson.D{{Key: "$set", Value: bson.D{{Key: "x", Value: string(text)}}}})
	return err == nil && result.MatchedCount == 1, busy(err)
}

// adopt fails when something that this program looks up is not there of all resources,
// or when keys are unique that it says are not. Then it takes over how it is kept.
func (s *Store) adopt(ctx context.Context) error {
	l, err := s.readLists(ctx)
	if err != nil {
		return err
	}
	var lacks []string
	for _, next := range l.toward(s.opts.Registry) {
		mine := slices.ContainsFunc(wanted(s.opts.Registry), next.is)
		if have, ok := l.find(next); mine && next.State != "" || ok && have.claimed() && next.State == giving {
			lacks = append(lacks, next.Path+" of "+next.Kind)
		}
	}
	if len(lacks) > 0 {
		slices.Sort(lacks)
		return incompleteError{fmt.Sprintf("the records in the database %s are indexed for another configuration, which differs in %s; run usher migrate with this configuration, also while servers with the other run",
			s.db().Name(), strings.Join(slices.Compact(lacks), ", "))}
	}
	if next := l.toward(s.opts.Registry); !slices.Equal(next, l.all) { // with what is newborn
		if l, err = s.propose(ctx, false); err != nil {
			return err
		}
	}
	s.kinds = kindsOf(s.opts.Registry, l)
	return nil
}
