package search_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// R16: every filter that identity providers send is answered by an index, which
// leads to at most twice as many documents as are returned.
func TestFiltersOfIdentityProvidersUseIndexes(t *testing.T) {
	uri, heard := mongotest.URI(t), &dialtest.Watcher{}
	s := dialtest.Open(t, uri, mongo.Options{Monitor: heard.Monitor()})
	dialtest.People(t, s, 2000)
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	db := client.Database(dialtest.NameIn(uri))
	rt := dialtest.Type(t, "User")
	for src, want := range map[string]int{
		`userName eq "USER00042@corp.io"`:                                      1,
		`externalId eq "ext-00042"`:                                            1,
		`emails[type eq "work"].value eq "user00042@corp.io"`:                  1,
		`emails[type eq "work" and value eq "user00042@corp.io"]`:              1,
		`emails.value eq "user00042@corp.io"`:                                  1,
		`displayName eq "person 00042"`:                                        1,
		`id eq "00000000-0000-7000-8000-00000000002a"`:                         1,
		`name.familyName sw "family0004"`:                                      10,
		`userName sw "user0004"`:                                               10,
		`userName eq "user00042@corp.io" and active eq true`:                   1,
		`externalId eq "ext-00042" and userName eq "user00042@corp.io"`:        1,
		`emails.type eq "work" and userName eq "user00042@corp.io"`:            1,
		`emails.type eq "work" and displayName eq "person 00042"`:              1,
		`userName eq "user00042@corp.io" or externalId eq "ext-00043"`:         2,
		`userName eq "nobody"`:                                                 0,
		`displayName eq "person 00042" and not (title eq "x") and active pr`:   1,
		`userName eq "user00042@corp.io" or emails.value eq "home00001@x.io"`:  2,
		`name.familyName sw "family0004" and name.givenName eq "given"`:        10,
		`(userName eq "user00042@corp.io" or userName eq "x") and title eq ""`: 0,
	} {
		f, _, err := filter.Compile(src, rt, scim.Tolerant)
		if err != nil {
			t.Fatal(err)
		}
		heard.Take()
		var page directory.Page
		err = s.View(t.Context(), func(r directory.Reader) (err error) {
			page, err = r.Find(t.Context(), directory.Query{Org: dialtest.Org, Type: rt, Filter: f, Start: 1, Count: 100})
			return err
		})
		if err != nil || page.Total != want || len(page.Resources) != want {
			t.Errorf("%s: %d of %d found, want %d, %v", src, len(page.Resources), page.Total, want, err)
		}
		sent := heard.Take()
		finds := dialtest.Named(sent, "find", "resource")
		if len(sent) != 1 || len(finds) != 1 {
			t.Errorf("%s: %d commands", src, len(sent))
		}
		for _, c := range finds {
			stages, examined, returned := explain(t, db, c)
			if slices.Contains(stages, "COLLSCAN") || !slices.Contains(stages, "IXSCAN") && !slices.Contains(stages, "IDHACK") {
				t.Errorf("%s is answered by %v", src, stages)
			}
			if examined > 2*max(1, returned) {
				t.Errorf("%s looks at %d documents to return %d", src, examined, returned)
			}
		}
	}
}

