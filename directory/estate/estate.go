package estate

import (
	"github.com/usher-scim/usher/directory"
	"time"
)

// Application is something people are given; its id is its key.
type Application struct {
	directory.Head
	Name            string `json:"name"`
	AcceptsExternal bool   `json:"acceptsExternal"`
	// MinAdmins is how many administrators must remain (G4).
	MinAdmins int    `json:"minAdmins"`
	Owner     string `json:"owner,omitempty"`
}

// Kind is "application".
func (*Application) Kind() directory.Kind { return "application" }

// Keys is the owner.
func (a *Application) Keys() []string {
	if a.Owner == "" {
		return nil
	}
	return []string{"owner:" + a.Owner}
}

// Assignment gives a person an application. Its id is the application's and the
// user's. Disabled assignments give nothing and are kept (C1).
type Assignment struct {
	directory.Head
	App  string `json:"app"`
	User string `json:"user"`
	// Role in the application; "admin" counts as administrator.
	Role    string `json:"role,omitempty"`
	Enabled bool   `json:"enabled"`
	// Departed tells that deactivation disabled it, so that activation may enable
	// it again.
	Departed bool `json:"departed,omitempty"`
}

// AppAdmin is the role of an administrator of an application.
const AppAdmin = "admin"

// AssignmentID is the id of the assignment of an application to a person.
func AssignmentID(app, user string) string { return app + ":" + user }

// Kind is "assignment".
func (*Assignment) Kind() directory.Kind { return "assignment" }

// Keys are whose it is, of what, and in which role.
func (a *Assignment) Keys() []string {
	keys := []string{"user:" + a.User, "app:" + a.App}
	if a.Enabled && a.Role != "" {
		keys = append(keys, "role:"+a.App+"."+a.Role)
	}
	return keys
}

// Integration joins two applications with one person's credentials (S0-18).
type Integration struct {
	directory.Head
	App         string `json:"app"`
	AppName     string `json:"appName,omitempty"`
	PeerApp     string `json:"peerApp"`
	PeerAppName string `json:"peerAppName,omitempty"`
	Owner       string `json:"owner"`
	Enabled     bool   `json:"enabled"`
	// Holds is what binds the owner: credentials, or membership in the integration.
	Holds     string    `json:"holds,omitempty" enum:"credentials,membership"`
	LastSync  time.Time `json:"lastSync,omitzero"`
	SyncState string    `json:"syncState,omitempty"`
	Fix       Recipe    `json:"fix"`
}

// Recipe is how an integration lets go of its owner.
type Recipe struct {
	Kind       string `json:"kind,omitempty" enum:"disable,transfer"`
	RoleNeeded string `json:"roleNeeded,omitempty"` // app.role
	Where      string `json:"where,omitempty"`
	// Precondition is what must hold before the fix can be made (S0-10).
	Precondition string `json:"precondition,omitempty"`
}

// Kind is "integration".
func (*Integration) Kind() directory.Kind { return "integration" }

// Keys is the owner while the integration runs.
func (i *Integration) Keys() []string {
	if !i.Enabled {
		return nil
	}
	return []string{"owner:" + i.Owner}
}

// Record is something in another system that a person answers for: an
// opportunity, a ticket, a document.
type Record struct {
	directory.Head
	Type  string `json:"type"`
	Name  string `json:"name,omitempty"`
	Owner string `json:"owner"`
	Open  bool   `json:"open"`
}

// Kind is "record".
func (*Record) Kind() directory.Kind { return "record" }

// Keys is the owner, of an open record or of a closed one.
func (r *Record) Keys() []string {
	if r.Open {
		return []string{"open:" + r.Owner}
	}
	return []string{"closed:" + r.Owner}
}

// RecordsOf asks for all records of a person.
func RecordsOf(org directory.OrgID, user string) directory.DocumentQuery {
	return directory.DocumentQuery{Org: org, Key: "open:" + user, Or: "closed:" + user}
}

