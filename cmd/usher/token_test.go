package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// broken is an output that nothing can be written to.
type broken struct{}

var errBroken = errors.New("no space left")

// Write fails.
func (broken) Write([]byte) (int, error) { return 0, errBroken }

// A token that could not be shown is nobody's: the command fails, and it does not live.
func TestTokenThatCannotBeShown(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	usher := func(out io.Writer, args ...string) error {
		cmd := root()
		cmd.SetArgs(append(args, "--data", data))
		cmd.SetOut(out)
		return cmd.ExecuteContext(t.Context())
	}
	live := func() (ids []string) {
		var list bytes.Buffer
		if err := usher(&list, "token", "list"); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list.String()) {
			if id, _, ok := strings.Cut(line, " "); ok && strings.Contains(line, " live ") {
				ids = append(ids, id)
			}
		}
		return ids
	}
	if err := usher(broken{}, "token", "create"); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if ids := live(); ids != nil {
		t.Fatalf("%v live", ids)
	}
	if err := usher(io.Discard, "token", "create"); err != nil {
		t.Fatal(err)
	}
	first := live()
	if err := usher(broken{}, "token", "rotate", first[0]); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if ids := live(); len(ids) != 1 || ids[0] != first[0] {
		t.Errorf("%v live, want %v alone", ids, first)
	}
}
