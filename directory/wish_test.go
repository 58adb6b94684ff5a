package directory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

// wish is a step being drawn: whom it is about, and what there is.
type wish struct {
	*rand.Rand
	m            *mill
	org          directory.OrgID
	name, id     string // of a person; the id is "nobody" when there is none
	other        string // id of another one
	teams        []string
	reservations []string
	departures   []string // of the person
	transfers    []string
}

func (w *wish) look(ctx context.Context, r directory.Reader) (err error) {
	last := &w.m.last[slices.Index(orgs[:], w.org)]
	if w.name = w.person(); w.IntN(5) < 2 && last.Load() != nil {
		w.name = *last.Load() // what follows from one another happens more often
	}
	last.Store(&w.name)
	if w.id, err = idOf(ctx, r, w.org, w.name); err != nil {
		return err
	}
	if w.other, err = idOf(ctx, r, w.org, w.person()); err != nil {
		return err
	}
	page, err := r.Find(ctx, directory.Query{Org: w.org, Type: group, Start: 1, Count: 20})
	for _, g := range page.Resources {
		w.teams = append(w.teams, g.ID)
	}
	if err != nil {
		return err
	}
	all, err := directory.All[estate.Reservation](ctx, r, directory.DocumentQuery{Org: w.org, Limit: 5})
	for _, v := range all {
		w.reservations = append(w.reservations, v.ID)
	}
	if err != nil {
		return err
	}
	left, err := directory.All[estate.Departure](ctx, r, directory.DocumentQuery{Org: w.org, Key: "user:" + w.id})
	for _, d := range left {
		w.departures = append(w.departures, d.ID)
	}
	if err != nil {
		return err
	}
	asked, err := directory.All[lifecycle.Transfer](ctx, r, directory.DocumentQuery{Org: w.org})
	for _, t := range asked {
		w.transfers = append(w.transfers, t.ID)
	}
	return err
}

// person is the name of somebody: those of b are known in a as well.
func (w *wish) person() string {
	since := w.m.ends.Load() / 4
	if w.IntN(3) == 0 {
		since = w.Int64N(since + 1)
	}
	if w.org == "b" || w.IntN(3) == 0 {
		return fmt.Sprintf("x%d.%d@%s.example", w.IntN(4), since, []string{"both", "far"}[w.IntN(2)])
	}
	return fmt.Sprintf("p%d.%d@near.example", w.IntN(16), since)
}

func idOf(ctx context.Context, r directory.Reader, org directory.OrgID, name string) (string, error) {
	id, err := r.Owner(ctx, directory.UniqueKey{Org: org, Type: user, Attr: schemas.User.UserName, Key: scim.Key(name)})
	if errors.Is(err, directory.ErrNotFound) {
		return "nobody", nil
	}
	return id, err
}

func (w *wish) actor() directory.Actor {
	switch w.IntN(4) {
	case 0:
		return directory.Actor{Kind: directory.ByMember, Rank: directory.AdminRank}
	case 1:
		return directory.Actor{Kind: directory.Client, Connection: "idp", Rank: directory.ClientRank, MayLiftBlock: true}
	}
	return directory.Actor{Kind: directory.Client, Connection: []directory.ConnectionID{"idp", "hr"}[w.IntN(2)], Rank: directory.ClientRank}
}

func (w *wish) coin() bool { return w.IntN(2) == 0 }

func (w *wish) one(all []string) string {
	if len(all) == 0 {
		return "nobody"
	}
	return all[w.IntN(len(all))]
}

func must[T any](v T, _ scim.Quirks, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *wish) body() *scim.Resource {
	text := fmt.Sprintf(`"userName":%q,"userType":%q,"title":"t%d"`, w.name, []string{"employee", "employee", "customer"}[w.IntN(3)], w.IntN(3))
	switch w.IntN(4) {
	case 0:
		text += `,"active":false`
	case 1:
		text += `,"active":true`
	}
	if w.coin() {
		text += fmt.Sprintf(`,"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"sendInvitation":%t}`, w.coin())
	}
	return must(scim.Decode(user, []byte("{"+text+"}"), scim.Tolerant))
}

func (w *wish) patch(rt *scim.ResourceType, id, op, path, value string) directory.Change {
	text := fmt.Sprintf(`{"Operations":[{"op":%q,"path":%q,"value":%s}]}`, op, path, value)
	return directory.Patch{Type: rt, ID: id, Patch: must(patch.Decode(rt, []byte(text), scim.Tolerant))}
}

// tokenHash is that of the only invitation token there is of a person.
func (w *wish) tokenHash() string { return directory.SecretHash("token of " + w.name) }

const ext = "urn:ietf:params:scim:schemas:extension:usher:2.0:"

