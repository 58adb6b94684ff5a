package estate

import (
	"cmp"
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Team is the kind of group that Usher itself keeps: who leaves the organization
// leaves the team. Other groups belong to who provisions them.
const Team = "team"

// TeamsOf are the teams that a person is a direct member of: the primary team
// first, then by rank, then by name (S1-20).
func TeamsOf(ctx context.Context, r directory.Reader, org directory.OrgID, user string) ([]*scim.Resource, error) {
	groups, err := r.Groups(ctx, org, []string{user})
	if err != nil || len(groups[user]) == 0 {
		return nil, err
	}
	standing, err := directory.LoadOr[Standing](ctx, r, org, user)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range groups[user] {
		ids = append(ids, m.Group)
	}
	return teamsAmong(ctx, r, org, ids, standing.PrimaryTeam)
}

// LedTeams are the teams of the organization that have a leader, by rank, then by
// name (S1-13).
func LedTeams(ctx context.Context, r directory.Reader, org directory.OrgID) ([]*scim.Resource, error) {
	led, err := directory.All[Leadership](ctx, r, directory.DocumentQuery{Org: org})
	var ids []string
	for _, l := range led {
		ids = append(ids, l.ID)
	}
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return teamsAmong(ctx, r, org, ids, "")
}

// teamsAmong are those of the groups that are teams, in their order.
func teamsAmong(ctx context.Context, r directory.Reader, org directory.OrgID, groups []string, primaryTeam string) ([]*scim.Resource, error) {
	rt, err := r.Type("Group")
	if err != nil {
		return nil, err
	}
	var teams []*scim.Resource
	for _, id := range groups {
		g, err := r.Get(ctx, directory.Ref{Org: org, Type: rt, ID: id})
		if err != nil {
			return nil, err
		}
		if err := g.Load(); err != nil {
			return nil, err
		}
		if scim.EqualName(g.Text(schemas.UsherGroup.Kind), Team) {
			teams = append(teams, g)
		}
	}
	order := func(g *scim.Resource) (primary int, ranked int, rank int64) {
		v, set := g.Get(schemas.UsherGroup.Rank)
		if g.ID != primaryTeam {
			primary = 1
		}
		if !set {
			ranked = 1
		}
		return primary, ranked, v.Int()
	}
	slices.SortStableFunc(teams, func(a, b *scim.Resource) int {
		ap, ar, an := order(a)
		bp, br, bn := order(b)
		return cmp.Or(cmp.Compare(ap, bp), cmp.Compare(ar, br), cmp.Compare(an, bn),
			cmp.Compare(scim.Key(a.Text(schemas.Group.DisplayName)), scim.Key(b.Text(schemas.Group.DisplayName))))
	})
	return teams, nil
}

// Leadership says who leads a group; its id is the group's. It is kept beside the
// group, whose leader may be written as a location, so that it is found by the id.
type Leadership struct {
	directory.Head
	Leader string `json:"leader"`
}

// Kind is "leadership".
func (*Leadership) Kind() directory.Kind { return "leadership" }

// Keys is the leader.
func (l *Leadership) Keys() []string { return []string{"leader:" + l.Leader} }
