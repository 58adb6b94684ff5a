package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// runHandover gives many documents of one key another in one change, as when the records
// of somebody go to somebody else: all, or some that lie among others, and more than
// once. The change finds them by the keys that they have at the moment, and so does
// whoever looks afterwards.
func runHandover(t *testing.T, open Opener) {
	e := setup(t, open)
	rnd := rand.New(rand.NewPCG(13, 1))
	h := &handover{env: e, all: map[string]directory.Document{}}
	for i := range 40 {
		h.all[fmt.Sprintf("n%02d", i)] = noted(OrgA, fmt.Sprintf("n%02d", i), 0)
	}
	h.change(func(tx directory.Tx) error { return h.give(tx, h.having(""), "of:a") })
	for round := range 30 {
		h.change(func(tx directory.Tx) error {
			for range 1 + rnd.IntN(3) {
				from, to := pick(rnd, owners), pick(rnd, owners)
				some := h.having(from)
				if skip := rnd.IntN(3); skip > 0 {
					some = slices.DeleteFunc(some, func(string) bool { return rnd.IntN(8) < skip })
				}
				if round%5 == 4 {
					rnd.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
				}
				if err := h.give(tx, some, to); err != nil {
					return err
				}
				if rnd.IntN(2) == 0 {
					if err := h.compare(tx); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

var owners = []string{"of:a", "of:b", "of:c", ""}

// handover is what the store should hold.
type handover struct {
	*env
	all map[string]directory.Document
}

// having are the ids of those with a key, in their order; "": without one.
func (h *handover) having(key string) (ids []string) {
	for id, d := range h.all {
		if key == "" && len(d.Keys) == 0 || slices.Contains(d.Keys, key) {
			ids = append(ids, id)
		}
	}
	return slices.Sorted(slices.Values(ids))
}

func (h *handover) give(tx directory.Tx, ids []string, to string) error {
	for _, id := range ids {
		before := h.all[id]
		d := noted(OrgA, id, before.Version+1)
		if to != "" {
			d.Keys = []string{to}
		}
		if err := tx.PutDocument(h.ctx, d, before); err != nil {
			return err
		}
		h.all[id] = d
	}
	return nil
}

// change carries fn out; should it run again, from where it began.
func (h *handover) change(fn func(directory.Tx) error) {
	h.Helper()
	was := maps.Clone(h.all)
	if err := h.Update(h.ctx, func(tx directory.Tx) error {
		h.all = maps.Clone(was)
		return fn(tx)
	}); err != nil {
		h.Fatal(err)
	}
	if err := h.View(h.ctx, func(r directory.Reader) error { return h.compare(r) }); err != nil {
		h.Fatal(err)
	}
}

func (h *handover) compare(r directory.Reader) error {
	for _, key := range owners[:3] {
		got, want := map[string]scim.Version{}, map[string]scim.Version{}
		for d, err := range r.Documents(h.ctx, directory.DocumentQuery{Org: OrgA, Kind: note, Key: key}) {
			if err != nil {
				return err
			}
			got[d.ID] = d.Version
		}
		for _, id := range h.having(key) {
			want[id] = h.all[id].Version
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("%s: %s", key, diff)
		}
	}
	return nil
}