// steps are what can be drawn, the more often the heavier. One that makes no
// change finds nothing to change.
var steps = []struct {
	name   string
	weight int
	make   func(w *wish) directory.Change
}{
	{"create", 16, func(w *wish) directory.Change { return directory.Create{Resource: w.body()} }},
	{"patch active", 14, func(w *wish) directory.Change {
		return w.patch(user, w.id, "replace", "active", strconv.FormatBool(w.coin()))
	}},
	{"put", 6, func(w *wish) directory.Change { return directory.Replace{Type: user, ID: w.id, Resource: w.body()} }},
	{"patch", 4, func(w *wish) directory.Change {
		switch w.IntN(4) {
		case 0:
			return w.patch(user, w.id, "replace", "userType", []string{`"employee"`, `"customer"`}[w.IntN(2)])
		case 1:
			return w.patch(user, w.id, "replace", ext+"User:transferRecordsTo", strconv.Quote(w.other))
		case 2:
			return w.patch(user, w.id, "replace", ext+"User:reactivateOnPurchase", strconv.FormatBool(w.coin()))
		}
		end := w.m.now().Add(time.Duration(w.Int64N(int64(48*time.Hour))) - 6*time.Hour)
		return w.patch(user, w.id, "replace", ext+"User:terminationDate", strconv.Quote(scim.FormatTime(end)))
	}},
	{"address", 2, func(w *wish) directory.Change {
		return w.patch(user, w.id, "replace", "emails", fmt.Sprintf(`[{"value":"also.%s","primary":%t}]`, w.name, w.coin()))
	}},
	{"delete", 3, func(w *wish) directory.Change { return directory.Delete{Type: user, ID: w.id} }},
	{"deactivate", 8, func(w *wish) directory.Change {
		c := directory.Deactivate{Type: user, ID: w.id}
		if w.coin() {
			on := w.coin()
			c.ReactivateOnPurchase = &on
		}
		if w.coin() {
			c.TransferTo = w.other
		}
		return c
	}},
	{"activate", 6, func(w *wish) directory.Change { return directory.Activate{Type: user, ID: w.id} }},
	{"suspend", 3, func(w *wish) directory.Change { return directory.Suspend{Type: user, ID: w.id} }},
	{"resume", 4, func(w *wish) directory.Change { return directory.Resume{Type: user, ID: w.id} }},
	{"invite", 5, func(w *wish) directory.Change { return lifecycle.Invite(user, w.id, w.tokenHash()) }},
	{"join", 8, func(w *wish) directory.Change { return lifecycle.Join(user, w.id, w.tokenHash(), "") }},
	{"withdraw", 1, func(w *wish) directory.Change { return lifecycle.Withdraw(user, w.id) }},
	{"convert", 5, func(w *wish) directory.Change { return lifecycle.Convert(user, w.id) }},
	{"agree", 2, func(w *wish) directory.Change { return lifecycle.Agree(user, w.id) }},
	{"disagree", 1, func(w *wish) directory.Change { return lifecycle.Disagree(user, w.id) }},
	{"reclassify", 1, func(w *wish) directory.Change { return lifecycle.Reclassify(user, w.id) }},
	{"hold", 1, func(w *wish) directory.Change { return lifecycle.Hold(user, w.id, w.coin()) }},
	{"export", 3, func(w *wish) directory.Change { return lifecycle.NoteExport(user, w.id) }},
	{"close", 1, func(w *wish) directory.Change { return lifecycle.CloseAccount(user, w.id, w.name) }},
	{"account", 2, func(w *wish) directory.Change { return w.account() }},
	{"undo", 6, func(w *wish) directory.Change {
		if last := w.m.left[slices.Index(orgs[:], w.org)].Load(); last != nil && w.IntN(4) > 0 {
			return lifecycle.Undo(user, last[0], last[1], nil)
		}
		return lifecycle.Undo(user, w.id, w.one(w.departures), [][]string{nil, {"records", "teams", "subscriptions"}}[w.IntN(2)])
	}},
	{"purchase", 6, func(w *wish) directory.Change {
		return lifecycle.Sell(lifecycle.Sale{Type: user, ID: fmt.Sprint("sale", w.IntN(2000)), Email: w.name})
	}},
	{"team", 2, func(w *wish) directory.Change {
		if len(w.teams) > 5 {
			return directory.Delete{Type: group, ID: w.one(w.teams)}
		}
		text := fmt.Sprintf(`{"displayName":"t","members":[{"value":%q}],"urn:ietf:params:scim:schemas:extension:usher:2.0:Group":{"kind":"team","leader":%q,"rank":%d}}`, w.id, w.other, w.IntN(5))
		return directory.Create{Resource: must(scim.Decode(group, []byte(text), scim.Tolerant))}
	}},
	{"leader", 4, func(w *wish) directory.Change {
		if w.IntN(3) == 0 {
			return w.patch(group, w.one(w.teams), "remove", ext+"Group:leader", "null")
		}
		return w.patch(group, w.one(w.teams), "replace", ext+"Group:leader", strconv.Quote(w.id))
	}},
	{"member", 6, func(w *wish) directory.Change {
		return w.patch(group, w.one(w.teams), []string{"add", "add", "remove"}[w.IntN(3)], "members", fmt.Sprintf(`[{"value":%q}]`, w.id))
	}},
	{"record", 6, func(w *wish) directory.Change {
		return keep(w, &estate.Record{Head: numbered(w, 40), Owner: w.id, Open: w.IntN(4) > 0}, w.id)
	}},
	{"answer", 4, func(w *wish) directory.Change { return w.answer() }},
	{"subscription", 4, func(w *wish) directory.Change {
		return keep(w, &estate.Subscription{Head: numbered(w, 40), User: w.id, Plan: "gold", Active: w.IntN(4) > 0}, w.id)
	}},
	{"integration", 4, func(w *wish) directory.Change {
		return keep(w, &estate.Integration{Head: numbered(w, 12), App: "books", PeerApp: "crm", Owner: w.id, Enabled: w.IntN(3) == 0}, w.id)
	}},
	{"assignment", 5, func(w *wish) directory.Change { return w.assign() }},
	{"pool", 4, func(w *wish) directory.Change { return w.pool() }},
	{"reserve", 2, func(w *wish) directory.Change {
		n, minutes := 1+w.Int64N(3), 1+w.IntN(120)
		return directory.Command{Action: "seat.reserve", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			_, found, err := estate.Reserve(ctx, r, d, "", n, minutes, "")
			return found, err
		}}
	}},
	{"release", 2, func(w *wish) directory.Change {
		id := w.one(w.reservations)
		return directory.Command{Action: "seat.release", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			v, err := directory.Load[estate.Reservation](ctx, r, d.Org, id)
			if err == nil {
				directory.Drop(d, d.Org, &v)
			}
			return nil, err
		}}
	}},
	{"tick", 2, func(*wish) directory.Change { return nil }},
}

