package directory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

// long is set where the tests may take as long as it takes.
var long = os.Getenv("USHER_TEST_LONG") != ""

// seed is what a random run begins with: new each time, unless it is pinned.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("USHER_TEST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to draw the same again: USHER_TEST_SEED=%d", n)
		}
	})
	return n
}

// mill makes random changes of two organizations. People, teams and documents have
// few names, so that the changes meet. The people of b are external in a.
type mill struct {
	svc   *directory.Service
	store *watched
	path  string
	ahead atomic.Int64                         // how far the clock is ahead, in nanoseconds
	last  [len(orgs)]atomic.Pointer[string]    // whom the latest step was about
	left  [len(orgs)]atomic.Pointer[[2]string] // who was deactivated last, and the departure
	ends  atomic.Int64                         // how many accounts were closed, whose addresses are used up
	still atomic.Int64                         // where the clock stands still, in Unix nanoseconds; 0: it runs
}

// watched is a store that looks at every transaction before it is committed.
type watched struct {
	*sqlite.Store
	over atomic.Pointer[string] // the first one that let too many in
}

// Update wants that no change takes a seat which was not bought, the pool being
// as that change finds it.
func (w *watched) Update(ctx context.Context, fn func(directory.Tx) error) error {
	return w.Store.Update(ctx, func(tx directory.Tx) error {
		var before [2]int64
		for i, org := range orgs {
			var err error
			if before[i], err = tx.Tally(ctx, org, "seats:core"); err != nil {
				return err
			}
		}
		if err := fn(tx); err != nil {
			return err
		}
		for i, org := range orgs {
			after, err := tx.Tally(ctx, org, "seats:core")
			if err != nil {
				return err
			}
			pool, err := directory.Load[directory.Pool](ctx, tx, org, directory.CoreSKU)
			if err == nil && after > before[i] && after > pool.Purchased {
				text := fmt.Sprintf("a change of %q went from %d to %d seats with %d bought", org, before[i], after, pool.Purchased)
				w.over.CompareAndSwap(nil, &text)
			}
		}
		return nil
	})
}

var orgs = [2]directory.OrgID{"a", "b"}

