package scim_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/scim"
)

const full = `{` + core + `,"userName":"ada","name":{"givenName":"Ada","familyName":"L"},"emails":[{"value":"a@x","type":"work"}],"active":true,
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R"}}`

const (
	shownSchemas = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"id":"7"`
	shownMeta    = `,"meta":{"resourceType":"User","created":"2026-01-02T03:04:05.000Z","lastModified":"2026-01-02T03:04:05.000Z","location":"http://h/Users/7","version":"W/\"3\""}`
)

func TestProjections(t *testing.T) {
	rt := userType(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r, _, err := scim.Decode(rt, []byte(full), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	stored := scim.Stored(rt, "7", 3, at, at, r.AppendStored(nil))
	r.ID, r.Version, r.Created, r.Modified = "7", 3, at, at
	for _, c := range []struct {
		name           string
		only, excluded []string
		want           string
	}{
		{"default", nil, nil, shownSchemas + `,"userName":"ada","name":{"givenName":"Ada","familyName":"L"},"emails":[{"value":"a@x","type":"work"}],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R"},"groups":[1]` + shownMeta},
		{"one", []string{"UserName"}, nil, shownSchemas + `,"userName":"ada"`},
		{"sub-attribute", []string{"name.givenName", "meta.version"}, nil, shownSchemas + `,"name":{"givenName":"Ada"},"meta":{"version":"W/\"3\""}`},
		{"filtered", []string{`emails[type eq "work"]`}, nil, shownSchemas + `,"emails":[{"value":"a@x","type":"work"}]`},
		{"extension", []string{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}, nil, shownSchemas + `,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R"}`},
		{"unknown", []string{"shoe"}, nil, shownSchemas},
		{"edges", []string{"groups"}, nil, shownSchemas + `,"groups":[1]`},
		{"excluded", nil, []string{"name", "emails.type", "groups", "meta", "id", "active", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"}, shownSchemas + `,"userName":"ada","emails":[{"value":"a@x"}]`},
	} {
		p := scim.NewProjection(rt, c.only, c.excluded)
		edges := func(dst []byte) []byte { return append(dst, "[1]"...) }
		for form, r := range map[string]*scim.Resource{"stored": stored, "decoded": r.Clone()} {
			if diff := cmp.Diff("{"+c.want+"}", string(r.AppendJSON(nil, p, "http://h", edges))); diff != "" {
				t.Errorf("%s, %s: %s", c.name, form, diff)
			}
		}
	}
	if got := string(stored.AppendJSON(nil, nil, "http://h", func(dst []byte) []byte { return append(dst, "[]"...) })); got != string(stored.AppendJSON(nil, nil, "http://h", nil)) {
		t.Errorf("an empty relation is shown: %s", got)
	}
}

func BenchmarkDecode(b *testing.B) {
	rt := userType(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := scim.Decode(rt, []byte(full), scim.Tolerant); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendStored(b *testing.B) {
	rt := userType(b)
	r, _, err := scim.Decode(rt, []byte(full), scim.Tolerant)
	if err != nil {
		b.Fatal(err)
	}
	stored := scim.Stored(rt, "7", 3, time.Now(), time.Now(), r.AppendStored(nil))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = stored.AppendJSON(dst[:0], nil, "http://h", nil)
	}
}
