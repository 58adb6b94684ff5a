package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

func runConcurrency(t *testing.T, open Opener) {
	t.Run("K65 one of many creates wins", func(t *testing.T) {
		e := setup(t, open)
		var won, lost atomic.Int32
		Together(100, func(i int) {
			r := e.decode(user, person([]string{"Same", "same", "SAME"}[i%3]))
			r.ID, r.Version = fmt.Sprintf("00000000-0000-7000-8000-%012x", i), 1
			switch err := e.Update(e.ctx, func(tx directory.Tx) error { return tx.Put(e.ctx, OrgA, nil, r) }); {
			case err == nil:
				won.Add(1)
			case isUnique(err):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
		if won.Load() != 1 || lost.Load() != 99 {
			t.Errorf("%d won, %d lost", won.Load(), lost.Load())
		}
	})
	t.Run("K64 one of many writers at a version wins", func(t *testing.T) {
		e := setup(t, open)
		u := e.create(OrgA, user, person("u"))
		var won atomic.Int32
		Together(100, func(i int) {
			after := e.decode(user, person(fmt.Sprint("u", i)))
			after.ID, after.Version = u.ID, 2
			err := e.Update(e.ctx, func(tx directory.Tx) error { return tx.Put(e.ctx, OrgA, u, after) })
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, directory.ErrVersion) {
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d writers won", won.Load())
		}
	})
	t.Run("K63 single joins and leaves all count", func(t *testing.T) {
		e := setup(t, open)
		g := e.create(OrgA, group, `{"displayName":"g"}`)
		var ids []string
		for i := range 100 {
			ids = append(ids, e.create(OrgA, user, person(fmt.Sprint(i))).ID)
		}
		for _, id := range ids[50:] {
			e.link(g, directory.EdgeDelta{Add: []directory.Member{{ID: id}}})
		}
		Together(100, func(i int) {
			d := directory.EdgeDelta{Remove: ids[i : i+1]}
			if i < 50 {
				d = directory.EdgeDelta{Add: []directory.Member{{ID: ids[i]}}}
			}
			ref := directory.Ref{Org: OrgA, Type: group, ID: g.ID}
			if err := e.Update(e.ctx, func(tx directory.Tx) error { return tx.Link(e.ctx, ref, d) }); err != nil {
				t.Error(err)
			}
		})
		if n := len(e.members(g)); n != 50 {
			t.Errorf("%d members, want 50", n)
		}
	})
	t.Run("snapshots hold still", func(t *testing.T) {
		e := setup(t, open)
		e.create(OrgA, user, person("a"))
		err := e.View(e.ctx, func(r directory.Reader) error {
			q := directory.Query{Org: OrgA, Type: user, Start: 1, Count: 10}
			before, err := r.Find(e.ctx, q)
			if err != nil {
				return err
			}
			e.create(OrgA, user, person("b"))
			after, err := r.Find(e.ctx, q)
			if err == nil && before.Total != after.Total {
				t.Errorf("the snapshot went from %d to %d", before.Total, after.Total)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a panic is an error and leaves nothing", func(t *testing.T) {
		e := setup(t, open)
		r := e.decode(user, person("u"))
		r.ID, r.Version = "00000000-0000-7000-8000-000000000001", scim.Version(1)
		err := e.Update(e.ctx, func(tx directory.Tx) error {
			if err := tx.Put(e.ctx, OrgA, nil, r); err != nil {
				return err
			}
			panic("no")
		})
		if err == nil {
			t.Error("no error")
		}
		e.create(OrgA, user, person("u"))
	})
}

// Together runs fn n times at once, behind one barrier.
func Together(n int, fn func(i int)) {
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			fn(i)
		})
	}
	start.Done()
	done.Wait()
}
