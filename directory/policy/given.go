package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/scim"
)

// Given carries out what a client writes to roles of type app and to entitlements
// of type extension: applications and extensions are given and taken by the same
// rules as in the admin API (domain 3.3, S2-9, S3-28).
type Given struct{}

// The rules.
const (
	RuleAppUnknown    directory.RuleID = "app.unknown"
	RuleAppExternal   directory.RuleID = "app.external"
	RuleAppTwice      directory.RuleID = "app.twice"
	RulePersonGone    directory.RuleID = "person.inactive"
	RuleWithheld      directory.RuleID = "scope.withheld"
	RuleNotLicensed   directory.RuleID = "extension.not_licensed"
	RuleExtensionGone directory.RuleID = "extension.inactive"
)

// Review adds to the draft what follows from the values that came and went.
func (Given) Review(ctx context.Context, r directory.Reader, d *directory.Draft) (found []directory.Finding, err error) {
	if !directory.IsPerson(d.Type) || d.After == nil {
		return nil, nil
	}
	for _, part := range []struct {
		given  directory.Given
		change func(context.Context, directory.Reader, *directory.Draft, []string, []string) ([]directory.Finding, error)
	}{{directory.Apps, changeApps}, {directory.Extensions, changeExtensions}} {
		had, has := part.given.Of(d.Before), part.given.Of(d.After)
		came, went := without(has, had), without(had, has)
		if len(came)+len(went) == 0 {
			continue
		}
		if slices.Contains(d.Withheld, part.given.Path()) {
			return []directory.Finding{refuse(RuleWithheld, directory.Authority, "This client may not change what people are given by %s; give it the scope %s:write.", part.given.Path(), part.given.Path())}, nil
		}
		more, err := part.change(ctx, r, d, came, went)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	if d.Leaves() {
		directory.Extensions.Put(d.After, func(string) bool { return true }) // Departure has freed them
	}
	return found, nil
}

func without(list, others []string) (rest []string) {
	for _, one := range list {
		if !slices.Contains(others, one) {
			rest = append(rest, one)
		}
	}
	return rest
}

// changeApps gives and takes applications. Who is inactive has them when they
// return.
func changeApps(ctx context.Context, r directory.Reader, d *directory.Draft, came, went []string) (found []directory.Finding, err error) {
	given := map[string]bool{}
	for _, value := range came {
		app, role, err := appOf(ctx, r, d.Org, value)
		if isNotFound(err) {
			f := refuse(RuleAppUnknown, directory.Invalid, "There is no application that the role %s could be of; register the application first, or write the role as application.role.", value)
			f.Path = directory.Apps.Path()
			return []directory.Finding{f}, nil
		}
		if err != nil {
			return nil, err
		}
		if same := slices.DeleteFunc(directory.Apps.Of(d.After), func(v string) bool { return !directory.OfApp(app.ID)(v) }); len(same) > 1 {
			f := refuse(RuleAppTwice, directory.Invalid, "A person has one role in an application, and %s are several; send one of them.", strings.Join(same, ", "))
			f.Path = directory.Apps.Path()
			return []directory.Finding{f}, nil
		}
		given[app.ID] = true
		_, more, err := Assign(ctx, r, d, app, d.After, Wish{Role: &role, Enabled: true, Later: d.Is == directory.Inactive})
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	for _, value := range went {
		app, _, err := appOf(ctx, r, d.Org, value)
		if isNotFound(err) || err == nil && given[app.ID] {
			continue
		}
		if err != nil {
			return nil, err
		}
		_, more, err := Assign(ctx, r, d, app, d.After, Wish{})
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// appOf finds the application that a value names: all of it, or what is before its
// last dot.
func appOf(ctx context.Context, r directory.Reader, org directory.OrgID, value string) (app estate.Application, role string, err error) {
	app, err = directory.Load[estate.Application](ctx, r, org, value)
	if dot := strings.LastIndexByte(value, '.'); isNotFound(err) && dot > 0 {
		role = value[dot+1:]
		app, err = directory.Load[estate.Application](ctx, r, org, value[:dot])
	}
	return app, role, err
}

// Wish is what somebody is to have of an application.
type Wish struct {
	Role    *string // nil: as it was
	Enabled bool
	Later   bool // when they are active again
}

// Assign gives an application to a person, takes it away, or changes the role
// (T13). Only active people are given one now, and external people where it takes
// them (S2-9).
func Assign(ctx context.Context, r directory.Reader, d *directory.Draft, app estate.Application, person *scim.Resource, w Wish) (v estate.Assignment, found []directory.Finding, err error) {
	if v, err = directory.LoadDrafted[estate.Assignment](ctx, r, d, estate.AssignmentID(app.ID, person.ID)); err != nil {
		return v, nil, err
	}
	was := v
	v.App, v.User, v.Enabled, v.Departed = app.ID, person.ID, w.Enabled && !w.Later, w.Enabled && w.Later
	if w.Role != nil {
		v.Role = *w.Role
	}
	if w.Enabled && !w.Later && directory.StatusOf(person) == directory.Inactive {
		found = append(found, refuse(RulePersonGone, directory.State, "The person is inactive; activate them first, then give them applications."))
	}
	if w.Enabled && directory.IsExternal(person) && !app.AcceptsExternal {
		found = append(found, refuse(RuleAppExternal, directory.State, "%s does not accept external people; convert the person to a member of the organization first.", or(app.Name, app.ID)))
	}
	if w.Enabled {
		_, unusable, err := estate.Usable(ctx, r, directory.PrimaryAddress(person))
		if err != nil {
			return v, nil, err
		}
		found = append(found, unusable...)
	}
	if len(found) > 0 {
		return v, found, nil
	}
	if found, err = DisableApp(ctx, r, d, was, v); err != nil || len(found) > 0 {
		return v, found, err
	}
	switch {
	case was.Enabled && !v.Enabled:
		d.Do("assignment.disabled", app.ID, 1)
	case !was.Enabled && v.Enabled:
		d.Do("assignment.enabled", app.ID, 1)
	}
	return v, nil, directory.Save(d, d.Org, &v)
}

// ShowAssigned makes a person's record say what they have of an application.
func ShowAssigned(person *scim.Resource, v estate.Assignment) {
	if v.Enabled || v.Departed {
		directory.Apps.Put(person, directory.OfApp(v.App), directory.AppValue(v.App, v.Role))
	} else {
		directory.Apps.Put(person, directory.OfApp(v.App))
	}
}

// changeExtensions gives and takes extensions, each with a seat of its own licence.
func changeExtensions(ctx context.Context, r directory.Reader, d *directory.Draft, came, went []string) (found []directory.Finding, err error) {
	for _, extension := range came {
		more, err := TakeExtension(ctx, r, d, d.After, extension)
		if err != nil {
			return nil, err
		}
		grant := estate.Grant{Head: directory.Head{ID: estate.AssignmentID(extension, d.After.ID)}, User: d.After.ID, Extension: extension}
		if found = append(found, more...); len(more) == 0 {
			if err := directory.Save(d, d.Org, &grant); err != nil {
				return nil, err
			}
		}
	}
	if d.Leaves() || len(went) == 0 {
		return found, nil
	}
	all, err := directory.All[estate.Grant](ctx, r, directory.DocumentQuery{Org: d.Org, Key: "user:" + d.After.ID})
	for i := range all {
		if slices.Contains(went, all[i].Extension) {
			directory.Drop(d, d.Org, &all[i])
			estate.FreeSeat(d, all[i].Extension)
			d.Do("extension.freed", all[i].Extension, 1)
		}
	}
	return found, err
}

// TakeExtension takes a seat of an extension's licence for a person (S3-28).
func TakeExtension(ctx context.Context, r directory.Reader, d *directory.Draft, person *scim.Resource, extension string) ([]directory.Finding, error) {
	if waitlisted(person) {
		return []directory.Finding{refuse(RuleExtensionGone, directory.State, "The person waits for a seat; give them the extension %s once they are in.", extension)}, nil
	}
	if directory.StatusOf(person) == directory.Inactive {
		return []directory.Finding{refuse(RuleExtensionGone, directory.State, "The person is inactive; activate them first.")}, nil
	}
	if _, found, err := estate.Usable(ctx, r, directory.PrimaryAddress(person)); err != nil || len(found) > 0 {
		return found, err
	}
	ok, seats, err := estate.TakeSeat(ctx, r, d, extension)
	if err != nil {
		return nil, err
	}
	if !ok || !seats.Limited {
		f := refuse(RuleNotLicensed, directory.Quota, "There is no licence left for the extension %s; buy more, or take it away from somebody.", extension)
		f.Seats = &seats
		return []directory.Finding{f}, nil
	}
	d.Do("extension.granted", extension, 1)
	return nil, nil
}
