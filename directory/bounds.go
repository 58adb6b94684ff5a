package directory

import (
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// mostOfPerson bounds the values of a person that the rules look up one by one, while
// every other change waits: e-mail addresses, applications and extensions. A body has
// room for tens of thousands (K46, K47).
const mostOfPerson = 500

// bounded refuses a person with more of them. Who has more from before may keep those.
func bounded(before, after *scim.Resource) error {
	if !IsPerson(after.Type) {
		return nil
	}
	if n := addresses(after); n > mostOfPerson && n > addresses(before) {
		return scim.Errorf(scim.InvalidValue, "The attribute %s has more than %d values; send fewer.", schemas.User.Emails.Path(), mostOfPerson)
	}
	for _, g := range [...]Given{Apps, Extensions} {
		if n := g.count(after); n > mostOfPerson && n > g.count(before) {
			return scim.Errorf(scim.InvalidValue, "The attribute %s has more than %d values of the type %s; send fewer.", g.Path(), mostOfPerson, g.name)
		}
	}
	return nil
}

// addresses counts the e-mail addresses of a person.
func addresses(r *scim.Resource) int {
	if r == nil {
		return 0
	}
	v, _ := r.Get(schemas.User.Emails)
	return len(v.List())
}

// count is how many values of the type a record has, each as often as it is there; it
// need not be exact where there are few.
func (g Given) count(r *scim.Resource) (n int) {
	if r == nil {
		return 0
	}
	v, _ := r.Get(g.root)
	if len(v.List()) <= mostOfPerson {
		return 0
	}
	for _, e := range v.List() {
		if g.has(e) {
			n++
		}
	}
	return n
}
