package policy

import (
	"context"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// wish is something that one person does not do alone where the organization asks for
// two: who wants it, the id of its approval, whom it is about, and where the approval is
// given.
type wish struct {
	by              directory.Actor
	id, about, href string
}

// secondPerson refuses a wish with f until somebody else has allowed it.
func secondPerson(ctx context.Context, r directory.Reader, d *directory.Draft, w wish, f directory.Finding) ([]directory.Finding, error) {
	profile, err := estate.ProfileOf(ctx, r, d.Org)
	if err != nil || !profile.TwoPeople {
		return nil, err
	}
	ok, err := estate.Approved(ctx, r, d, w.id, w.by)
	if err != nil || ok {
		return nil, err
	}
	f.Firm, f.Held = true, true
	f.Blocker = &directory.Blocker{OwnerID: w.about, Fix: &directory.Fix{Kind: "approve", RoleNeeded: string(directory.Admin), Except: w.by.User, Href: w.href}}
	return []directory.Finding{f}, nil
}

// bound reports whether the rule of two people binds the actor in what only
// administrators do. It does not bind the owner (3.6), nor clients, whose powers the
// operator has chosen.
func bound(a directory.Actor) bool {
	return a.Role != directory.Owner && (a.Kind == directory.ByMember || a.Kind == directory.Operator)
}

// approvalOf is where the approval of what is done to a person is given.
func approvalOf(id, what string) string { return "/api/v1/users/" + id + "/approval" + what }

// approval is G9: who holds a role is deactivated by two people. The one who set the
// date of a departure is the first.
func approval(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	id := d.Before.ID
	standing, err := directory.LoadOr[estate.Standing](ctx, r, d.Org, id)
	if err != nil || standing.Role == "" || d.Actor.Kind == directory.BySelf {
		return nil, err
	}
	by, err := askedBy(ctx, r, d)
	if err != nil {
		return nil, err
	}
	return secondPerson(ctx, r, d, wish{by, id, id, approvalOf(id, "")},
		refuse(RuleApproval, directory.Authority, "The deactivation of %s needs the approval of a second person; another administrator can give it, and the next attempt succeeds.", directory.DisplayOf(d.Before)))
}

// held reports whether a person's data is under a legal hold.
func held(person *scim.Resource) bool {
	on, _ := person.Bool(schemas.Usher.LegalHold)
	return on
}

// legalHold asks for a second person where a hold is set or lifted (3.6).
func legalHold(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	id, name := d.Before.ID, directory.DisplayOf(d.Before)
	if !held(d.After) {
		return MayUnhold(ctx, r, d, id, name)
	}
	if !bound(d.Actor) {
		return nil, nil
	}
	return secondPerson(ctx, r, d, wish{d.Actor, estate.ApprovalID(estate.ToHold, id), id, approvalOf(id, "?for="+estate.ToHold)},
		refuse(RuleApproval, directory.Authority, "A legal hold on the data of %s needs the approval of a second person; another administrator can give it, and the next attempt succeeds.", name))
}

// MayUnhold asks for a second person where the legal hold of somebody is lifted, who may
// have been removed (3.6).
func MayUnhold(ctx context.Context, r directory.Reader, d *directory.Draft, id, name string) ([]directory.Finding, error) {
	if !bound(d.Actor) {
		return nil, nil
	}
	return secondPerson(ctx, r, d, wish{d.Actor, estate.ApprovalID(estate.ToUnhold, id), id, approvalOf(id, "?for="+estate.ToUnhold)},
		refuse(RuleApproval, directory.Authority, "Lifting the legal hold of %s needs the approval of a second person; another administrator can give it, and the next attempt succeeds.", name))
}

// MayLift asks for a second person where the block of an address is lifted (3.6). Who
// lets a person in lifts what that person's own deactivation has blocked, and needs
// none (S1-23).
func MayLift(ctx context.Context, r directory.Reader, d *directory.Draft, entry estate.Address) ([]directory.Finding, error) {
	if d.Returns() && entry.User == d.Before.ID {
		return nil, nil
	}
	return liftsAlone(ctx, r, d, entry, "/api/v1/addresses/approve")
}

// liftsAlone refuses who lifts the block of an address alone and may not; href is where
// the approval is given.
func liftsAlone(ctx context.Context, r directory.Reader, d *directory.Draft, entry estate.Address, href string) ([]directory.Finding, error) {
	if !entry.Blocked || !bound(d.Actor) {
		return nil, nil
	}
	return secondPerson(ctx, r, d, wish{d.Actor, entry.LiftID(), entry.User, href},
		refuse(RuleApproval, directory.Authority, "Lifting the block of the address %s needs the approval of a second person; another administrator can give it, and the next attempt succeeds.", entry.ID))
}

// unblocks refuses who may not lift a block, and asks for a second person, where an
// inactive person whose addresses are blocked may come back with a purchase from now on.
func unblocks(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if on, _ := d.After.Bool(schemas.Usher.BlockListed); on {
		return nil, nil
	}
	on, _ := d.Before.Bool(schemas.Usher.BlockListed)
	own := estate.Address{Head: directory.Head{ID: directory.PrimaryAddress(d.Before)}, User: d.Before.ID, Blocked: on, By: d.Before.Text(schemas.Usher.DeactivatedBy)}
	if on && !canLift(d, own.By) {
		return []directory.Finding{blocked(own.ID)}, nil
	}
	return liftsAlone(ctx, r, d, own, approvalOf(own.User, "?for="+estate.ToUnblock))
}

// MaySet asks for a second person where the limits of the brake change, or the rule of
// two people is switched off (3.6).
func MaySet(ctx context.Context, r directory.Reader, d *directory.Draft, was, next estate.Safeguards) ([]directory.Finding, error) {
	if was == next || !bound(d.Actor) {
		return nil, nil
	}
	id, err := next.ApprovalID()
	if err != nil {
		return nil, err
	}
	return secondPerson(ctx, r, d, wish{d.Actor, id, "", "/api/v1/settings/approval"},
		refuse(RuleApproval, directory.Authority, "A change of the brake on deactivations, or of the rule that two people are needed, needs the approval of a second person; another administrator can give it for the same values, and the next attempt succeeds."))
}

// MayOwn asks for a second person where an administrator makes somebody the owner of an
// organization that has none: the owner is not bound by the rule, so that whoever made
// themselves the owner would be rid of it (3.6, 4.13).
func MayOwn(ctx context.Context, r directory.Reader, d *directory.Draft, id, name string) ([]directory.Finding, error) {
	if !bound(d.Actor) {
		return nil, nil
	}
	return secondPerson(ctx, r, d, wish{d.Actor, estate.ApprovalID(estate.ToOwn, id), id, approvalOf(id, "?for="+estate.ToOwn)},
		refuse(RuleApproval, directory.Authority, "Making %s the owner of the organization needs the approval of a second person; another administrator can give it, and the next attempt succeeds.", name))
}

// MayRelease keeps an administrator from switching the brake off for one connection:
// alone they let it pass for as long as an approval holds.
func MayRelease(ctx context.Context, r directory.Reader, d *directory.Draft, v lifecycle.Release) ([]directory.Finding, error) {
	if !bound(d.Actor) || !v.Until.After(d.Now.Add(estate.ApprovalLife)) {
		return nil, nil
	}
	profile, err := estate.ProfileOf(ctx, r, d.Org)
	if err != nil || !profile.TwoPeople {
		return nil, err
	}
	f := refuse(RuleApproval, directory.Authority, "Where two people are needed, an administrator lets a connection past the brake for a day at most; choose an earlier end, or change the limits of the brake with the approval of a second person.")
	f.Firm, f.Blocker = true, &directory.Blocker{Fix: &directory.Fix{Kind: "askHigherRole", RoleNeeded: string(directory.Owner)}}
	return []directory.Finding{f}, nil
}