// R16: a page of what nearly everybody fulfils, or of all in the order of their names,
// costs the documents of the page, also far from the beginning.
func TestPagesOfManyReadThePage(t *testing.T) {
	uri, heard := mongotest.URI(t), &dialtest.Watcher{}
	s := dialtest.Open(t, uri, mongo.Options{Monitor: heard.Monitor()})
	dialtest.People(t, s, 1000)
	db, rt := dialtest.Database(t, uri), dialtest.Type(t, "User")
	byName := directory.Query{SortBy: schemas.User.UserName}
	for _, c := range []struct {
		src   string
		q     directory.Query
		total int
		first string
	}{
		{`not (userName eq "user00000@corp.io")`, directory.Query{Start: 1}, 999, "user00001@corp.io"},
		{`displayName ne "person 00000"`, directory.Query{Start: 1}, 999, "user00001@corp.io"},
		{`not (displayName sw "person 0000" or externalId eq "ext-00011")`, directory.Query{Start: 1}, 989, "user00010@corp.io"},
		{"", directory.Query{SortBy: byName.SortBy, Start: 1}, 1000, "user00000@corp.io"},
		{"", directory.Query{SortBy: byName.SortBy, Start: 1, Descending: true}, 1000, "user00999@corp.io"},
		{"", directory.Query{SortBy: byName.SortBy, Start: 501}, 1000, "user00500@corp.io"},
	} {
		q := c.q
		q.Org, q.Type, q.Count = dialtest.Org, rt, 10
		if c.src != "" {
			f, _, err := filter.Compile(c.src, rt, scim.Tolerant)
			if err != nil {
				t.Fatal(err)
			}
			q.Filter = f
		}
		for range 3 { // and on from there
			heard.Take()
			var page directory.Page
			err := s.View(t.Context(), func(r directory.Reader) (err error) {
				page, err = r.Find(t.Context(), q)
				return err
			})
			if err != nil || page.Total != c.total || len(page.Resources) != 10 || q.After == nil && page.Resources[0].Text(schemas.User.UserName) != c.first {
				t.Fatalf("%s: %d of %d, %v", c.src, len(page.Resources), page.Total, err)
			}
			sent := heard.Take()
			for _, find := range slices.Concat(dialtest.Named(sent, "find", "resource"), dialtest.Named(sent, "find", "claim")) {
				stages, examined, returned := explain(t, db, find)
				if returned > 11 || examined > 22 && q.Start <= 1 {
					t.Errorf("%s, %+v: %v looks at %d documents and returns %d", c.src, c.q, stages, examined, returned)
				}
			}
			q.After = page.Last
		}
	}
}

// R16: what no index tells is compared and sorted by the server, which sends a page.
func TestTheServerComparesAndSorts(t *testing.T) {
	uri, heard := mongotest.URI(t), &dialtest.Watcher{}
	s := dialtest.Open(t, uri, mongo.Options{Monitor: heard.Monitor()})
	dialtest.People(t, s, 1000)
	rt := dialtest.Type(t, "User")
	for _, c := range []struct {
		src, sort string
		total     int
		first     string
	}{
		{`active eq false`, "", 500, "user00001@corp.io"},
		{`not (title pr)`, "", 1000, "user00000@corp.io"},
		{`emails[type eq "work" and value co "7@corp"]`, "", 100, "user00007@corp.io"},
		{`emails.type eq "home" and active eq true`, "", 500, "user00000@corp.io"},
		{`meta.created lt "2027-01-01T00:00:00Z" and not (active eq true)`, "", 500, "user00001@corp.io"},
		{`displayName sw "person 000" or active eq false`, "", 550, "user00000@corp.io"},
		{"", "name.familyName", 1000, "user00000@corp.io"},
		{"", "emails.value", 1000, "user00000@corp.io"},
		{"", "active", 1000, "user00001@corp.io"},
		{`active eq true`, "meta.lastModified", 500, "user00000@corp.io"},
		{`userName co "9@"`, "displayName", 100, "user00009@corp.io"},
	} {
		q := directory.Query{Org: dialtest.Org, Type: rt, Start: 1, Count: 10}
		if c.src != "" {
			f, _, err := filter.Compile(c.src, rt, scim.Tolerant)
			if err != nil {
				t.Fatal(err)
			}
			q.Filter = f
		}
		if c.sort != "" {
			q.SortBy, _ = rt.Resolve(c.sort)
		}
		heard.Take()
		var page directory.Page
		err := s.View(t.Context(), func(r directory.Reader) (err error) {
			page, err = r.Find(t.Context(), q)
			return err
		})
		if err != nil || page.Total != c.total || len(page.Resources) != 10 || page.Resources[0].Text(schemas.User.UserName) != c.first {
			t.Errorf("%s by %s: %d of %d, %v", c.src, c.sort, len(page.Resources), page.Total, err)
			continue
		}
		sent := heard.Take()
		for _, find := range dialtest.Named(sent, "find", "resource") {
			most, limited := find.Lookup("limit").AsInt64OK()
			named, _ := find.Lookup("filter", "_id", "$in").ArrayOK()
			if values, _ := named.Values(); limited && most != 11 || !limited && len(values) != 10 {
				t.Errorf("%s by %s reads more than the page", c.src, c.sort)
			}
		}
		if len(sent) > 4 {
			t.Errorf("%s by %s: %v", c.src, c.sort, dialtest.Names(sent))
		}
	}
}

