package policy

import (
	"context"
	"errors"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Departure works out what goes with a person who is deactivated, in the order
// of domain 3.2: records, teams, assignments, extensions, subscriptions,
// invitation, credentials, addresses, mails. The seat is Seats' business.
type Departure struct{}

// RuleNoTransferee is G7.
const RuleNoTransferee directory.RuleID = "deactivation.no_transferee"

func isNotFound(err error) bool { return errors.Is(err, directory.ErrNotFound) }

// Review adds the effects to the draft.
func (Departure) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !d.Leaves() {
		return nil, nil
	}
	l := &leaving{Reader: r, d: d, departure: estate.Departure{Head: directory.Head{ID: d.ID}, User: d.Before.ID}}
	for _, step := range []func(context.Context) error{l.records, l.teams, l.assignments, l.extensions, l.subscriptions, l.invitation, l.credentials, l.addresses, l.schedule, l.keep, l.mails} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return l.found, nil
}

// leaving is a departure under way.
type leaving struct {
	directory.Reader
	d         *directory.Draft
	departure estate.Departure
	memberOf  []*scim.Resource // teams
	found     []directory.Finding
}

// person is who leaves, as the change has them; who is removed, as they were.
func (l *leaving) person() *scim.Resource {
	if l.d.After != nil {
		return l.d.After
	}
	return l.d.Before
}

// records move to whoever takes over (S1-12, S1-13, S3-1, C6).
func (l *leaving) records(ctx context.Context) error {
	if !directory.IsEmployee(l.d.Before) {
		return nil
	}
	if err := l.findTeams(ctx); err != nil {
		return err
	}
	open, err := directory.All[estate.Record](ctx, l, directory.DocumentQuery{Org: l.d.Org, Key: "open:" + l.d.Before.ID})
	if err != nil || len(open) == 0 {
		return err
	}
	to, err := l.transferee(ctx)
	if err != nil || to == "" {
		return err
	}
	for i := range open {
		l.departure.Records = append(l.departure.Records, open[i].ID)
		open[i].Owner = to
		if err := directory.Save(l.d, l.d.Org, &open[i]); err != nil {
			return err
		}
	}
	l.departure.TransferredTo = to
	l.d.Do("records.transferred", to, len(open))
	asked := lifecycle.Transfer{Head: directory.Head{ID: l.d.ID}, From: l.d.Before.ID, To: to, Records: l.departure.Records}
	for _, team := range l.memberOf {
		asked.Teams = append(asked.Teams, team.ID)
	}
	return asked.Offer(ctx, l, l.d, len(open))
}

// findTeams reads the teams that the person belongs to, in their order (S1-20).
func (l *leaving) findTeams(ctx context.Context) error {
	teams, err := estate.TeamsOf(ctx, l, l.d.Org, l.d.Before.ID)
	l.memberOf = teams
	return err
}

// transferee is who receives the records: who was named, the leader of the
// primary team, or the leader of the first team that has one who is active: of
// their own teams or, for who has none, of all (S1-13). With none of them, the
// departure is refused rather than orphaning a record (G7).
func (l *leaving) transferee(ctx context.Context) (string, error) {
	named := directory.ReferenceID(or(l.d.TransferTo, l.person().Text(schemas.Usher.TransferRecordsTo)))
	if named != "" {
		ok, err := l.canReceive(ctx, named)
		if err != nil || ok {
			return named, err
		}
		l.refuse(refuse(RuleNoTransferee, directory.State, "The person named to receive the records is not an active member of the organization; name another one."))
		return "", nil
	}
	teams := l.memberOf
	if len(teams) == 0 {
		var err error
		if teams, err = estate.LedTeams(ctx, l, l.d.Org); err != nil {
			return "", err
		}
	}
	to, err := lifecycle.FirstReceiver(ctx, l, l.d.Org, teams, l.d.Before.ID)
	if err != nil || to != "" {
		return to, err
	}
	l.refuse(refuse(RuleNoTransferee, directory.State, "The person has open records and no team with an active leader to receive them; name somebody in transferRecordsTo."))
	return "", nil
}

func (l *leaving) refuse(f directory.Finding) {
	f.Blocker = &directory.Blocker{OwnerID: l.d.Before.ID, Fix: &directory.Fix{Kind: "nameTransferee", RoleNeeded: string(directory.Admin)}}
	l.found = append(l.found, f)
}

func (l *leaving) canReceive(ctx context.Context, id string) (bool, error) {
	if id == l.d.Before.ID {
		return false, nil
	}
	return lifecycle.Receives(ctx, l, l.d.Org, id)
}

// teams are left (S1-14); groups that an identity provider owns keep the member,
// who has nothing from them while inactive.
func (l *leaving) teams(context.Context) error {
	for _, team := range l.memberOf {
		l.departure.Teams = append(l.departure.Teams, team.ID)
		l.d.Do("team.left", team.ID, 1)
		if l.d.After != nil { // who is removed leaves every group
			l.d.Relink(team, directory.EdgeDelta{Remove: []string{l.d.Before.ID}})
		}
	}
	return nil
}

