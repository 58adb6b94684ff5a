package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// R4: what many clients saw of a record, a running total and a group at the same
// time could have happened one after another, each step between its call and its
// answer. Half of the clients go through a second store if the opener gives one.

// Sharer is a store that can be opened again on what it keeps.
type Sharer interface {
	// Share opens it once more, for as long as the test runs.
	Share(t *testing.T) Store
}

// call is what a client asked for, seen what it was told.
type (
	call struct {
		verb string
		key  int // of the record or member
		was  int
	}
	seen struct {
		ok bool
		n  int
	}
)

// clients is how many take part, and calls how often each asks.
const (
	clients = 8
	calls   = 60
)

// recorded runs clients at once and records what they do.
func (e *env) recorded(do func(s Store, r *rand.Rand, client int) (call, seen, error)) []porcupine.Operation {
	e.seed = rand.Uint64()
	e.Logf("seed %d", e.seed)
	stores := []Store{e.Store}
	if second, ok := e.Store.(Sharer); ok {
		stores = append(stores, second.Share(e.T))
	}
	var mu sync.Mutex
	var all []porcupine.Operation
	began := time.Now()
	Together(clients, func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), e.seed))
		for range calls {
			from := time.Since(began).Nanoseconds()
			in, out, err := do(stores[i%len(stores)], r, i)
			to := time.Since(began).Nanoseconds()
			if err != nil {
				e.Errorf("client %d: %+v: %v", i, in, err)
				return
			}
			mu.Lock()
			all = append(all, porcupine.Operation{ClientId: i, Input: in, Call: from, Output: out, Return: to})
			mu.Unlock()
		}
	})
	return all
}

