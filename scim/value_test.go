package scim

import "testing"

// A dateTime is another when it is another instant, also where instants are too far
// away to be counted in nanoseconds.
func TestDateTimesDiffer(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", true},
		{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000001Z", false},
		{"9999-12-31T00:00:00Z", "2500-01-01T00:00:00Z", false},
		{"0001-01-01T00:00:00Z", "1500-01-01T00:00:00Z", false},
		{"9999-12-31T00:00:00Z", "9999-12-31T00:00:00Z", true},
	} {
		a, _ := ParseTime(c.a)
		b, _ := ParseTime(c.b)
		if TimeValue(a, c.a).Equal(TimeValue(b, c.b)) != c.same {
			t.Errorf("%s and %s: the same is %t, want %t", c.a, c.b, !c.same, c.same)
		}
	}
}
