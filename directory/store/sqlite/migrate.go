package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// SchemaVersion is the number of the newest migration.
func SchemaVersion() int {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return len(names)
}

// migrate brings the tables up to date, one migration a transaction, forward
// only. A file that is newer than the program is refused.
func migrate(ctx context.Context, conn *sqlite.Conn) error {
	have, err := db.Integer(conn, "PRAGMA user_version")
	if err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if int(have) > len(names) {
		return fmt.Errorf("the data was written by a newer usher (tables at version %d, this program knows %d); use that one", have, len(names))
	}
	for i := int(have); i < len(names) && ctx.Err() == nil; i++ {
		script, err := migrations.ReadFile(names[i])
		if err != nil {
			return err
		}
		step := fmt.Sprintf("%s\nPRAGMA user_version=%d;", script, i+1)
		if err := sqlitex.ExecuteScript(conn, step, nil); err != nil { // one transaction
			return fmt.Errorf("migration %s: %w", names[i], err)
		}
	}
	return ctx.Err()
}
