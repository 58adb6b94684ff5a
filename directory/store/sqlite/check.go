package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// Check looks for damage: SQLite's own check of the file, and whether the counts
// and keys that Usher keeps agree with the records.
func (s *Store) Check(ctx context.Context) error {
	return s.view(ctx, func(conn *sqlite.Conn) error {
		result := ""
		if _, err := db.One(conn, func(stmt *sqlite.Stmt) { result = stmt.ColumnText(0) }, "PRAGMA integrity_check(1)"); err != nil {
			return err
		}
		if result != "ok" {
			return fmt.Errorf("the data file is damaged (%s); restore a backup", result)
		}
		for what, query := range map[string]string{
			"totals":       "SELECT (SELECT coalesce(sum(n), 0) FROM block) - (SELECT count(*) FROM resource)",
			"unique keys":  "SELECT count(*) FROM uniq WHERE row NOT IN (SELECT row FROM resource)",
			"search index": "SELECT count(*) FROM term WHERE row NOT IN (SELECT row FROM resource)",
			"memberships":  "SELECT count(*) FROM edge WHERE grp NOT IN (SELECT row FROM resource) OR member NOT IN (SELECT row FROM resource)",
			"outbox":       "SELECT count(*) FROM outbox WHERE seq NOT IN (SELECT seq FROM audit)",
		} {
			n, err := db.Integer(conn, query)
			if err != nil {
				return err
			}
			if n != 0 {
				return fmt.Errorf("the %s disagree with the records in %d places", what, n)
			}
		}
		return nil
	})
}
