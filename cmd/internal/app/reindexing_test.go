package app_test

import (
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/directory/store/storetest"
)

// R2, R16: an attribute that the configuration marks when people have values of it
// already is looked up for them too, and is unique among them.
func TestAttributesMarkedLater(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	with := func(characteristics string) config.Config {
		cfg := housing(t, folder)
		schemas, types := storetest.BadgeDocuments(characteristics)
		cfg.Schemas, cfg.ResourceTypes = []config.Document{{Data: schemas[0].Data}}, []config.Document{{Data: types[0].Data}}
		return cfg
	}
	begin := func(characteristics string) *house {
		t.Helper()
		cfg := with(characteristics)
		if chosen.Mongo() {
			if err := app.Migrate(t.Context(), cfg, true, func(string) {}); err != nil {
				t.Fatal(err)
			}
		}
		return &house{T: t, running: start(t, cfg)}
	}
	find := func(h *house, filter, want string) {
		t.Helper()
		h.same(h.prov(200, "GET", "/Users?filter="+url.QueryEscape(filter), ""), "totalResults", want)
	}
	badge := func(value string) string { return `,"urn:badge":{"badge":"` + value + `","notes":["A note"]}` }

	h := begin(storetest.Plain)
	ada := h.person("ada@example.com", badge("Alpha"))
	bob := h.person("bob@example.com", badge("ALPHA"))
	h.person("eve@example.com", badge("Beta"))
	h.stop(t, 10*time.Second)

	cfg := with(storetest.Unique)
	err := app.Migrate(t.Context(), cfg, false, func(string) {})
	if !chosen.Mongo() {
		_, err = app.New(t.Context(), cfg, io.Discard)
	}
	if err == nil || !strings.Contains(err.Error(), ada) || !strings.Contains(err.Error(), bob) || strings.Contains(strings.ToLower(err.Error()), "alpha") {
		t.Fatalf("two who share what is to be unique: %v", err)
	}
	if chosen.Mongo() {
		if _, err = app.New(t.Context(), cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "usher migrate") {
			t.Fatalf("a start on what another configuration has indexed: %v", err)
		}
	}

	h = begin(storetest.Plain)
	h.prov(200, "PATCH", "/Users/"+bob, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"urn:badge:badge","value":"Gamma"}]}`)
	h.stop(t, 10*time.Second)

	h = begin(storetest.Unique)
	if !chosen.Mongo() && !strings.Contains(h.logs.text(), "building the index of urn:badge:badge of User, urn:badge:notes of User, for 3 records") {
		t.Errorf("the log does not say what was built: %s", h.logs.text())
	}
	find(h, `urn:badge:badge eq "alpha"`, "1")
	find(h, `urn:badge:badge eq "gamma"`, "1")
	find(h, `urn:badge:notes co "NOTE"`, "3")
	find(h, `urn:badge:notes sw "a n"`, "3")
	got := h.prov(409, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:badge"],"userName":"kim@example.com"`+badge("gamma")+`}`)
	h.same(got, "scimType", "uniqueness")
	h.stop(t, 10*time.Second)
}
