package lifecycle

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// RuleTransferee refuses to give records to somebody who cannot have them, and names
// transfers that nobody is left to take.
const RuleTransferee directory.RuleID = "transfer.no_transferee"

// Transfer is what the leader of a team received of somebody who left, until they have
// said whether they keep it (3.6). Its id is the departure's. It names people by id
// alone, so that it outlives the erasure of who left. What counts are the records that
// are open and still with who received them: once there are none, it is over.
type Transfer struct {
	directory.Head
	From     string   `json:"from"`
	To       string   `json:"to"`
	Records  []string `json:"records"`
	Teams    []string `json:"teams,omitempty"`    // of who left, in their order (S1-20)
	Declined []string `json:"declined,omitempty"` // who would not have them
	// Asked is when who received it was asked, Reminded how often they were reminded since.
	Asked    time.Time `json:"askedAt,omitzero"`
	Reminded int       `json:"reminded,omitempty"`
}

// Kind is "transfer".
func (*Transfer) Kind() directory.Kind { return "transfer" }

// Keys are who left, who received it, when they are reminded, and what an administrator
// must see to: that it is stuck, or that nobody answers.
func (t *Transfer) Keys() []string {
	keys := []string{"user:" + t.From, "to:" + t.To}
	if t.To != t.From {
		keys = append(keys, "user:"+t.To)
	}
	switch {
	case t.Stuck():
		keys = append(keys, TransferStuck)
	case t.Overdue():
		keys = append(keys, TransferOverdue)
	case !t.Asked.IsZero():
		keys = append(keys, estate.DueKey(t.Asked.Add(answerReminders[t.Reminded])))
	}
	return keys
}

// The keys of transfers that an administrator must see to.
const (
	TransferStuck   = "stuck"
	TransferOverdue = "overdue"
)

// Stuck reports whether who has the records has declined them, and nobody was left to
// take them.
func (t *Transfer) Stuck() bool { return slices.Contains(t.Declined, t.To) }

// Rest are those of somebody's open records that are of this transfer.
func (t *Transfer) Rest(open []estate.Record) (rest []estate.Record) {
	mine := make(map[string]bool, len(t.Records))
	for _, id := range t.Records {
		mine[id] = true
	}
	for _, one := range open {
		if mine[one.ID] {
			rest = append(rest, one)
		}
	}
	return rest
}

// OpenRecords are those that a person answers for.
func OpenRecords(ctx context.Context, r directory.Documents, org directory.OrgID, user string) ([]estate.Record, error) {
	return directory.All[estate.Record](ctx, r, directory.DocumentQuery{Org: org, Key: "open:" + user})
}

// left are the records that it is still about.
func (t *Transfer) left(ctx context.Context, r directory.Documents, org directory.OrgID) ([]estate.Record, error) {
	open, err := OpenRecords(ctx, r, org, t.To)
	return t.Rest(open), err
}

// Receives reports whether somebody can be given records: an active employee.
func Receives(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (bool, error) {
	person, err := estate.ActivePerson(ctx, r, org, id)
	return person != nil && directory.IsEmployee(person), err
}

// FirstReceiver is the leader of the first of some teams whose leader can be given
// records, but for those who are excepted; "" when there is none (T6, S1-20).
func FirstReceiver(ctx context.Context, r directory.Reader, org directory.OrgID, teams []*scim.Resource, except ...string) (string, error) {
	for _, team := range teams {
		leader := directory.ReferenceID(team.Text(schemas.UsherGroup.Leader))
		if slices.Contains(except, leader) {
			continue
		}
		if ok, err := Receives(ctx, r, org, leader); err != nil || ok {
			return leader, err
		}
	}
	return "", nil
}

// Offer has who received records of a transfer asked whether they keep them: those who
// lead a team, unless they have declined before. Of whoever else nothing is asked.
func (t *Transfer) Offer(ctx context.Context, r directory.Documents, d *directory.Draft, records int) error {
	asked := false
	if !slices.Contains(t.Declined, t.To) {
		for _, err := range directory.Each[estate.Leadership](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "leader:" + t.To, Limit: 1}) {
			if err != nil {
				return err
			}
			asked = true
		}
	}
	switch {
	case asked:
		d.Do("answer.awaited", t.To, records)
		t.Asked, t.Reminded = d.Now, 0
		return directory.Save(d, d.Org, t)
	case t.Version > 0:
		directory.Drop(d, d.Org, t)
	}
	return nil
}