// newMill opens the file, and furnishes it if it is new.
func newMill(ctx context.Context, path string) (*mill, error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	m := &mill{store: &watched{Store: s}, path: path}
	m.svc = directory.New(m.store, directory.Options{Policies: policy.Default(), Clock: func() time.Time {
		if at := m.still.Load(); at != 0 {
			return time.Unix(0, at)
		}
		return time.Now().Add(time.Duration(m.ahead.Load()))
	}})
	for _, org := range orgs {
		err := s.AddOrganization(ctx, directory.Organization{ID: org})
		if errors.Is(err, directory.ErrExists) {
			continue
		}
		if err == nil {
			err = m.furnish(ctx, org)
		}
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return m, m.svc.Read(ctx, func(r directory.Reader) error {
		for a, err := range directory.Each[directory.Account](ctx, r, directory.DocumentQuery{}) {
			if err != nil {
				return err
			}
			if a.State == directory.Closed {
				m.ends.Add(1)
			}
		}
		return nil
	})
}

func (m *mill) furnish(ctx context.Context, org directory.OrgID) error {
	_, err := m.svc.Execute(ctx, directory.Request{Org: org, Change: directory.Command{Action: "test.furnish", Plan: func(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		profile := directory.Profile{Head: directory.Head{ID: directory.ProfileID}, UndoMinutes: 30, SelfClose: true, RetentionDays: 1}
		pool := directory.Pool{Head: directory.Head{ID: directory.CoreSKU}, Purchased: 12}
		err := errors.Join(directory.Save(d, org, &profile), directory.Save(d, org, &pool))
		if org == "a" {
			domain := directory.Domain{Head: directory.Head{ID: "both.example"}, Org: org, Verified: d.Now}
			err = errors.Join(err, directory.Save(d, "", &domain))
		}
		return nil, err
	}}})
	return err
}

// act is one drawn step: a request, or the clock.
type act struct {
	name string
	req  directory.Request
	tick time.Duration
}

// draw is a step, decided by r and by what is there.
func (m *mill) draw(ctx context.Context, r *rand.Rand) (a act, err error) {
	w := wish{m: m, Rand: r, org: "a"}
	if r.IntN(3) == 0 {
		w.org = "b"
	}
	if err := m.svc.Read(ctx, func(rd directory.Reader) error { return w.look(ctx, rd) }); err != nil {
		return a, err
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	at := r.IntN(total)
	for _, s := range steps {
		if at -= s.weight; at < 0 {
			a.name = s.name
			if s.name == "tick" {
				a.tick = time.Duration(r.Int64N(int64([]time.Duration{time.Minute, time.Minute, 12 * time.Hour}[r.IntN(3)])))
			}
			a.req = directory.Request{Org: w.org, Actor: w.actor(), Change: s.make(&w)}
			a.req.OnBlocked = []directory.OnBlocked{"", directory.Contain, directory.Accept}[r.IntN(3)]
			a.req.OnSeatExhausted = []directory.OnSeatExhausted{"", directory.Waitlist}[r.IntN(2)]
			if len(w.reservations) > 0 && r.IntN(2) == 0 {
				a.req.Reservation = w.reservations[r.IntN(len(w.reservations))]
			}
			return a, nil
		}
	}
	panic("no step was drawn")
}

// do carries out a step. What the rules refuse is no error.
func (m *mill) do(ctx context.Context, a act) error {
	var err error
	if a.name == "tick" {
		m.ahead.Add(int64(a.tick))
		err = m.svc.Tick(ctx, a.req.Org)
	} else if a.req.Change != nil {
		var p *directory.Plan
		if p, err = m.svc.Execute(ctx, a.req); err == nil {
			m.note(a, p)
		}
	}
	if err != nil && !isAnswer(err) {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	return nil
}

// note remembers what later steps begin with.
func (m *mill) note(a act, p *directory.Plan) {
	if a.name == "close" {
		m.ends.Add(1)
	}
	if p.After != nil && len(p.Events) > 0 && p.Events[0].Action == "user.deactivate" {
		m.left[slices.Index(orgs[:], p.Org)].Store(&[2]string{p.After.ID, p.Events[0].ID})
	}
}

// isAnswer reports whether an error is one that the rules give. A version that
// does not match is none: nobody named one.
func isAnswer(err error) bool {
	var refused *directory.Refusal
	var unique *directory.UniqueError
	var bad *scim.Error
	return errors.As(err, &refused) || errors.As(err, &unique) || errors.As(err, &bad) || errors.Is(err, directory.ErrNotFound) || errors.Is(err, errNo)
}

// errNo is the answer of the commands here.
var errNo = errors.New("no")

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
	all, err := directory.All[directory.Reservation](ctx, r, directory.DocumentQuery{Org: w.org, Limit: 5})
	for _, v := range all {
		w.reservations = append(w.reservations, v.ID)
	}
	if err != nil {
		return err
	}
	left, err := directory.All[directory.Departure](ctx, r, directory.DocumentQuery{Org: w.org, Key: "user:" + w.id})
	for _, d := range left {
		w.departures = append(w.departures, d.ID)
	}
	if err != nil {
		return err
	}
	asked, err := directory.All[directory.Transfer](ctx, r, directory.DocumentQuery{Org: w.org})
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
	{"invite", 5, func(w *wish) directory.Change { return directory.Invite(user, w.id, w.tokenHash()) }},
	{"join", 8, func(w *wish) directory.Change { return directory.Join(user, w.id, w.tokenHash(), "") }},
	{"withdraw", 1, func(w *wish) directory.Change { return directory.Withdraw(user, w.id) }},
	{"convert", 5, func(w *wish) directory.Change { return directory.Convert(user, w.id) }},
	{"agree", 2, func(w *wish) directory.Change { return directory.Agree(user, w.id) }},
	{"disagree", 1, func(w *wish) directory.Change { return directory.Disagree(user, w.id) }},
	{"reclassify", 1, func(w *wish) directory.Change { return directory.Reclassify(user, w.id) }},
	{"hold", 1, func(w *wish) directory.Change { return directory.Hold(user, w.id, w.coin()) }},
	{"export", 3, func(w *wish) directory.Change { return directory.NoteExport(user, w.id) }},
	{"close", 1, func(w *wish) directory.Change { return directory.CloseAccount(user, w.id, w.name) }},
	{"account", 2, func(w *wish) directory.Change { return w.account() }},
	{"undo", 6, func(w *wish) directory.Change {
		if last := w.m.left[slices.Index(orgs[:], w.org)].Load(); last != nil && w.IntN(4) > 0 {
			return directory.Undo(user, last[0], last[1], nil)
		}
		return directory.Undo(user, w.id, w.one(w.departures), [][]string{nil, {"records", "teams", "subscriptions"}}[w.IntN(2)])
	}},
	{"purchase", 6, func(w *wish) directory.Change {
		return directory.Sale{Type: user, ID: fmt.Sprint("sale", w.IntN(2000)), Email: w.name}
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
		return keep(w, &directory.Record{Head: numbered(w, 40), Owner: w.id, Open: w.IntN(4) > 0}, w.id)
	}},
	{"answer", 4, func(w *wish) directory.Change { return w.answer() }},
	{"subscription", 4, func(w *wish) directory.Change {
		return keep(w, &directory.Subscription{Head: numbered(w, 40), User: w.id, Plan: "gold", Active: w.IntN(4) > 0}, w.id)
	}},
	{"integration", 4, func(w *wish) directory.Change {
		return keep(w, &directory.Integration{Head: numbered(w, 12), App: "books", PeerApp: "crm", Owner: w.id, Enabled: w.IntN(3) == 0}, w.id)
	}},
	{"assignment", 5, func(w *wish) directory.Change { return w.assign() }},
	{"pool", 4, func(w *wish) directory.Change { return w.pool() }},
	{"reserve", 2, func(w *wish) directory.Change {
		n, minutes := 1+w.Int64N(3), 1+w.IntN(120)
		return directory.Command{Action: "seat.reserve", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			_, found, err := directory.Reserve(ctx, r, d, "", n, minutes, "")
			return found, err
		}}
	}},
	{"release", 2, func(w *wish) directory.Change {
		id := w.one(w.reservations)
		return directory.Command{Action: "seat.release", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			v, err := directory.Load[directory.Reservation](ctx, r, d.Org, id)
			if err == nil {
				directory.Drop(d, d.Org, &v)
			}
			return nil, err
		}}
	}},
	{"tick", 2, func(*wish) directory.Change { return nil }},
}

