package filter_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// K38: what is wrong with the filter in a path is said, and whose path it is.
func TestK38PathsSayWhatIsWrong(t *testing.T) {
	for path, want := range map[string]string{
		`emails[type eq 'work'].value`: `The path "emails[type eq 'work'].value" has single quotation marks where double ones belong at position 16.`,
		`emails[type eq "work"`:        `The path "emails[type eq \"work\"" has no closing bracket at position 22.`,
		`emails[` + strings.Repeat(`type eq "a" or `, 64) + `type eq "b"]`: `has more than 64 comparisons.`,
		`emails[type eq "` + strings.Repeat("a", scim.MaxFilter) + `"]`:    `is longer than 8192 bytes.`,
		`/emails/0`: `The path "/emails/0" is not an attribute path`,
	} {
		_, _, err := filter.ParsePath(path, scim.Tolerant)
		var wrong *scim.Error
		if !errors.As(err, &wrong) || wrong.Type != scim.InvalidPath || !strings.Contains(wrong.Detail, want) || len(wrong.Detail) > 200 {
			t.Errorf("%.40s: %v", path, err)
		}
	}
}
