package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
	"github.com/usher-scim/usher/scim/server"
)

// known is an authenticator for whom everybody is the same principal.
type known auth.Principal

func (k known) Authenticate(*http.Request) (auth.Principal, error) { return auth.Principal(k), nil }

// Every change says in its event who made it and through which door.
func TestEventsNameTheActor(t *testing.T) {
	e := setup(t)
	svc := directory.New(e.store, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves})
	for door, p := range map[directory.ActorKind]auth.Principal{
		directory.Client:   {Org: "a", Scopes: auth.Scopes{auth.All}, Credential: "c1", Subject: "s1", Connection: directory.Connection{ID: "idp"}},
		directory.Operator: {Org: "a", Scopes: auth.Scopes{auth.All}, Operator: true, Connection: directory.Connection{ID: "operator"}},
	} {
		srv := server.New(svc, schemas.Default, known(p), server.Options{})
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequest("POST", "/scim/v2/Users", strings.NewReader(`{"schemas":["`+scim.UserURN+`"],"userName":"by-`+string(door)+`"}`)))
		if w.Code != http.StatusCreated {
			t.Fatalf("%s: %d %s", door, w.Code, w.Body)
		}
		found, err := e.store.Lease(t.Context(), 10, time.Minute)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v %v", door, found, err)
		}
		want := directory.Actor{Kind: door, Connection: p.Connection.ID, Credential: p.Credential, Subject: p.Subject}
		if got := found[0].Event; got.Actor != want || got.RequestID != w.Header().Get("X-Request-Id") {
			t.Errorf("%s: %+v", door, got)
		}
		if err := e.store.Ack(t.Context(), found[0].Key); err != nil {
			t.Fatal(err)
		}
	}
}
