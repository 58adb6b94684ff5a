package main

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/usher-scim/usher/auth/oidc/oidctest"
)

// issuers are those of the scripts that run, by the address they have there.
var issuers sync.Map

// issuer starts an OIDC issuer and puts its address where a file says ISSUER:
// issuer FILE.
func issuer(ts *testscript.TestScript, _ bool, args []string) {
	i := oidctest.New()
	ts.Defer(i.Close)
	issuers.Store(i.URL, i)
	ts.Setenv("ISSUER", i.URL)
	file := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(file, []byte(strings.ReplaceAll(ts.ReadFile(args[0]), "ISSUER", i.URL)), 0o600))
}

// issue writes an access token with the given claims: issue FILE NAME=VALUE...
func issue(ts *testscript.TestScript, _ bool, args []string) {
	url := ts.Getenv("ISSUER")
	claims := map[string]any{"iss": url, "tid": "home", "exp": time.Now().Add(time.Hour).Unix()}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		claims[name] = value
		if n, err := strconv.Atoi(value); err == nil {
			claims[name] = n
		}
	}
	i, ok := issuers.Load(url)
	if !ok {
		ts.Fatalf("there is no issuer yet")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(i.(*oidctest.Issuer).Token(claims)), 0o600))
}
