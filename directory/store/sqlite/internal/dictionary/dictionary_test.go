package dictionary_test

import (
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory/store/sqlite/internal/dictionary"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// Types, attributes and organizations keep their numbers, over restarts as well, and
// what the file had not heard of is told apart the first time.
func TestNumbersStay(t *testing.T) {
	t.Parallel()
	conn, err := sqlite.OpenConn(filepath.Join(t.TempDir(), "a.db"), sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteScript(conn, `CREATE TABLE kind (num INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
		CREATE TABLE attribute (num INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path TEXT NOT NULL, UNIQUE (kind, path));
		CREATE TABLE organization (num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
		INSERT INTO organization (num, id) VALUES (7, 'a');`, nil); err != nil {
		t.Fatal(err)
	}
	rt, _ := schemas.Default.Type("User")
	first := load(t, conn)
	first.SetOrg("b", 8)
	if got := first.Orgs(); first.Org("a") != 7 || first.Org("b") != 8 || first.Org("c") != 0 || len(got) != 2 || got[7] != "a" || got[8] != "b" {
		t.Errorf("organizations are %v; c is %d", got, first.Org("c"))
	}
	second := load(t, conn)
	if second.Org("b") != 0 {
		t.Error("an organization that is not in the file is")
	}
	before, ok := first.Attribute(rt, schemas.User.UserName)
	if now, _ := second.Attribute(rt, schemas.User.UserName); !ok || now != before {
		t.Errorf("userName is %d, was %d (%t)", now, before, ok)
	}
	if _, ok := second.Attribute(rt, scim.ID); ok {
		t.Error("the id has a number")
	}
	was, err1 := first.Kind(rt)
	is, err2 := second.Kind(rt)
	if err1 != nil || err2 != nil || was.Num != is.Num || is.Type != rt || second.Kinds()[is.Num] != is {
		t.Fatalf("the type is %v, was %v, %v, %v", is, was, err1, err2)
	}
	if len(is.Unique) == 0 || len(is.Unique) != len(was.Unique) || !was.Unique[0].Fresh || is.Unique[0].Fresh {
		t.Errorf("unique attributes are %v, were %v", is.Unique, was.Unique)
	}
	if _, err := second.Kind(&scim.ResourceType{Name: "User"}); err == nil {
		t.Error("a type that the store was not opened with is known")
	}
}

func load(t *testing.T, conn *sqlite.Conn) *dictionary.Names {
	t.Helper()
	names, err := dictionary.Load(conn, schemas.Default)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
