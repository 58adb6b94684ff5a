package index

import (
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

const (
	mostRows = 8192 // see Index.Most
	// Steps that are taken at a time: in each commit this many a change, which is
	// more than a change adds; and in a pause so many that no change waits long.
	drainShare = 6
	drainPause = 128
)

// Reload makes memory anew from what is committed.
func (x *Index) Reload(conn *sqlite.Conn) error {
	x.stale = true
	floor, err := db.Integer(conn, "SELECT n FROM mark WHERE name='indexed'")
	if err != nil {
		return err
	}
	last, err := db.Integer(conn, "SELECT max(row) FROM resource")
	if err != nil {
		return err
	}
	g, err := gather(conn, x.kinds, `SELECT row, org, kind, body FROM resource WHERE row > ?
		UNION ALL SELECT r.row, r.org, r.kind, r.body FROM pending p JOIN resource r ON r.row = p.row WHERE p.row <= ?`, floor, floor)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.frozen != nil { // its values may be needed by snapshots; see Written
		x.retired = append(x.retired, retired{x.frozen, ^uint64(0)})
	}
	x.stop()
	x.active, x.frozen, x.drain, x.stale = g, nil, nil, false
	x.floor, x.clean = floor, max(x.clean, last) // a drain may have ended halfway
	return nil
}

// Renew is called before the writer begins anything: it makes memory anew if that
// failed before.
func (x *Index) Renew(conn *sqlite.Conn) error {
	if !x.stale {
		return nil
	}
	return x.Reload(conn)
}

// Along takes over what the n changes of a batch did, in their order and before the
// commit, since one change may remove what another has just added. It adds to their
// transaction a share of what is to be written: so much a change. If the commit fails,
// Reload is to follow.
func (x *Index) Along(conn *sqlite.Conn, n int, all Changes) error {
	x.add(all)
	if x.frozen == nil && len(x.active.rows) >= x.Most {
		x.freeze()
	}
	if x.drain == nil {
		return nil
	}
	return x.drain.write(conn, x, n*drainShare)
}

func (x *Index) add(all Changes) {
	if len(all) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range all {
		for _, e := range c.removed {
			x.active.gone[e] = struct{}{}
			if x.frozen != nil {
				x.frozen.gone[e] = struct{}{}
			}
		}
		x.active.add(c.added)
	}
}

// Written is called after a commit, and now and then: it lets go of what no snapshot needs.
func (x *Index) Written() {
	done := x.drain != nil && x.drain.ended
	if !done && len(x.retired) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.retired = slices.DeleteFunc(x.retired, func(r retired) bool { return x.views.Over(r.epoch) })
	if done {
		x.retired = append(x.retired, retired{x.frozen, x.views.Next()})
		x.frozen, x.drain = nil, nil
	}
}

// Write writes a part of what is in memory, in a transaction of its own; there must
// be something.
func (x *Index) Write(conn *sqlite.Conn) error {
	if x.frozen == nil {
		x.freeze()
	}
	err := x.pause(conn)
	if err != nil {
		_ = x.Reload(conn) // as after any commit that failed; it is tried again
	}
	return err
}

func (x *Index) pause(conn *sqlite.Conn) error {
	if err := db.Run(conn, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := x.drain.write(conn, x, drainPause)
	if err == nil {
		err = db.Run(conn, "COMMIT")
	}
	if err != nil && !conn.AutocommitEnabled() {
		_ = db.Run(conn, "ROLLBACK") // the first error is the one to tell
	}
	return err
}

// freeze ends the active generation; what changes from now on in its rows needs
// a note.
func (x *Index) freeze() {
	x.mu.Lock()
	defer x.mu.Unlock()
	g, indexed := x.active, x.floor
	for row := range g.rows {
		x.floor = max(x.floor, row)
	}
	x.clean = max(x.clean, x.floor)
	x.frozen, x.active = g, newGeneration()
	x.drain = newDrain(g, x.exact, indexed, x.floor)
}
