package dialtest

import (
	"context"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
)

// Watcher hears every command that a store sends.
type Watcher struct {
	mu  sync.Mutex
	all []bson.Raw
}

// Monitor is what tells it, as an option of a store.
func (w *Watcher) Monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, append(bson.Raw(nil), e.Command...))
	}}
}

// Take returns what was heard since the last time.
func (w *Watcher) Take() []bson.Raw {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

// Name is the command's.
func Name(command bson.Raw) string {
	all, err := command.Elements()
	if err != nil || len(all) == 0 {
		return ""
	}
	return all[0].Key()
}

// Named are the commands of a name on a collection.
func Named(all []bson.Raw, command, collection string) (found []bson.Raw) {
	for _, c := range all {
		if Name(c) == command && c.Lookup(command).StringValue() == collection {
			found = append(found, c)
		}
	}
	return found
}

// Names lists commands as "find guard".
func Names(all []bson.Raw) (list []string) {
	for _, c := range all {
		on, _ := c.Lookup(Name(c)).StringValueOK()
		if on != "" {
			on = " " + on
		}
		list = append(list, Name(c)+on)
	}
	return list
}