// assignments are disabled and kept, so that activation can enable them (C1).
func (l *leaving) assignments(ctx context.Context) error {
	all, err := directory.All[estate.Assignment](ctx, l, directory.DocumentQuery{Org: l.d.Org, Key: "user:" + l.d.Before.ID})
	if err != nil {
		return err
	}
	for i := range all {
		a := &all[i]
		if !a.Enabled {
			continue
		}
		a.Enabled, a.Departed = false, true
		l.departure.Assignments = append(l.departure.Assignments, a.ID)
		if err := directory.Save(l.d, l.d.Org, a); err != nil {
			return err
		}
		l.d.Do("assignment.disabled", a.App, 1)
	}
	return nil
}

// extensions give their licences back (S3-28).
func (l *leaving) extensions(ctx context.Context) error {
	all, err := directory.All[estate.Grant](ctx, l, directory.DocumentQuery{Org: l.d.Org, Key: "user:" + l.d.Before.ID})
	if err != nil {
		return err
	}
	for i := range all {
		directory.Drop(l.d, l.d.Org, &all[i])
		estate.FreeSeat(l.d, all[i].Extension)
		l.departure.Extensions = append(l.departure.Extensions, all[i].Extension)
		l.d.Do("extension.freed", all[i].Extension, 1)
	}
	return nil
}

// subscriptions are cancelled (S1-11).
func (l *leaving) subscriptions(ctx context.Context) error {
	all, err := directory.All[estate.Subscription](ctx, l, directory.DocumentQuery{Org: l.d.Org, Key: "active:" + l.d.Before.ID})
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Active, all[i].Cancelled = false, l.d.Now
		l.departure.Subscriptions = append(l.departure.Subscriptions, all[i].ID)
		if err := directory.Save(l.d, l.d.Org, &all[i]); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		l.d.Do("subscription.cancelled", l.d.Before.ID, len(all))
	}
	return nil
}

// invitation becomes void (S2-24).
func (l *leaving) invitation(ctx context.Context) error {
	if l.d.Before.Text(schemas.Usher.InvitationState) != directory.NotJoined {
		return nil
	}
	invitation, err := directory.Load[estate.Invitation](ctx, l, l.d.Org, l.d.Before.ID)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	invitation.State = directory.Withdrawn
	if l.d.After != nil {
		directory.SetText(l.d.After, schemas.Usher.InvitationState, directory.Withdrawn)
	}
	l.d.Do("invitation.void", l.d.Before.ID, 1)
	return directory.Save(l.d, l.d.Org, &invitation)
}

// credentials die: State writes up to when they were valid (S1-10, S3-3), and who
// is removed takes them along. Here is only told that they do.
func (l *leaving) credentials(context.Context) error {
	l.d.Do("credentials.revoked", l.d.Before.ID, 1)
	return nil
}

// addresses are blocked, or may return with a purchase (S1-6, S1-7, S1-22).
func (l *leaving) addresses(ctx context.Context) error {
	if l.d.Erase {
		return nil
	}
	returns, _ := l.person().Bool(schemas.Usher.ReactivateOnPurchase)
	by, err := askedBy(ctx, l, l.d)
	if err != nil {
		return err
	}
	if l.d.After != nil {
		directory.SetText(l.d.After, schemas.Usher.DeactivatedBy, by.Name())
	}
	n, err := estate.KeepAddresses(ctx, l, l.d, by.Name(), !returns, returns)
	if err != nil || n == 0 {
		return err
	}
	if l.d.After != nil {
		setFlag(l.d.After, schemas.Usher.BlockListed, !returns)
	}
	if returns {
		l.d.Do("address.returns", l.d.Before.ID, n)
	} else {
		l.d.Do("address.blocked", l.d.Before.ID, n)
	}
	return nil
}

// schedule ends with the departure, and so does a case.
func (l *leaving) schedule(ctx context.Context) error {
	if err := dropSchedule(ctx, l, l.d); err != nil {
		return err
	}
	return closeCase(ctx, l, l.d)
}

// keep remembers what was taken away, for undo and restoring.
func (l *leaving) keep(ctx context.Context) error {
	if l.departure.Empty() || l.d.Erase {
		return nil
	}
	profile, err := estate.ProfileOf(ctx, l, l.d.Org)
	if err != nil {
		return err
	}
	if l.departure.By, err = askedBy(ctx, l, l.d); err != nil {
		return err
	}
	l.departure.Frozen = l.d.WasFrozen()
	if l.d.After != nil && profile.UndoMinutes > 0 {
		l.departure.UndoUntil = l.d.Now.Add(time.Duration(profile.UndoMinutes) * time.Minute)
	}
	return directory.Save(l.d, l.d.Org, &l.departure)
}

// mails tell the person, who may be about to lose the mailbox, at every address that
// is theirs, and the manager (C10, S3-10). Whoever sends them takes the addresses
// from the record.
func (l *leaving) mails(ctx context.Context) error {
	n := len(directory.AddressesOf(l.person()))
	if l.d.Erase || n == 0 {
		return nil
	}
	l.d.Do("mail.deactivated", l.d.Before.ID, n)
	manager := directory.ReferenceID(l.person().Text(schemas.Enterprise.ManagerValue))
	if ok, err := l.canReceive(ctx, manager); err != nil || !ok {
		return err
	}
	l.d.Do("mail.copied", manager, 1)
	return nil
}