func numbered(w *wish, n int) directory.Head { return directory.Head{ID: fmt.Sprint(w.IntN(n))} }

// keep writes a document of which nobody who is inactive may be the owner, as all
// who keep such documents must see to.
func keep[T any, P directory.Noun[T]](_ *wish, v P, owner string) directory.Change {
	return directory.Command{Action: "test.keep", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: user, ID: owner})
		_, record := any(v).(*estate.Record)
		if err == nil && (directory.StatusOf(p) == directory.Inactive || record && !directory.IsEmployee(p)) {
			err = errNo
		}
		if err != nil {
			return nil, err
		}
		was, err := directory.LoadOr[T, P](ctx, r, d.Org, v.Meta().ID)
		if err != nil {
			return nil, err
		}
		is := *v
		*P(&is).Meta() = *P(&was).Meta()
		return nil, directory.Save(d, d.Org, P(&is))
	}}
}

// assign gives or takes an application, by the rules that hold for it.
func (w *wish) assign() directory.Change {
	is := estate.Assignment{App: []string{"books", "crm"}[w.IntN(2)], User: w.id, Enabled: w.IntN(3) > 0, Role: []string{"", estate.AppAdmin}[w.IntN(2)]}
	return directory.Command{Action: "app.assign", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: user, ID: is.User})
		if err != nil {
			return nil, err
		}
		was, err := directory.LoadOr[estate.Assignment](ctx, r, d.Org, estate.AssignmentID(is.App, is.User))
		if err != nil || is.Enabled && directory.StatusOf(p) == directory.Inactive {
			return nil, errors.Join(err, errNo)
		}
		v := is
		v.Head = was.Head
		found, err := policy.DisableApp(ctx, r, d, was, v)
		if err != nil {
			return nil, err
		}
		return found, directory.Save(d, d.Org, &v)
	}}
}

// answer is that of who received records, or of an administrator.
func (w *wish) answer() directory.Change {
	id, how, to := w.one(w.transfers), w.IntN(4), w.other
	return directory.Command{Action: "test.answer", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		t, err := directory.Load[lifecycle.Transfer](ctx, r, d.Org, id)
		if err != nil {
			return nil, err
		}
		switch how {
		case 0:
			return nil, t.Accept(ctx, r, d)
		case 1:
			return t.Give(ctx, r, d, to)
		}
		return nil, t.Decline(ctx, r, d)
	}}
}

// account is one that a person has at b already, before anybody knows them. Later its
// operator may let it leave its home, without which nobody is converted (T9).
func (w *wish) account() directory.Change {
	name, leaves := w.name, w.coin()
	return directory.Command{Action: "test.account", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		a, err := estate.AccountOf(ctx, r, name)
		if err == nil && leaves && a.State == estate.Open {
			a.Home = ""
			return nil, directory.Save(d, "", &a)
		}
		if !errors.Is(err, directory.ErrNotFound) {
			return nil, err
		}
		a = estate.Account{Head: directory.Head{ID: d.NewID("account")}, Email: name, Home: "b", State: estate.Open}
		return nil, directory.Save(d, "", &a)
	}}
}

// pool is bought or, by billing, taken away, whatever is in use.
func (w *wish) pool() directory.Change {
	n := 6 + w.Int64N(12)
	return directory.Command{Action: "pool.update", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := directory.LoadOr[estate.Pool](ctx, r, d.Org, estate.CoreSKU)
		if err != nil {
			return nil, err
		}
		p.Purchased = n
		return nil, directory.Save(d, d.Org, &p)
	}}
}
