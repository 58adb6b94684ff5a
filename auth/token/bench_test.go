package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
)

// Budget with a warm cache: 1.5 µs and two allocations.
func BenchmarkVerify(b *testing.B) {
	for name, make := range map[string]func(*fixture) string{
		"generated": func(f *fixture) string { plain, _ := f.create(b, "a", token.CreateOptions{}); return plain },
		"adopted":   func(f *fixture) string { return adopt(b, f) },
	} {
		b.Run(name, func(b *testing.B) {
			f := setup(b)
			v := token.New(f.memory, f.memory, token.Options{MaxAge: time.Hour})
			plain := make(f)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func adopt(t testing.TB, f *fixture) string {
	t.Helper()
	own := "usher_" + strings.Repeat("5f6e7d8c", 6)
	if _, err := f.Manager.Adopt(t.Context(), "a", own, token.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return own
}

func TestVerifyAllocates(t *testing.T) {
	f := setup(t)
	plain, _ := f.create(t, "a", token.CreateOptions{})
	for _, live := range []string{plain, adopt(t, f)} {
		f.accepts(t, live)
		var p auth.Principal
		if n := testing.AllocsPerRun(100, func() { p, _ = f.Verify(t.Context(), live) }); n > 2 || p.Org != "A" {
			t.Errorf("%v allocations", n)
		}
	}
}
