package mongotest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
)

// Tenants are the collections whose documents belong to organizations.
var Tenants = []string{"resource", "claim", "edge", "document", "event", "guard"}

// exempt are the only commands on them that name no organization, by what they ask for.
var exempt = map[string]map[string]string{
	"event": {
		"find":      `{"due": {"$exists": true}}`, // the relay looks for what is due, and Lag for the oldest of it, in all organizations
		"aggregate": `{"due": {"$exists": true}}`, // Lag counts what waits
	},
}

// furnishing are commands that are about collections, not about documents.
var furnishing = []string{"create", "createIndexes", "listIndexes"}

// Separated hears every command and fails the test for one on an organization's
// documents that does not name one organization as a text, in every alternative that
// it has (K01): so that each can be sent to the shards that have that organization,
// and none can reach into another.
func Separated(t testing.TB) *event.CommandMonitor {
	var once sync.Once
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		name, ok := e.Command.Lookup(e.CommandName).StringValueOK()
		if !ok || !slices.Contains(Tenants, name) || slices.Contains(furnishing, e.CommandName) {
			return
		}
		all := filters(e)
		for _, filter := range all {
			if !namesOrganization(filter) && filter.String() != exempt[name][e.CommandName] {
				all = nil
			}
		}
		if len(all) == 0 {
			text := e.Command.String()
			once.Do(func() { t.Errorf("K01: a command that does not name its organization: %s", text) })
		}
	}}
}

// namesOrganization reports whether a condition fixes the organization.
func namesOrganization(filter bson.Raw) bool {
	if _, ok := filter.Lookup("o").StringValueOK(); ok {
		return true
	}
	parts := func(operator string) (all []bson.RawValue) {
		if list, ok := filter.Lookup(operator).ArrayOK(); ok {
			all, _ = list.Values()
		}
		return all
	}
	if slices.ContainsFunc(parts("$and"), func(v bson.RawValue) bool { return namesOrganization(v.Document()) }) {
		return true
	}
	or := parts("$or")
	return len(or) > 0 && !slices.ContainsFunc(or, func(v bson.RawValue) bool { return !namesOrganization(v.Document()) })
}

// filters are what a command says of the documents that it is about.
func filters(e *event.CommandStartedEvent) (all []bson.Raw) {
	doc := func(path ...string) {
		if d, ok := e.Command.Lookup(path...).DocumentOK(); ok {
			all = append(all, d)
		}
	}
	list := func(field, part string) {
		values, err := e.Command.Lookup(field).Array().Values() // the command has it
		if err != nil {
			return
		}
		for _, v := range values {
			d, ok := v.DocumentOK()
			if ok && part != "" {
				d, ok = d.Lookup(part).DocumentOK()
			}
			if ok {
				all = append(all, d)
			}
		}
	}
	switch e.CommandName {
	case "find":
		doc("filter")
	case "count", "distinct", "findAndModify":
		doc("query")
	case "aggregate":
		doc("pipeline", "0", "$match")
	case "update":
		list("updates", "q")
	case "delete":
		list("deletes", "q")
	case "insert":
		list("documents", "")
	}
	return all
}
