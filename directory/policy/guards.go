package policy

import (
	"context"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Guards refuse a deactivation, with every reason and its fix (G1 to G6, G8, G9), and a
// legal hold that one administrator alone sets or lifts. They are asked again when the
// change is made, whatever a preview said (S0-19).
type Guards struct{}

// The rules.
const (
	RuleIntegration directory.RuleID = "deactivation.integration"
	RuleHigherRole  directory.RuleID = "deactivation.higher_role"
	RuleTeamLeader  directory.RuleID = "deactivation.team_leader"
	RuleLastAdmin   directory.RuleID = "deactivation.last_admin"
	RuleAppOwner    directory.RuleID = "deactivation.app_owner"
	RuleOrgOwner    directory.RuleID = "deactivation.org_owner"
	RuleSelf        directory.RuleID = "deactivation.self"
	RuleBrake       directory.RuleID = "safeguard.mass_deactivation"
	RuleOpenRecords directory.RuleID = "person.open_records"
	RuleApproval    directory.RuleID = "approval.required"
)

// Review asks all guards: first those that nothing but another caller can pass.
func (Guards) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsPerson(d.Type) || d.Before == nil {
		return nil, nil
	}
	var found []directory.Finding
	for _, guard := range guardsOf(d) {
		f, err := guard(ctx, r, d)
		if err != nil {
			return nil, err
		}
		found = append(found, f...)
	}
	return found, nil
}

type guard func(context.Context, directory.Reader, *directory.Draft) ([]directory.Finding, error)

// guardsOf are the guards that a change has to pass. Who makes a customer of an
// employee takes them from under the guards for employees, so these are asked
// before. Who sets a date needs the authority that the departure itself would need;
// whether it can happen is asked on the day.
func guardsOf(d *directory.Draft) (all []guard) {
	if d.Leaves() {
		return []guard{rank, owner, self, brake, approval, integrations, teamLeader, appAdmin, appOwner}
	}
	endsSooner := d.EndsSooner()
	convert := d.After != nil && directory.IsEmployee(d.Before) && !directory.IsEmployee(d.After)
	if d.Deferred || d.Was != d.Is || endsSooner || convert {
		all = append(all, rank)
	}
	if endsSooner {
		all = append(all, orgOwner, self)
	}
	if d.Deferred {
		all = append(all, brake)
	}
	if convert {
		all = append(all, teamLeader, openRecords)
	}
	if d.After != nil && held(d.Before) != held(d.After) {
		all = append(all, legalHold)
	}
	return all
}

// rank is G2: nobody acts upon somebody above them; the same rank may (S1-3, S1-21).
func rank(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	return Outranked(ctx, r, d, d.Before)
}

// Outranked refuses who acts upon a person above them.
func Outranked(ctx context.Context, r directory.Reader, d *directory.Draft, person *scim.Resource) ([]directory.Finding, error) {
	if !directory.IsEmployee(person) || d.Actor.Kind == directory.BySchedule || d.Actor.Kind == directory.ByPurchase || d.Actor.Kind == directory.Operator || d.Actor.Kind == directory.BySelf {
		return nil, nil
	}
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, person.ID)
	if err != nil || standing.Height() <= d.Actor.Rank || standing.Role == directory.Owner && (d.Leaves() || d.EndsSooner()) {
		return nil, err // the owner has a guard of their own
	}
	f := refuse(RuleHigherRole, directory.Authority, "%s has a higher role than you; ask somebody of at least the same rank.", directory.DisplayOf(person))
	f.Firm, f.Blocker = true, above(person.ID, standing)
	f.Blocker.Fix.Except = person.ID
	return []directory.Finding{f}, nil
}

// above is the blocker of what takes somebody who is not below a person.
func above(id string, s estate.Standing) *directory.Blocker {
	role := directory.Admin
	if s.Role == directory.Owner {
		role = directory.Owner
	}
	return &directory.Blocker{OwnerID: id, Fix: &directory.Fix{Kind: "askHigherRole", RoleNeeded: string(role), Least: s.Height()}}
}

// orgOwner is G5: the organization's owner stays until the ownership is transferred
// (S1-21, S2-17).
func orgOwner(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, d.Before.ID)
	if err != nil || standing.Role != directory.Owner {
		return nil, err
	}
	f := refuse(RuleOrgOwner, directory.State, "The owner of the organization cannot be deactivated; transfer the ownership first.")
	f.Firm, f.Blocker = true, &directory.Blocker{OwnerID: d.Before.ID, Fix: &directory.Fix{Kind: "transferOwnership", RoleNeeded: string(directory.Owner)}}
	return []directory.Finding{f}, nil
}

