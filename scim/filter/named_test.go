package filter_test

import (
	"slices"
	"testing"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// What a filter asks of memberships is known where it names them, as identity providers
// do that ask whether somebody is in a group, and only there.
func TestNamed(t *testing.T) {
	group, _ := schemas.Default.Type("Group")
	for src, want := range map[string][]string{
		`id eq "g" and members eq "a"`:                                {"a"},
		`members.value eq "a" or not (members ne "b")`:                {"a", "b"},
		`members[value eq "a"] and displayName sw "x"`:                {"a"},
		`displayName sw "x"`:                                          {},
		`members pr`:                                                  nil,
		`members.value sw "a"`:                                        nil,
		`members.type eq "User"`:                                      nil,
		`members[value ne "a"]`:                                       nil,
		`members[value eq "a" and type eq "User"]`:                    nil,
		`members eq "a" and (displayName eq "x" or members.value pr)`: nil,
	} {
		f, _, err := filter.Compile(src, group, scim.Tolerant)
		if err != nil {
			t.Fatal(src, err)
		}
		if ids, only := f.Named(); only != (want != nil) || only && !slices.Equal(ids, want) {
			t.Errorf("%s names %v, and only them: %v", src, ids, only)
		}
	}
}
