package policy

import (
	"context"
	"slices"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Subjects keeps in mind what access tokens called a person who is not called that any
// more: removed, erased or under another name. See directory.Former.
type Subjects struct{}

// Review looks at every person who gains or loses a subject. Who gains one that was
// somebody's, or their own once, does not gain the tokens that were given for it (S1-26).
func (Subjects) Review(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
	if d.Before == d.After || !directory.IsPerson(d.Type) {
		return nil, nil
	}
	for _, id := range lost(d.After, d.Before) {
		_, err := directory.Load[directory.Former](ctx, r, d.Org, id)
		if err == nil {
			setTime(d, schemas.Usher.CredentialsValidAfter)
		} else if !isNotFound(err) {
			return nil, err
		}
	}
	for _, id := range lost(d.Before, d.After) {
		f, err := directory.LoadOr[directory.Former](ctx, r, d.Org, id)
		if err == nil && f.Version == 0 {
			err = directory.Save(d, d.Org, &f)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// lost are the FormerIDs of the subjects that a record had before and has no longer.
func lost(before, after *scim.Resource) (ids []string) {
	var kept []string
	for _, a := range []*scim.Attribute{scim.ExternalID, schemas.User.UserName} {
		was, is := textOf(before, a), textOf(after, a)
		if was != "" && was != is {
			ids = append(ids, directory.FormerID(was))
		}
		if is != "" {
			kept = append(kept, is)
		}
	}
	if before != nil {
		before.EachExternalID(func(client, was string) {
			is := ""
			if after != nil {
				is, _ = after.ExternalIDOf(client)
			}
			if was != is {
				ids = append(ids, directory.FormerID(was))
			}
		})
	}
	if len(ids) == 0 { // as nearly always
		return nil
	}
	for _, is := range kept {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == directory.FormerID(is) })
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// textOf is the text of an attribute; "" where there is no record.
func textOf(p *scim.Resource, a *scim.Attribute) string {
	if p == nil {
		return ""
	}
	return p.Text(a)
}
