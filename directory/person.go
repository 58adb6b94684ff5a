package directory

import (
	"strings"
	"time"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Status says whether a person may be in (S2-15, S2-16).
type Status string

// The statuses. A suspended person keeps the seat and whatever is theirs.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Inactive  Status = "inactive"
)

// The classifications (S2-3, S2-4, S2-6), the states of an invitation (S2-11,
// S2-12) and of a seat.
const (
	Pending   = "pending"
	Confirmed = "confirmed"
	External  = "external"

	NotInvited = "notInvited"
	NotJoined  = "notJoined"
	Joined     = "joined"
	Expired    = "expired"
	Withdrawn  = "withdrawn"

	SeatHeld       = "held"
	SeatNone       = "none"
	SeatWaitlisted = "waitlisted"
)

// IsPerson reports whether the resource type is that of users.
func IsPerson(rt *scim.ResourceType) bool { return rt != nil && rt.Schema == schemas.UserSchema }

// IsGroup reports whether the resource type is that of groups.
func IsGroup(rt *scim.ResourceType) bool { return rt != nil && rt.Schema == schemas.GroupSchema }

// StatusOf is where a person stands; "" for nobody.
func StatusOf(r *scim.Resource) Status {
	if r == nil {
		return ""
	}
	if s := r.Text(schemas.Usher.Status); s != "" {
		return Status(s)
	}
	if on, set := r.Bool(schemas.User.Active); set && !on {
		return Inactive
	}
	return Active
}

// Weighs reports whether a change of a person is one that decisions about others may
// rest on, whatever the rules asked: see Tx.Alone. Of a change of status the rules
// tell themselves.
func Weighs(before, after *scim.Resource) bool {
	if before == nil || after == nil || !IsPerson(after.Type) {
		return false
	}
	return IsExternal(before) != IsExternal(after) || IsEmployee(before) != IsEmployee(after)
}

// HoldsSeat reports whether a person has a seat of the licence. Members at home
// who are active or suspended have one, joined or not (C7, S3-13).
func HoldsSeat(r *scim.Resource) bool {
	return r != nil && r.Text(schemas.Usher.SeatState) == SeatHeld
}

// IsExternal reports whether a person belongs to another organization (S2-6).
func IsExternal(r *scim.Resource) bool {
	return r != nil && r.Text(schemas.Usher.Classification) == External
}

// IsEmployee reports whether the rules for employees hold for a person: all but
// customers and portal users (S1-12 to S1-14, S1-21).
func IsEmployee(r *scim.Resource) bool {
	kind := r.Text(schemas.User.UserType)
	return !scim.EqualName(kind, "customer") && !scim.EqualName(kind, "portal")
}

// AddressesOf are the addresses of a person: every e-mail address, and userName
// where it is one. Each appears once, by its MailKey.
func AddressesOf(r *scim.Resource) []string {
	if r == nil {
		return nil
	}
	var all []string
	add := func(text string) {
		if !strings.Contains(text, "@") {
			return
		}
		key := MailKey(text)
		for _, have := range all {
			if have == key {
				return
			}
		}
		all = append(all, key)
	}
	add(r.Text(schemas.User.UserName))
	r.Each(schemas.User.EmailValue, func(_ int, v scim.Value) { add(v.Text()) })
	return all
}

// PrimaryAddress is the address that mail goes to: the primary one, the first,
// or else userName.
func PrimaryAddress(r *scim.Resource) string {
	emails, _ := r.Get(schemas.User.Emails)
	first := ""
	for _, e := range emails.List() {
		value, _ := e.Get(schemas.User.EmailValue)
		primary, _ := e.Get(schemas.User.EmailPrimary)
		if primary.Bool() {
			return value.Text()
		}
		if first == "" {
			first = value.Text()
		}
	}
	if first == "" && strings.Contains(r.Text(schemas.User.UserName), "@") {
		first = r.Text(schemas.User.UserName)
	}
	return first
}

// DisplayOf is how a person is named to others.
func DisplayOf(r *scim.Resource) string {
	if name := r.Text(schemas.User.DisplayName); name != "" {
		return name
	}
	return r.Text(schemas.User.UserName)
}

// ReferenceID is the id that a reference names: the id itself, or the end of a
// location.
func ReferenceID(text string) string { return text[strings.LastIndexByte(text, '/')+1:] }

// ValidAfter is the moment up to which credentials of the person are dead; zero
// when none are.
func ValidAfter(r *scim.Resource) time.Time {
	v, ok := r.Get(schemas.Usher.CredentialsValidAfter)
	if !ok {
		return time.Time{}
	}
	t, _ := scim.ParseTime(v.Text())
	return t
}

// SetText gives an attribute of a record a text; an empty one removes it.
func SetText(r *scim.Resource, a *scim.Attribute, s string) {
	if s == "" {
		r.SetPath(a, scim.Value{})
		return
	}
	if r.Text(a) != s {
		r.SetPath(a, scim.TextValue(s))
	}
}

// LeavingDate is when a person is to be deactivated: the earlier of the end of
// the employment and of the contract (T12). Zero when neither is set.
func LeavingDate(r *scim.Resource) (at time.Time, reason string) {
	if r == nil {
		return at, ""
	}
	for _, end := range leavingDates {
		if t, ok := ParseLeavingDate(r.Text(end.attr)); ok && (at.IsZero() || t.Before(at)) {
			at, reason = t, end.reason
		}
	}
	return at, reason
}

var leavingDates = []struct {
	attr   *scim.Attribute
	reason string
}{{schemas.Usher.TerminationDate, "termination"}, {schemas.Usher.ContractEndDate, "contractEnd"}}

// ParseLeavingDate reads a dateTime, or a date, which means the end of the day in
// UTC.
func ParseLeavingDate(text string) (time.Time, bool) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), true
	}
	return scim.ParseTime(text)
}
