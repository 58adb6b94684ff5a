package mongo_test

import (
	"context"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
)

// watcher hears every command that a store sends.
type watcher struct {
	mu  sync.Mutex
	all []bson.Raw
}

func (w *watcher) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, append(bson.Raw(nil), e.Command...))
	}}
}

// take returns what was heard since the last time.
func (w *watcher) take() []bson.Raw {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

// name is the command's.
func name(command bson.Raw) string {
	all, err := command.Elements()
	if err != nil || len(all) == 0 {
		return ""
	}
	return all[0].Key()
}

// named are the commands of a name on a collection.
func named(all []bson.Raw, command, collection string) (found []bson.Raw) {
	for _, c := range all {
		if name(c) == command && c.Lookup(command).StringValue() == collection {
			found = append(found, c)
		}
	}
	return found
}
