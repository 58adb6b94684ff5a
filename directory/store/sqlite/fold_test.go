package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
)

// A pause is used to copy the log back into the file: the commit of a large change
// seldom has to.
func TestLogIsFoldedBackInAPause(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usher.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, text := range []string{`"the first of a kind"`, `"what came later"`} {
		err := s.Update(t.Context(), func(tx directory.Tx) error {
			return tx.PutDocument(t.Context(), directory.Document{Kind: "Note", ID: text, Version: 1, Data: []byte(text)}, directory.Document{})
		})
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(file, []byte(text)) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s is only in the log", text)
			}
		}
	}
}
