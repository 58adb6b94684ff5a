package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What passes is silent, what fails says all, and what is skipped is named with its
// reason.
func TestSkipsAreNamed(t *testing.T) {
	var out strings.Builder
	skipped := follow(strings.NewReader(`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: there is no MongoDB to test with: why\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    a_test.go:9: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"skip","Package":"empty"}
`), &out)
	if diff := cmp.Diff([]string{"p TestA: there is no MongoDB to test with: why"}, skipped); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("    a_test.go:9: wrong\nFAIL\tp\t0.1s\n", out.String()); diff != "" {
		t.Error(diff)
	}
}