// legal checks a history against what each step may do to a number. Keys are
// independent of each other.
func (e *env) legal(name string, init int, step func(state int, in call, out seen) (bool, int), history []porcupine.Operation) {
	e.Helper()
	model := porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[int][]porcupine.Operation{}
			for _, op := range all {
				byKey[op.Input.(call).key] = append(byKey[op.Input.(call).key], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range byKey {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return init },
		Step: func(state, in, out any) (bool, any) { return step(state.(int), in.(call), out.(seen)) },
	}
	if result := porcupine.CheckOperationsTimeout(model, history, time.Minute); result != porcupine.Ok {
		e.Errorf("R4: the history of the %s is %s (%d steps)", name, result, len(history))
	}
}

func runHistories(t *testing.T, open Opener) {
	runs := 1
	if long {
		runs = 70 // of three
	}
	for range runs {
		t.Run("R4 record", func(t *testing.T) { setup(t, open).recordHistory() })
		t.Run("R4 total", func(t *testing.T) { setup(t, open).totalHistory() })
		t.Run("R4 group", func(t *testing.T) { setup(t, open).groupHistory() })
	}
}

// recordHistory: a record is read, and written in place of the version that was
// read, as If-Match has it.
func (e *env) recordHistory() {
	users := []*scim.Resource{e.create(OrgA, user, person("a")), e.create(OrgA, user, person("b"))}
	known := make([][2]int, clients)
	for i := range known {
		known[i] = [2]int{1, 1}
	}
	history := e.recorded(func(s Store, r *rand.Rand, client int) (call, seen, error) {
		in := call{"read", r.IntN(2), 0}
		u := users[in.key]
		if r.IntN(2) == 0 {
			out := seen{ok: true}
			err := s.View(e.ctx, func(rd directory.Reader) error {
				got, err := rd.Get(e.ctx, directory.Ref{Org: OrgA, Type: user, ID: u.ID})
				if err == nil {
					out.n = int(got.Version)
				}
				return err
			})
			known[client][in.key] = out.n
			return in, out, err
		}
		in.verb, in.was = "write", known[client][in.key]
		before, after := u.Clone(), e.decode(user, person(fmt.Sprint("n", client, r.IntN(1000))))
		before.Version, after.ID, after.Version, after.Created = scim.Version(in.was), u.ID, scim.Version(in.was+1), u.Created
		err := s.Update(e.ctx, func(tx directory.Tx) error { return tx.Put(e.ctx, OrgA, before, after) })
		if errors.Is(err, directory.ErrVersion) {
			return in, seen{}, nil
		}
		if err == nil {
			known[client][in.key] = in.was + 1
		}
		if isUnique(err) { // by chance; nothing happened, so nothing was seen
			return call{"nothing", in.key, 0}, seen{}, nil
		}
		return in, seen{ok: true}, err
	})
	e.legal("record", 1, func(state int, in call, out seen) (bool, int) {
		switch {
		case in.verb == "nothing":
			return true, state
		case in.verb == "read":
			return out.n == state, state
		case out.ok:
			return in.was == state, state + 1
		}
		return in.was != state, state
	}, history)
}

// totalHistory: seats are taken under a limit, given back and counted.
func (e *env) totalHistory() {
	const most = 5
	held := make([]int, clients)
	history := e.recorded(func(s Store, r *rand.Rand, client int) (call, seen, error) {
		switch verb := r.IntN(3); {
		case verb == 0:
			var n int64
			err := s.View(e.ctx, func(rd directory.Reader) (err error) {
				n, err = rd.Tally(e.ctx, OrgA, "seats:core")
				return err
			})
			return call{verb: "count"}, seen{true, int(n)}, err
		case verb == 1 && held[client] > 0:
			held[client]--
			return call{verb: "give"}, seen{ok: true}, s.Update(e.ctx, func(tx directory.Tx) error { return tx.Count(e.ctx, OrgA, "seats:core", -1, -1) })
		}
		err := s.Update(e.ctx, func(tx directory.Tx) error { return tx.Count(e.ctx, OrgA, "seats:core", 1, most) })
		if errors.Is(err, directory.ErrLimit) {
			return call{verb: "take"}, seen{}, nil
		}
		held[client]++
		return call{verb: "take"}, seen{ok: true}, err
	})
	e.legal("total", 0, func(state int, in call, out seen) (bool, int) {
		switch {
		case in.verb == "count":
			return out.n == state, state
		case in.verb == "give":
			return state > 0, state - 1
		case out.ok:
			return state < most, state + 1
		}
		return state == most, state
	}, history)
}

// groupHistory: members join, leave and are looked for.
func (e *env) groupHistory() {
	g := e.create(OrgA, group, `{"displayName":"g"}`)
	ids := []string{e.create(OrgA, user, person("a")).ID, e.create(OrgA, user, person("b")).ID, e.create(OrgA, user, person("c")).ID}
	ref := directory.Ref{Org: OrgA, Type: group, ID: g.ID}
	history := e.recorded(func(s Store, r *rand.Rand, _ int) (call, seen, error) {
		key := r.IntN(len(ids))
		var delta directory.EdgeDelta
		in := call{key: key}
		switch r.IntN(4) {
		case 0:
			in.verb, delta.Add = "join", []directory.Member{{ID: ids[key], Type: "User"}}
		case 1:
			in.verb, delta.Remove = "leave", []string{ids[key]}
		default:
			in.verb = "look"
			out := seen{ok: true}
			err := s.View(e.ctx, func(rd directory.Reader) error {
				linked, err := rd.Linked(e.ctx, ref, ids[key:key+1])
				if linked[ids[key]] {
					out.n = 1
				}
				return err
			})
			return in, out, err
		}
		return in, seen{ok: true}, s.Update(e.ctx, func(tx directory.Tx) error { return tx.Link(e.ctx, ref, delta) })
	})
	e.legal("group", 0, func(state int, in call, out seen) (bool, int) {
		switch in.verb {
		case "join":
			return true, 1
		case "leave":
			return true, 0
		}
		return out.n == state, state
	}, history)
}
