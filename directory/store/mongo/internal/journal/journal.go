// Package journal is the events: the audit, and the outbox that they are as long as they
// have a due time.
package journal

import driver "go.mongodb.org/mongo-driver/v2/mongo"

// Journal reads the audit and is an outbox.Queue.
type Journal struct {
	client       *driver.Client
	event, state *driver.Collection
	self         string // names this process in leases
	lag          lag
}

// New is the journal in a database.
func New(db *driver.Database, self string) *Journal {
	return &Journal{client: db.Client(), event: db.Collection("event"), state: db.Collection("state"), self: self}
}