func (m *mill) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }

func numbered(w *wish, n int) directory.Head { return directory.Head{ID: fmt.Sprint(w.IntN(n))} }

// keep writes a document of which nobody who is inactive may be the owner, as all
// who keep such documents must see to.
func keep[T any, P directory.Noun[T]](_ *wish, v P, owner string) directory.Change {
	return directory.Command{Action: "test.keep", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: user, ID: owner})
		_, record := any(v).(*directory.Record)
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
	is := directory.Assignment{App: []string{"books", "crm"}[w.IntN(2)], User: w.id, Enabled: w.IntN(3) > 0, Role: []string{"", directory.AppAdmin}[w.IntN(2)]}
	return directory.Command{Action: "app.assign", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: user, ID: is.User})
		if err != nil {
			return nil, err
		}
		was, err := directory.LoadOr[directory.Assignment](ctx, r, d.Org, directory.AssignmentID(is.App, is.User))
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
		t, err := directory.Load[directory.Transfer](ctx, r, d.Org, id)
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

// account is one that a person has at b already, before anybody knows them.
func (w *wish) account() directory.Change {
	name := w.name
	return directory.Command{Action: "test.account", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		a, err := directory.AccountOf(ctx, r, name)
		if !errors.Is(err, directory.ErrNotFound) {
			return nil, err
		}
		a = directory.Account{Head: directory.Head{ID: d.NewID("account")}, Email: name, Home: "b", State: directory.Open}
		return nil, directory.Save(d, "", &a)
	}}
}

// pool is bought or, by billing, taken away, whatever is in use.
func (w *wish) pool() directory.Change {
	n := 6 + w.Int64N(12)
	return directory.Command{Action: "pool.update", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
		p, err := directory.LoadOr[directory.Pool](ctx, r, d.Org, directory.CoreSKU)
		if err != nil {
			return nil, err
		}
		p.Purchased = n
		return nil, directory.Save(d, d.Org, &p)
	}}
}

// census is what a check of the rules found wrong, and what it must remember.
type census struct {
	wrong  []string
	closed map[string]scim.Version // accounts
}

func (c *census) badly(format string, args ...any) {
	if len(c.wrong) < 20 {
		c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	}
}