// Subscription is what a person has bought (C5).
type Subscription struct {
	directory.Head
	User      string    `json:"user"`
	Plan      string    `json:"plan"`
	Active    bool      `json:"active"`
	Cancelled time.Time `json:"cancelledAt,omitzero"`
}

// Kind is "subscription".
func (*Subscription) Kind() directory.Kind { return "subscription" }

// Keys are whose it is, and again while it runs.
func (s *Subscription) Keys() []string {
	keys := []string{"user:" + s.User}
	if s.Active {
		keys = append(keys, "active:"+s.User)
	}
	return keys
}

// Purchase is one sale with an address, whatever the channel; its id is the
// seller's, so that telling of it twice does nothing (S1-25). It stays when its person
// is erased, without the address.
type Purchase struct {
	directory.Head
	Email   string `json:"email,omitempty"`
	Channel string `json:"channel,omitempty"`
	// Outcome is recorded, reactivated or waitlisted.
	Outcome string `json:"outcome"`
	User    string `json:"user,omitempty"`
}

// Kind is "purchase".
func (*Purchase) Kind() directory.Kind { return "purchase" }

// Keys are the address, unless it was erased, and who came back with it.
func (p *Purchase) Keys() (keys []string) {
	if p.Email != "" {
		keys = append(keys, "email:"+directory.MailKey(p.Email))
	}
	if p.User != "" {
		keys = append(keys, "user:"+p.User)
	}
	return keys
}

// Departure is what a deactivation took away, for undo and for the offer of
// restoring it (C1). Its id is that of the event.
type Departure struct {
	directory.Head
	User          string          `json:"user"`
	By            directory.Actor `json:"by"`
	UndoUntil     time.Time       `json:"undoUntil,omitzero"`
	Undone        time.Time       `json:"undoneAt,omitzero"`
	Restored      []string        `json:"restored,omitempty"` // parts that were given back one by one
	TransferredTo string          `json:"transferredTo,omitempty"`
	Records       []string        `json:"records,omitempty"`
	Teams         []string        `json:"teams,omitempty"`
	Subscriptions []string        `json:"subscriptions,omitempty"`
	Assignments   []string        `json:"assignments,omitempty"`
	Extensions    []string        `json:"extensions,omitempty"`
	// Frozen tells that the person was suspended before, for another reason than this
	// departure: with its undoing they are again.
	Frozen bool `json:"frozen,omitempty"`
}

// Kind is "departure".
func (*Departure) Kind() directory.Kind { return "departure" }

// Keys is whose it was.
func (d *Departure) Keys() []string { return []string{"user:" + d.User} }

// Empty reports whether nothing was taken away.
func (d *Departure) Empty() bool {
	return len(d.Records)+len(d.Teams)+len(d.Subscriptions)+len(d.Assignments)+len(d.Extensions) == 0
}

// Schedule is a departure with a date; its id is the user's.
type Schedule struct {
	directory.Head
	At     time.Time       `json:"at"`
	Reason string          `json:"reason"` // termination or contractEnd
	By     directory.Actor `json:"by"`     // who set the date
	// Next is when something is to be done: a reminder, or the departure.
	Next time.Time `json:"next"`
}

// Kind is "schedule".
func (*Schedule) Kind() directory.Kind { return "schedule" }

// Keys put schedules in the order in which they are due.
func (s *Schedule) Keys() []string { return []string{DueKey(s.Next)} }

// DueKey orders documents by a moment at which something is to be done.
func DueKey(t time.Time) string { return "due:" + t.UTC().Format("20060102150405.000") }

// reminders are how long before a departure its owner is reminded (T12).
var reminders = []time.Duration{14 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour}

// next is the first moment after now at which something is to be done.
func (s *Schedule) next(now time.Time) time.Time {
	for _, before := range reminders {
		if at := s.At.Add(-before); now.Before(at) {
			return at
		}
	}
	return s.At
}

// Plan sets the next moment and reports whether the departure itself is due.
func (s *Schedule) Plan(now time.Time) (due bool) {
	s.Next = s.next(now)
	return !now.Before(s.At)
}
