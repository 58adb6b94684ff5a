package db

import (
	"testing"

	"zombiezen.com/go/sqlite"
)

// An id comes back as it was written, and only its canonical form is one.
func TestID(t *testing.T) {
	t.Parallel()
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const text = "01234567-89ab-7cde-8f01-23456789abcd"
	id, ok := ParseID(text)
	if !ok {
		t.Fatal("it is no id")
	}
	got := ""
	if _, err := One(conn, func(s *sqlite.Stmt) { got = ID(s, 1) }, "SELECT 0, ?", id); err != nil || got != text {
		t.Errorf("%q came back, %v", got, err)
	}
	for _, wrong := range []string{"", "01234567-89AB-7cde-8f01-23456789abcd", "0123456789ab7cde8f0123456789abcd", "01234567-89ab-7cde-8f01-23456789abcg", "01234567-89ab-7cde-8f01-23456789abcd0", "0123456-789ab-7cde-8f01-23456789abcd"} {
		if _, ok := ParseID(wrong); ok {
			t.Errorf("%q is an id", wrong)
		}
	}
}
