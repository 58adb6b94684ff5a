package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory/store/sqlite"
)

// R16: a backup that was broken off leaves no file that looks like one, and does not
// touch one that is there.
func TestBackupIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, err := sqlite.Open(t.Context(), filepath.Join(folder, "usher.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 200 {
		if err := s.PutSetting(t.Context(), fmt.Sprint("filler", i), make([]byte, 200_000)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "backup.db")
	for try := 0; ; try++ {
		ctx, stop := context.WithCancel(t.Context())
		go func() { // breaks it off as soon as a part is written
			for ctx.Err() == nil {
				if info, err := os.Stat(path); err == nil && info.Size() > 0 {
					stop()
				}
				time.Sleep(100 * time.Microsecond)
			}
		}()
		err := s.Backup(ctx, path)
		stop()
		if err != nil {
			break
		}
		if try == 20 {
			t.Fatal("no backup could be broken off")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := filepath.Glob(path + "*"); err != nil || left != nil {
		t.Errorf("%v is left, %v", left, err)
	}

	if err := s.Backup(t.Context(), filepath.Join(folder, "nosuch", "backup.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v for a folder that is not there", err)
	}
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := s.Backup(t.Context(), path); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a second backup to the same file: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the backup that was there is not the same, %v", err)
	}
	restored, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if err := restored.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A file that was cut off while it was copied back, or is another, is told for what it is.
func TestDamagedFileIsTold(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, err := sqlite.Open(t.Context(), filepath.Join(folder, "usher.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(folder, "backup.db")
	if err := errors.Join(s.Backup(t.Context(), backup), s.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"cut": whole[:20_000], "another": []byte("this is no database\n")} {
		path := filepath.Join(folder, name+".db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("%s: got %v, %v", name, s, err)
		}
	}
}
