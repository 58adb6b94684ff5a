package record

import (
	"slices"
	"strings"

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
	FormKeys   = "keys"   // in u, and as claims
	formExact  = "exact"  // in t
	formFolded = "folded" // in t
)

// States of a listing; "" is that it is there of all resources, and claimed if it is
// one of keys.
const (
	Building = "building" // resources from before lack it
	Giving   = "giving"   // the keys are not unique any more, and there still are claims
	Free     = "free"     // the keys are not unique
)

// Listing is an attribute of a type in one form.
type Listing struct {
	Kind  string `json:"k"`
	Path  string `json:"p"`
	Form  string `json:"f"`
	Mark  string `json:"m,omitempty"` // stands before its values in place of the path
	State string `json:"s,omitempty"`
	Turn  int    `json:"n,omitempty"` // how often the state was changed by who wanted to
}

// Prefix is what its values begin with.
func (l Listing) Prefix() string {
	if l.Mark != "" {
		return l.Mark + Separator
	}
	return l.Path + Separator
}

// Claimed reports whether each of its values is of one resource.
func (l Listing) Claimed() bool {
	return l.Form == FormKeys && (l.State == "" || l.State == Building)
}

// TurnTo begins with another state. Whoever worked toward the one before sees it by the
// number, also when the same state is wanted again.
func (l *Listing) TurnTo(state string) {
	l.State = state
	l.Turn++
}

// Is reports whether two are of the same values, whatever their state.
func (l Listing) Is(other Listing) bool {
	return l.Kind == other.Kind && l.Path == other.Path && l.Form == other.Form
}

// newborn reports whether no program that does not keep the listing could have kept
// its values: then it is there of all resources as soon as it is kept.
func (l Listing) newborn() bool {
	return strings.HasPrefix(l.Path, scim.ExternalIDs.Path()+".")
}

// Wanted are the listings that a configuration looks things up in.
func Wanted(reg *schemas.Registry) (all []Listing) {
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		for _, a := range rt.UniqueAttributes() {
			all = append(all, Listing{Kind: rt.Name, Path: a.Path(), Form: FormKeys})
		}
		for _, a := range rt.IndexedAttributes() {
			if !a.Type.Textual() {
				continue
			}
			form := formFolded
			if a.CaseExact {
				form = formExact
			}
			all = append(all, Listing{Kind: rt.Name, Path: a.Path(), Form: form})
		}
	}
	return all
}

// Lists are the listings of a database as the types of this program read them.
type Lists struct {
	Text string
	All  []Listing
	Of   map[*scim.ResourceType]*Kept
}

// Kept is what is kept of the resources of a type.
type Kept struct {
	Keys, terms []Listed
	Unknown     []string // prefixes of unique values that this program knows nothing of
	form        *Form
}

// Listed is a listing with its attribute.
type Listed struct {
	Listing
	Attr *scim.Attribute
}

// NewLists reads listings, which are written down as text.
func NewLists(text string, all []Listing, reg *schemas.Registry, f *Form) *Lists {
	l := &Lists{text, all, map[*scim.ResourceType]*Kept{}}
	for _, rt := range reg.Types {
		k := &Kept{form: f}
		for _, one := range all {
			if one.Kind != rt.Name {
				continue
			}
			a, ok := rt.Resolve(one.Path)
			switch known := ok && a.Type.Textual(); {
			case known && one.Form == FormKeys:
				k.Keys = append(k.Keys, Listed{one, a})
			case known:
				k.terms = append(k.terms, Listed{one, a})
			case one.Claimed():
				k.Unknown = append(k.Unknown, one.Prefix())
			}
		}
		l.Of[rt] = k
	}
	return l
}

// Find is a listing of the database; false when it has none.
func (l *Lists) Find(want Listing) (Listing, bool) {
	i := slices.IndexFunc(l.All, want.Is)
	if i < 0 {
		return Listing{}, false
	}
	return l.All[i], true
}