// take checks everything that must hold at every commit, from one snapshot.
func (c *census) take(ctx context.Context, r directory.Reader) error {
	for a, err := range directory.Each[directory.Account](ctx, r, directory.DocumentQuery{}) {
		if err != nil {
			return err
		}
		if v, known := c.closed[a.ID]; known && (v != a.Version || a.State != directory.Closed) {
			c.badly("the account %s was closed at version %d and is %s at %d", a.ID, v, a.State, a.Version)
		}
		if a.State == directory.Closed {
			c.closed[a.ID] = a.Version
		}
	}
	for _, org := range orgs {
		if err := (&inspection{c, r, org, map[string]*scim.Resource{}}).all(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inspection is the part of a census in one organization.
type inspection struct {
	*census
	directory.Reader
	org    directory.OrgID
	people map[string]*scim.Resource
}

func (i *inspection) all(ctx context.Context) error {
	page, err := i.Find(ctx, directory.Query{Org: i.org, Type: user, Start: 1, Count: 10000})
	if err != nil {
		return err
	}
	if page.More {
		i.badly("more people than one page")
	}
	for _, p := range page.Resources {
		if err := p.Load(); err != nil {
			return err
		}
		i.people[p.ID] = p
	}
	for _, step := range []func(context.Context) error{i.seats, i.standing, i.belongings, i.leaders, i.addresses} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// gone reports whether somebody is inactive, or removed.
func (i *inspection) gone(id string) bool {
	return directory.StatusOf(i.people[id]) == directory.Inactive || i.people[id] == nil
}

// seats: the total is the number of those who hold one, and these are the active
// and the suspended members at home.
func (i *inspection) seats(ctx context.Context) error {
	held := int64(0)
	for id, p := range i.people {
		if directory.HoldsSeat(p) {
			held++
		}
		if should := !i.gone(id) && !directory.IsExternal(p); should != directory.HoldsSeat(p) {
			i.badly("%s %s (%s) has the seat %q", directory.StatusOf(p), p.Text(schemas.User.UserName), p.Text(schemas.Usher.Classification), p.Text(schemas.Usher.SeatState))
		}
	}
	used, err := i.Tally(ctx, i.org, "seats:core")
	if used != held {
		i.badly("%d seats of %s are in use and %d people hold one", used, i.org, held)
	}
	for v, err := range directory.Each[directory.Reservation](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		taken, err := i.Tally(ctx, i.org, "reservation:"+v.ID)
		if err != nil || taken > v.Seats {
			i.badly("%d of %d reserved seats are taken, %v", taken, v.Seats, err)
		}
	}
	return err
}

// standing: active says who may be in, but for a departure that has to wait; and
// nobody else is admitted.
func (i *inspection) standing(ctx context.Context) error {
	waiting := map[string]bool{}
	for k, err := range directory.Each[directory.Case](ctx, i, directory.DocumentQuery{Org: i.org, Key: "open"}) {
		if err != nil {
			return err
		}
		waiting[k.ID] = true
		if k.Reason == "accepted" && i.gone(k.ID) {
			i.badly("a case of %s is open, who is gone", k.ID)
		}
	}
	for id, p := range i.people {
		on, set := p.Bool(schemas.User.Active)
		is := directory.StatusOf(p)
		want := is != directory.Inactive
		if is == directory.Suspended && waiting[id] && !on {
			want = false
		}
		if !set || on != want {
			i.badly("%s is %s with active=%t", p.Text(schemas.User.UserName), is, on)
		}
		if err := directory.Admit(ctx, i.Reader, p, directory.ValidAfter(p)); err == nil && (is != directory.Active || !directory.ValidAfter(p).IsZero()) {
			i.badly("a credential as old as the end of access admits %s, who is %s", p.Text(schemas.User.UserName), is)
		}
	}
	return i.queue(ctx)
}

// queue: who waits for a seat is on the list, and nobody else.
func (i *inspection) queue(ctx context.Context) error {
	listed := map[string]bool{}
	for w, err := range directory.Each[directory.Waiting](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		listed[w.ID] = true
		if i.people[w.ID] == nil {
			i.badly("%s waits for a seat and is removed", w.ID)
		}
	}
	for id, p := range i.people {
		if waits := p.Text(schemas.Usher.SeatState) == directory.SeatWaitlisted; waits != listed[id] || waits && !i.gone(id) {
			i.badly("%s is %s with the seat %q and on the list: %t", p.Text(schemas.User.UserName), directory.StatusOf(p), p.Text(schemas.Usher.SeatState), listed[id])
		}
	}
	return nil
}

// belongings: nothing that is alive is left with somebody who is gone.
func (i *inspection) belongings(ctx context.Context) error {
	q := directory.DocumentQuery{Org: i.org}
	for v, err := range directory.Each[directory.Record](ctx, i, q) {
		if err == nil && v.Open && i.gone(v.Owner) {
			i.badly("the open record %s belongs to %s, who is gone", v.ID, v.Owner)
		}
		if err != nil {
			return err
		}
	}
	for v, err := range directory.Each[directory.Subscription](ctx, i, q) {
		if err == nil && v.Active && i.gone(v.User) {
			i.badly("the subscription %s of %s runs, who is gone", v.ID, v.User)
		}
		if err != nil {
			return err
		}
	}
	for v, err := range directory.Each[directory.Assignment](ctx, i, q) {
		if err == nil && v.Enabled && i.gone(v.User) {
			i.badly("%s has %s and is gone", v.User, v.App)
		}
		if err != nil {
			return err
		}
	}
	for v, err := range directory.Each[directory.Integration](ctx, i, q) {
		if err == nil && v.Enabled && i.gone(v.Owner) {
			i.badly("the integration %s runs with the credentials of %s, who is gone", v.ID, v.Owner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaders: who leads is in, and what is kept beside the teams says the same.
func (i *inspection) leaders(ctx context.Context) error {
	kept := map[string]string{}
	for l, err := range directory.Each[directory.Leadership](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		kept[l.ID] = l.Leader
		if i.gone(l.Leader) {
			i.badly("the team %s is led by %s, who is gone", l.ID, l.Leader)
		}
	}
	page, err := i.Find(ctx, directory.Query{Org: i.org, Type: group, Start: 1, Count: 10000})
	for _, g := range page.Resources {
		if err := g.Load(); err != nil {
			return err
		}
		if leader := directory.ReferenceID(g.Text(schemas.UsherGroup.Leader)); kept[g.ID] != leader {
			i.badly("the team %s has the leader %q, and %q is kept", g.ID, leader, kept[g.ID])
		}
		delete(kept, g.ID)
	}
	for id := range kept {
		i.badly("who leads %s is kept, which is gone", id)
	}
	return err
}

// addresses: a blocked one is nobody's who is in.
func (i *inspection) addresses(ctx context.Context) error {
	blocked := map[string]bool{}
	for a, err := range directory.Each[directory.Address](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		blocked[directory.SecretHash(a.ID)] = a.Blocked
	}
	for b, err := range directory.Each[directory.Barred](ctx, i, directory.DocumentQuery{Org: i.org}) {
		if err != nil {
			return err
		}
		blocked[b.ID] = true
	}
	for id, p := range i.people {
		for _, key := range directory.AddressesOf(p) {
			if blocked[directory.SecretHash(key)] && !i.gone(id) {
				i.badly("%s is %s with the blocked address %s", p.Text(schemas.User.UserName), directory.StatusOf(p), key)
			}
		}
	}
	return nil
}

// history: every version of every person has exactly one event, and no event
// comes twice. It returns the ids of all events.
func (c *census) history(ctx context.Context, t *testing.T, m *mill) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for _, org := range orgs {
		last := map[string]scim.Version{}
		m.trail(ctx, t, org, func(e directory.Event) { c.event(e, seen, last) })
		err := m.svc.Read(ctx, func(r directory.Reader) error {
			page, err := r.Find(ctx, directory.Query{Org: org, Type: user, Start: 1, Count: 10000})
			for _, p := range page.Resources {
				if last[p.ID] != p.Version {
					c.badly("%s is at version %d, the last that was told is %d", p.ID, p.Version, last[p.ID])
				}
				delete(last, p.ID)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for id, v := range last {
			if v != 0 {
				c.badly("%s is gone, and the last that was told is version %d", id, v)
			}
		}
	}
	return seen
}

// trail walks the audit log of an organization.
func (m *mill) trail(ctx context.Context, t *testing.T, org directory.OrgID, fn func(directory.Event)) {
	t.Helper()
	for after := int64(0); ; {
		page, err := m.store.Trail(ctx, directory.TrailQuery{Org: org, After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return
		}
		for _, e := range page {
			after = e.Seq
			fn(e.Event)
		}
	}
}

func (c *census) event(e directory.Event, seen map[string]bool, last map[string]scim.Version) {
	if seen[e.ID] {
		c.badly("the event %s (%s) is told twice", e.ID, e.Action)
	}
	seen[e.ID] = true
	if e.Type != "User" || e.Before == 0 && e.After == 0 {
		return
	}
	if e.Before != last[e.Resource] || e.After != 0 && e.After != e.Before+1 {
		c.badly("%s of %s goes from version %d to %d, the last that was told is %d", e.Action, e.Resource, e.Before, e.After, last[e.Resource])
	}
	last[e.Resource] = e.After
	if slices.Contains(e.Changed, ext+"User:status") && strings.HasPrefix(e.Action, "user.update") {
		c.badly("somebody's state changed by a mere update: %v", e.Changed)
	}
}
