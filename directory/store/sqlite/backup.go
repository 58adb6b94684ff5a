package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// Backup writes a consistent copy of the store to a new file while it is in use. If
// that fails there is no file, which somebody could take for a backup.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the backup file %s exists already; name a new one", path)
	}
	if err != nil {
		return fmt.Errorf("the backup file cannot be made: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("the backup to %s failed: %w", path, err), os.Remove(path))
		}
	}()
	if err := file.Close(); err != nil {
		return err
	}
	conn, err := db.Open(s.path, readerCacheKiB)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetInterrupt(ctx.Done())
	return db.Run(conn, "VACUUM INTO ?", path) // a file that is empty counts as none
}