// Accept settles a transfer: who received the records keeps them.
func (t *Transfer) Accept(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	rest, err := t.left(ctx, r, d.Org)
	if err != nil {
		return err
	}
	d.Do("transfer.accepted", t.To, len(rest))
	directory.Drop(d, d.Org, t)
	return nil
}

// Decline moves what is left of the records to whoever is next in the order of T6 and
// has not declined them. They never go back to who left. Where nobody is next they stay
// where they are, and an administrator must see to it.
func (t *Transfer) Decline(ctx context.Context, r directory.Reader, d *directory.Draft) error {
	rest, err := t.left(ctx, r, d.Org)
	if err != nil {
		return err
	}
	d.Do("transfer.declined", t.To, len(rest))
	if len(rest) == 0 {
		directory.Drop(d, d.Org, t)
		return nil
	}
	if !t.Stuck() {
		t.Declined = append(slices.Clone(t.Declined), t.To)
	}
	next, err := t.next(ctx, r, d.Org)
	switch {
	case err != nil:
		return err
	case next == "":
		d.Do("transfer.stuck", t.To, len(rest))
		return directory.Save(d, d.Org, t)
	}
	return t.move(ctx, r, d, rest, next)
}

// Give moves what is left of the records to somebody whom an administrator names. Who
// has them already, or has declined them, is not asked again.
func (t *Transfer) Give(ctx context.Context, r directory.Reader, d *directory.Draft, to string) ([]directory.Finding, error) {
	if to == t.From {
		return directory.Firmly(RuleTransferee, directory.State, "These records were left behind by this person; restore what they lost to give them back, or name somebody else."), nil
	}
	if ok, err := Receives(ctx, r, d.Org, to); err != nil || !ok {
		return directory.Firmly(RuleTransferee, directory.State, "The person named to receive the records is not an active member of the organization; name another one."), err
	}
	rest, err := t.left(ctx, r, d.Org)
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 || to == t.To {
		directory.Drop(d, d.Org, t)
		return nil, nil
	}
	return nil, t.move(ctx, r, d, rest, to)
}

// next is whom the records go to after who has them.
func (t *Transfer) next(ctx context.Context, r directory.Reader, org directory.OrgID) (string, error) {
	teams, err := t.teams(ctx, r, org)
	if err != nil {
		return "", err
	}
	return FirstReceiver(ctx, r, org, teams, append([]string{t.From}, t.Declined...)...)
}

// teams are those of who left that are still there; for who had none, all.
func (t *Transfer) teams(ctx context.Context, r directory.Reader, org directory.OrgID) (teams []*scim.Resource, err error) {
	if len(t.Teams) == 0 {
		return estate.LedTeams(ctx, r, org)
	}
	rt, err := r.Type("Group")
	if err != nil {
		return nil, err
	}
	for _, id := range t.Teams {
		g, err := r.Get(ctx, directory.Ref{Org: org, Type: rt, ID: id})
		if errors.Is(err, directory.ErrNotFound) {
			continue
		}
		if err == nil {
			err = g.Load()
		}
		if err != nil {
			return nil, err
		}
		teams = append(teams, g)
	}
	return teams, nil
}

// move gives records to somebody else, and has the departure know of it, so that it can
// still be undone.
func (t *Transfer) move(ctx context.Context, r directory.Reader, d *directory.Draft, records []estate.Record, to string) error {
	t.Records = nil
	for i := range records {
		records[i].Owner = to
		t.Records = append(t.Records, records[i].ID)
		if err := directory.Save(d, d.Org, &records[i]); err != nil {
			return err
		}
	}
	d.Do("records.transferred", to, len(records))
	p, err := directory.Load[estate.Departure](ctx, r, d.Org, t.ID)
	switch {
	case err == nil:
		p.TransferredTo = to
		err = directory.Save(d, d.Org, &p)
	case errors.Is(err, directory.ErrNotFound): // erased
		err = nil
	}
	if err != nil {
		return err
	}
	t.To = to
	return t.Offer(ctx, r, d, len(records))
}