// owner keeps whom the organization cannot do without: its owner, and its last
// administrator (G5, K61).
func owner(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, d.Before.ID)
	switch {
	case err != nil:
		return nil, err
	case standing.Role == directory.Admin:
		return LastAdmin(ctx, r, d, d.Before.ID)
	}
	return orgOwner(ctx, r, d)
}

// LastAdmin refuses to take an administrator away from an organization that would
// then have none (K61).
func LastAdmin(ctx context.Context, r directory.Reader, d *directory.Draft, leaving string) ([]directory.Finding, error) {
	d.Alone = true
	for _, role := range []directory.Role{directory.Owner, directory.Admin} {
		for s, err := range directory.Each[estate.Standing](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "role:" + string(role)}) {
			if err != nil {
				return nil, err
			}
			on, err := active(ctx, r, d.Org, s.ID)
			if err != nil {
				return nil, err
			}
			if on && s.ID != leaving {
				return nil, nil
			}
		}
	}
	f := refuse(RuleLastAdmin, directory.State, "At least one administrator is required in the organization; make somebody else an administrator first.")
	f.Blocker = &directory.Blocker{OwnerID: leaving, Fix: &directory.Fix{Kind: "appointAdmin", RoleNeeded: string(directory.Admin)}}
	return []directory.Finding{f}, nil
}

// active reports whether a person of the organization may be in.
func active(ctx context.Context, r directory.Reader, org directory.OrgID, id string) (bool, error) {
	people, err := r.Type("User")
	if err != nil {
		return false, err
	}
	person, err := r.Get(ctx, directory.Ref{Org: org, Type: people, ID: id})
	if isNotFound(err) {
		return false, nil
	}
	return err == nil && directory.StatusOf(person) == directory.Active, err
}

// self is G6.
func self(_ context.Context, _ directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if d.Actor.User == "" || d.Actor.User != d.Before.ID || d.Actor.Kind == directory.BySelf {
		return nil, nil
	}
	f := refuse(RuleSelf, directory.Authority, "You cannot deactivate yourself; another administrator of the organization can.")
	f.Firm, f.Blocker = true, &directory.Blocker{OwnerID: d.Before.ID, Fix: &directory.Fix{Kind: "askOther", RoleNeeded: string(directory.Admin), Except: d.Before.ID}}
	return []directory.Finding{f}, nil
}

// integrations is G1: credentials that carry an integration (S0-1 to S0-20). All
// are told, with the fix and who can make it.
func integrations(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
	for i, err := range directory.Each[estate.Integration](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "owner:" + d.Before.ID}) {
		if err != nil {
			return nil, err
		}
		f, err := IntegrationFinding(ctx, r, d.Org, i)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, nil
}

// IntegrationFinding is the refusal that an integration leads to, with the texts
// of S0-4 to S0-6.
func IntegrationFinding(ctx context.Context, r directory.Documents, org directory.OrgID, i estate.Integration) (directory.Finding, error) {
	app, peer := or(i.AppName, i.App), or(i.PeerAppName, i.PeerApp)
	f := refuse(RuleIntegration, directory.State, "Status cannot be changed. User's credentials are used for integration with %s.", peer)
	if i.Holds == "membership" {
		f = refuse(RuleIntegration, directory.State, "The user's status cannot be changed as they are a part of %s-%s integration. If you still want to mark this user as inactive, disable the integration and try again.", app, peer)
	}
	profile, err := estate.ProfileOf(ctx, r, org)
	if err != nil {
		return f, err
	}
	fix := &directory.Fix{Kind: or(i.Fix.Kind, "disable"), Where: or(i.Fix.Where, i.App), RoleNeeded: or(i.Fix.RoleNeeded, string(directory.Admin)), Precondition: i.Fix.Precondition,
		Href: "/api/v1/integrations/" + i.ID, Support: profile.SupportContact}
	f.Blocker = &directory.Blocker{IntegrationID: i.ID, App: i.App, PeerApp: i.PeerApp, OwnerID: i.Owner, Fix: fix}
	return f, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// teamLeader is G3, for employees (S1-4).
func teamLeader(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if !directory.IsEmployee(d.Before) {
		return nil, nil
	}
	leads, err := directory.All[estate.Leadership](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "leader:" + d.Before.ID})
	if err != nil || len(leads) == 0 {
		return nil, err
	}
	groups, err := r.Type("Group")
	if err != nil {
		return nil, err
	}
	var names, ids []string
	for _, l := range leads {
		team, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: groups, ID: l.ID})
		if err != nil {
			return nil, err
		}
		names, ids = append(names, team.Text(schemas.Group.DisplayName)), append(ids, team.ID)
	}
	refusal := refuse(RuleTeamLeader, directory.State, "%s leads the team %s; remove them from the teams they lead first.", directory.DisplayOf(d.Before), names[0])
	if len(names) > 1 {
		refusal = refuse(RuleTeamLeader, directory.State, "%s leads the teams %s; remove them from the teams they lead first.", directory.DisplayOf(d.Before), strings.Join(names, ", "))
	}
	refusal.Blocker = &directory.Blocker{OwnerID: d.Before.ID, Teams: ids, Fix: &directory.Fix{Kind: "changeLeader", RoleNeeded: string(directory.Admin)}}
	return []directory.Finding{refusal}, nil
}

