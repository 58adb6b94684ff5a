package oidc_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/usher-scim/usher/auth/oidc"
	"github.com/usher-scim/usher/directory"
)

func TestK07_TenantIsOfTheBinding(t *testing.T) {
	t.Parallel()
	a, b := issuer(t), issuer(t)
	ofA, ofB := bind(a), bind(b)
	ofA.Claims = map[string]string{"tid": "tenant-a"}
	ofB.Claims = map[string]string{"tid": "tenant-b"}
	ofB.Org, ofB.Connection = "B", "b"
	f := setup(t, ofA, ofB)
	if p := f.accepts(t, a.Token(claims{"tid": "tenant-a"})); p.Org != "A" {
		t.Errorf("got %s", p.Org)
	}
	for _, token := range []string{
		a.Token(claims{"tid": "tenant-b"}), a.Token(nil), a.Token(claims{"tid": 1}),
		a.Token(claims{"iss": b.URL, "tid": "tenant-b"}), b.Token(claims{"tid": "tenant-a"}),
	} {
		f.refuses(t, token)
	}
}

// One issuer, two tenants told apart by a claim; the first match wins.
func TestK07_BindingsOfOneIssuer(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	ofA, ofB, rest := bind(i), bind(i), bind(i)
	ofA.Claims = map[string]string{"azp": "app-a"}
	ofB.Claims = map[string]string{"roles": "provision"}
	ofB.Org, ofB.Connection = "B", "b"
	rest.Subjects = []string{"robot"}
	f := setup(t, ofA, ofB, rest)
	for _, tt := range []struct {
		name string
		c    claims
		want directory.OrgID
	}{
		{"first", claims{"azp": "app-a"}, "A"},
		{"second, in a list", claims{"roles": []string{"read", "provision"}}, "B"},
		{"both", claims{"azp": "app-a", "roles": "provision"}, "A"},
		{"third, by subject", claims{"sub": "robot"}, "A"},
		{"none", nil, ""},
		{"only alike", claims{"azp": "app-a ", "roles": "provision read"}, ""},
	} {
		if tt.want == "" {
			f.refuses(t, i.Token(tt.c))
		} else if p := f.accepts(t, i.Token(tt.c)); p.Org != tt.want {
			t.Errorf("%s: got %s", tt.name, p.Org)
		}
	}
	if got := i.Fetches(); got != 1 {
		t.Errorf("%d fetches for one issuer", got)
	}
}

func TestK07_ConnectionOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	b := bind(i)
	b.Connection = "b"
	f := setup(t, b)
	f.refuses(t, i.Token(nil))
}

// Two issuers that agree on kid, jti and sub are never taken for each other.
func TestK08_TenThousandInterleaved(t *testing.T) {
	t.Parallel()
	a, b := issuer(t), issuer(t)
	ofB := bind(b)
	ofB.Org, ofB.Connection = "B", "b"
	f := setup(t, bind(a), ofB)
	const pairs = 50
	var ofIssuer [2][pairs]string
	for n := range pairs {
		same := claims{"jti": fmt.Sprint("j", n), "sub": "same"}
		ofIssuer[0][n], ofIssuer[1][n] = a.Token(same), b.Token(same)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := range 2500 {
				which := (n + worker) % 2
				p, err := f.Verify(t.Context(), ofIssuer[which][n%pairs])
				if want := directory.OrgID("AB"[which : which+1]); err != nil || p.Org != want || p.Connection.Org != want {
					t.Errorf("got %+v, %v, want organization %s", p, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

const tenantID = "72f988bf-86f1-41af-91ab-2d7cd011db47"

func TestEntraIssuers(t *testing.T) {
	t.Parallel()
	for issuer, good := range map[string]bool{
		"https://sts.windows.net/" + tenantID + "/":                                   true,
		"https://login.microsoftonline.com/" + tenantID + "/v2.0":                     true,
		"https://login.microsoftonline.us/" + tenantID + "/v2.0":                      true,
		"https://login.microsoftonline.com/common/v2.0":                               false,
		"https://login.microsoftonline.com/organizations/v2.0":                        false,
		"https://login.microsoftonline.com/consumers/v2.0":                            false,
		"https://login.microsoftonline.com/{tenantid}/v2.0":                           false,
		"https://LOGIN.microsoftonline.com/Common/v2.0":                               false,
		"https://sts.windows.net/":                                                    false,
		"https://sts.windows.net":                                                     false,
		"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0": false,
		"https://login.microsoftonline.com./common":                                   false,
		"https://login.microsoftonline.com:443/common":                                false,
		"https://login.example.com/common":                                            true,
	} {
		_, err := oidc.New([]oidc.Binding{{Issuer: issuer, Audience: []string{"x"}, Org: "A", Connection: "a"}}, nil, oidc.Options{})
		if (err == nil) != good {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
