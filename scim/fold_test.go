package scim_test

import (
	"testing"

	"github.com/usher-scim/usher/scim"
)

// K33: keys agree exactly where two names are one.
func TestK33Keys(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"admin", "ADMIN", true}, {"admin", "ADMİN", false}, {"admin", "admın", false}, {"Kelvin", "\u212aelvin", true},
		{"ａｄｍｉｎ", "admin", true}, {"straße", "STRASSE", true}, {"josé", "jose\u0301", true}, {"É", "é", true},
		{"ᴮᴵᴳᴮᴵᴿᴰ", "bigbird", true}, {"раypal", "paypal", false}, {"Σ", "ς", true}, {"ﬀ", "FF", true},
	} {
		if same := scim.Key(c.a) == scim.Key(c.b); same != c.same {
			t.Errorf("%q and %q: same is %v", c.a, c.b, same)
		}
	}
}

// K35: canonical forms are fixed points.
func FuzzK35Idempotent(f *testing.F) {
	for _, s := range []string{"ADMİN", "ᴮᴵᴳ", "ẞ", "ﬃ", "\u0345\u03b1", "ΐ", "a\u0301\u0328", "Ǆ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k := scim.Key(s); scim.Key(k) != k {
			t.Errorf("Key(%q) is %q, whose key is %q", s, k, scim.Key(k))
		}
		if k := scim.Fold(s); scim.Fold(k) != k {
			t.Errorf("Fold(%q) is %q, which folds to %q", s, k, scim.Fold(k))
		}
	})
}

// K36: nobody is named by characters that cannot be seen.
func TestK36InvisibleCharacters(t *testing.T) {
	for _, s := range []string{"a\u200bb", "a\u202eb", "a\x00b", "a\nb", "a\ue000b", "a\ufeffb", "\xff"} {
		if scim.CheckIdentifier(s) == "" {
			t.Errorf("%q was accepted", s)
		}
	}
	for _, s := range []string{"ada@x.io", "Bjørn Å", "名前", "CN=a,OU=b", "o'neil+x#EXT#"} {
		if problem := scim.CheckIdentifier(s); problem != "" {
			t.Errorf("%q %s", s, problem)
		}
	}
}