// R16: the groups of a page of people are found in one walk over the index, in the order
// of the groups. A look-up for each of them would pass what was removed from the index
// minutes ago each time: seconds a page after a large group went.
func TestGroupsOfAPageAreOneWalk(t *testing.T) {
	uri, heard := mongotest.URI(t), &dialtest.Watcher{}
	s := dialtest.Open(t, uri, mongo.Options{Monitor: heard.Monitor()})
	dialtest.People(t, s, 100)
	db, user, group := dialtest.Database(t, uri), dialtest.Type(t, "User"), dialtest.Type(t, "Group")
	page := func(r directory.Reader) (ids []string, err error) {
		p, err := r.Find(t.Context(), directory.Query{Org: dialtest.Org, Type: user, Start: 1, Count: 100})
		for _, u := range p.Resources {
			ids = append(ids, u.ID)
		}
		return ids, err
	}
	err := s.Update(t.Context(), func(tx directory.Tx) error {
		ids, err := page(tx)
		if err != nil {
			return err
		}
		for n, name := range map[int]string{2001: "all", 2000: "everybody"} {
			g := dialtest.Record(t, group, n, `{"displayName":"`+name+`"}`)
			d := directory.EdgeDelta{}
			for _, id := range ids {
				d.Add = append(d.Add, directory.Member{ID: id, Type: "User"})
			}
			if err := errors.Join(tx.Put(t.Context(), dialtest.Org, nil, g), tx.Link(t.Context(), directory.Ref{Org: dialtest.Org, Type: group, ID: g.ID}, d)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	heard.Take()
	err = s.View(t.Context(), func(r directory.Reader) error {
		ids, err := page(r)
		if err != nil {
			return err
		}
		in, err := r.Groups(t.Context(), dialtest.Org, ids)
		for _, id := range ids {
			if m := in[id]; len(m) != 2 || m[0].Group >= m[1].Group {
				t.Errorf("%s is in %v", id, m)
			}
		}
		return err
	})
	finds := dialtest.Named(heard.Take(), "find", "edge")
	if err != nil || len(finds) != 1 {
		t.Fatalf("%d finds, %v", len(finds), err)
	}
	stages, examined, returned := explain(t, db, finds[0])
	if !slices.Equal(stages, []string{"FETCH", "IXSCAN"}) || examined != 200 || returned != 200 {
		t.Errorf("%v looks at %d memberships and returns %d", stages, examined, returned)
	}
}

// explain asks how a find is answered: the stages of the plan that won, and how
// many documents it looked at and returned.
func explain(t *testing.T, db *driver.Database, find bson.Raw) (stages []string, examined, returned int64) {
	t.Helper()
	plain := bson.D{}
	all, err := find.Elements()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if slices.Contains([]string{"find", "filter", "sort", "limit", "skip", "hint", "projection"}, e.Key()) {
			plain = append(plain, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	answer, err := db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: plain}, {Key: "verbosity", Value: "executionStats"}}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	var walk func(bson.Raw)
	walk = func(d bson.Raw) {
		if stage, ok := d.Lookup("stage").StringValueOK(); ok {
			stages = append(stages, stage)
		}
		if in, ok := d.Lookup("inputStage").DocumentOK(); ok {
			walk(in)
		}
		if list, ok := d.Lookup("inputStages").ArrayOK(); ok {
			values, _ := list.Values()
			for _, v := range values {
				walk(v.Document())
			}
		}
	}
	walk(answer.Lookup("queryPlanner", "winningPlan").Document())
	return stages, answer.Lookup("executionStats", "totalDocsExamined").AsInt64(), answer.Lookup("executionStats", "nReturned").AsInt64()
}