// Toward is what the listings of a database become when a configuration is to work on
// it: what it looks up is added, and what it says is not unique is given up. What it
// does not know stays.
func (l *Lists) Toward(reg *schemas.Registry) []Listing {
	next, want := slices.Clone(l.All), Wanted(reg)
	for _, w := range want {
		i := slices.IndexFunc(next, w.Is)
		switch {
		case i < 0 && w.newborn():
			next = append(next, w)
		case i < 0:
			w.State = Building
			if slices.ContainsFunc(next, func(have Listing) bool {
				return have.Kind == w.Kind && have.Path == w.Path && have.Form != w.Form && w.Form != FormKeys && have.Form != FormKeys
			}) {
				w.Mark = w.Path + "#" + w.Form
			}
			next = append(next, w)
		case next[i].State == Giving || next[i].State == Free:
			next[i].TurnTo(Building)
		}
	}
	for i, have := range next {
		rt, known := reg.Type(have.Kind)
		if known {
			_, known = rt.Resolve(have.Path)
		}
		if known && have.Claimed() && !slices.ContainsFunc(want, have.Is) {
			next[i].TurnTo(Giving)
		}
	}
	return next
}

// Claims of a resource are its keys that no other may have.
func (k *Kept) Claims(r *scim.Resource) []string {
	return k.values(r, func(l Listed) bool { return l.Claimed() })
}

// Unique lists the keys of a resource, claimed or not.
func (k *Kept) Unique(r *scim.Resource) []string {
	return k.values(r, func(Listed) bool { return true })
}

func (k *Kept) values(r *scim.Resource, which func(Listed) bool) (all []string) {
	for _, l := range k.Keys {
		if text := scim.Key(r.Text(l.Attr)); text != "" && which(l) {
			all = append(all, l.Prefix()+text)
		}
	}
	return all
}

// Searched lists the values that are searched for, folded as filters fold theirs.
func (k *Kept) Searched(r *scim.Resource) (all []string) {
	for _, l := range k.terms {
		r.Each(l.Attr, func(_ int, v scim.Value) {
			text := v.Text()
			if l.Form == formFolded {
				text = scim.Fold(text)
			}
			if term := l.Prefix() + text; !slices.Contains(all, term) {
				all = append(all, term)
			}
		})
	}
	return all
}

// Document makes what is kept of a resource.
func (k *Kept) Document(org directory.OrgID, r *scim.Resource) Resource {
	return Resource{Key: Key(org, r.ID), Org: string(org), Kind: r.Type.Name, ID: r.ID, Version: int64(r.Version),
		Created: r.Created.UnixMilli(), Modified: r.Modified.UnixMilli(), Body: r.Seal(), Unique: k.Unique(r), Terms: k.Searched(r), Values: k.form.Values(r)}
}

// Kind is what the store looks up of a resource type: where values begin, by attribute.
type Kind struct {
	Type    *scim.ResourceType
	Unique  map[*scim.Attribute]string
	Indexed map[*scim.Attribute]string
}

// Kinds are all of them, but of types that are not kept as resources.
type Kinds map[*scim.ResourceType]*Kind

// KindsOf finds what a configuration looks up among what a database keeps.
func KindsOf(reg *schemas.Registry, l *Lists) Kinds {
	all := Kinds{}
	for _, rt := range reg.Types {
		if rt.ReadOnly {
			continue // not kept as resources
		}
		all[rt] = &Kind{rt, map[*scim.Attribute]string{}, map[*scim.Attribute]string{}}
	}
	for _, w := range Wanted(reg) {
		have, ok := l.Find(w)
		if !ok {
			continue // a migration will add it
		}
		rt, _ := reg.Type(w.Kind)
		a, _ := rt.Resolve(w.Path)
		if w.Form == FormKeys {
			all[rt].Unique[a] = have.Prefix()
		} else {
			all[rt].Indexed[a] = have.Prefix()
		}
	}
	return all
}