// openRecords keeps who answers for records among the employees, whose records move
// when they leave (S1-12); a customer's would stay with somebody who is gone.
func openRecords(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	for _, err := range directory.Each[estate.Record](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "open:" + d.Before.ID, Limit: 1}) {
		if err != nil {
			return nil, err
		}
		f := refuse(RuleOpenRecords, directory.State, "%s has open records; give them to somebody else first.", directory.DisplayOf(d.Before))
		f.Firm = true
		return []directory.Finding{f}, nil
	}
	return nil, nil
}

// appAdmin is G4: every application keeps its administrators.
func appAdmin(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
	for a, err := range directory.Each[estate.Assignment](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + d.Before.ID}) {
		if err != nil {
			return nil, err
		}
		if !a.Enabled || a.Role != estate.AppAdmin {
			continue
		}
		f, err := MinAdmins(ctx, r, d, a)
		if err != nil {
			return nil, err
		}
		found = append(found, f...)
	}
	return found, nil
}

// MinAdmins refuses to take an administrator away from an application that would
// then have too few (G4).
func MinAdmins(ctx context.Context, r directory.Reader, d *directory.Draft, leaving estate.Assignment) ([]directory.Finding, error) {
	d.Alone = true
	app, err := directory.LoadOr[estate.Application](ctx, r, d.Org, leaving.App)
	if err != nil {
		return nil, err
	}
	people, err := r.Type("User")
	if err != nil {
		return nil, err
	}
	others := 0
	for a, err := range directory.Each[estate.Assignment](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "role:" + leaving.App + "." + estate.AppAdmin}) {
		if err != nil {
			return nil, err
		}
		person, err := r.Get(ctx, directory.Ref{Org: d.Org, Type: people, ID: a.User})
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		if err == nil && a.User != leaving.User && directory.StatusOf(person) == directory.Active {
			others++
		}
	}
	if others >= max(1, app.MinAdmins) {
		return nil, nil
	}
	name := or(app.Name, leaving.App)
	f := refuse(RuleLastAdmin, directory.State, "At least one administrator is required in %s", name)
	if app.MinAdmins > 1 {
		f = refuse(RuleLastAdmin, directory.State, "At least %d administrators are required in %s", app.MinAdmins, name)
	}
	f.Blocker = &directory.Blocker{App: leaving.App, OwnerID: leaving.User, Fix: &directory.Fix{Kind: "appointAdmin", Where: leaving.App, RoleNeeded: string(directory.Admin)}}
	return []directory.Finding{f}, nil
}

// appOwner is the other half of G4.
func appOwner(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
	for app, err := range directory.Each[estate.Application](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "owner:" + d.Before.ID}) {
		if err != nil {
			return nil, err
		}
		f := refuse(RuleAppOwner, directory.State, "%s owns the application %s; transfer its ownership first.", directory.DisplayOf(d.Before), or(app.Name, app.ID))
		f.Blocker = &directory.Blocker{App: app.ID, OwnerID: d.Before.ID, Fix: &directory.Fix{Kind: "transferApplication", Where: app.ID, RoleNeeded: string(directory.Admin), Href: "/api/v1/applications/" + app.ID}}
		found = append(found, f)
	}
	return found, nil
}
