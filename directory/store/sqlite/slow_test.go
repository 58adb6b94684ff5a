package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
)

// R12: who asks is known while every reader is taken: whether a token is good does not
// wait for searches.
func TestR12WhoAsksIsKnownWhileEveryReaderIsTaken(t *testing.T) {
	t.Parallel()
	s := opened(t)
	if err := s.PutConnection(t.Context(), directory.Connection{ID: "okta", Org: "a"}); err != nil {
		t.Fatal(err)
	}
	defer takeReaders(t, s)()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if c, err := s.Connection(ctx, "okta"); err != nil || c.Org != "a" {
		t.Errorf("the connection is %v, %v", c, err)
	}
	if _, err := s.Token(ctx, "nobody"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("an unknown token: %v", err)
	}
}

// crowded is a store with people who are all in one group, and one of them.
func crowded(t *testing.T, people int) (s *Store, one, group *scim.Resource) {
	t.Helper()
	s = opened(t)
	group = written(t, "Group", 1<<20, `{"displayName":"everybody"}`)
	change(t, s, func(tx directory.Tx) error { return tx.Put(t.Context(), "a", nil, group) })
	for from := 0; from < people; from += 1000 {
		change(t, s, func(tx directory.Tx) error {
			var d directory.EdgeDelta
			for n := from; n < from+1000; n++ {
				one = written(t, "User", n, fmt.Sprintf(`{"userName":"u%d","nickName":"nick %d"}`, n, n))
				if err := tx.Put(t.Context(), "a", nil, one); err != nil {
					return err
				}
				d.Add = append(d.Add, directory.Member{ID: one.ID, Type: "User"})
			}
			return tx.Link(t.Context(), directory.Ref{Org: "a", Type: group.Type, ID: group.ID}, d)
		})
	}
	drained(t, s)
	return s, one, group
}

// R12: who looks somebody up does not wait behind the slow views of others, however many
// there are and whatever they look at: hardly one of them ends meanwhile.
func TestR12SlowViewsKeepNobodyElseWaiting(t *testing.T) {
	s, one, group := crowded(t, 6000)
	slow, _, err := filter.Compile(strings.TrimSuffix(strings.Repeat(`nickName co "x" or `, scim.MaxFilterTerms), " or "), one.Type, scim.Strict)
	if err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]func(context.Context, directory.Reader) error{
		"a search": func(ctx context.Context, r directory.Reader) error {
			_, err := r.Find(ctx, directory.Query{Org: "a", Type: one.Type, Filter: slow, Start: 1, Count: 10})
			return err
		},
		"members": func(ctx context.Context, r directory.Reader) error {
			for range 30 {
				for _, err := range r.Members(ctx, directory.Ref{Org: "a", Type: group.Type, ID: group.ID}) {
					if err != nil {
						return err
					}
				}
			}
			return nil
		},
		"groups": func(ctx context.Context, r directory.Reader) error {
			for range 5000 {
				if _, err := r.Groups(ctx, "a", []string{one.ID}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) { nobodyWaits(t, s, one, look) })
	}
}

// nobodyWaits looks one up while many look at something else.
func nobodyWaits(t *testing.T, s *Store, one *scim.Resource, look func(context.Context, directory.Reader) error) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var ended atomic.Int64
	for range 48 {
		all.Go(func() {
			for ctx.Err() == nil {
				err := s.View(ctx, func(r directory.Reader) error { return look(ctx, r) })
				if ended.Add(1); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for ended.Load() < 4 {
		time.Sleep(10 * time.Millisecond)
	}
	var before []int64 // how many ended before each look did
	for range 21 {
		began := ended.Load()
		err := s.View(ctx, func(r directory.Reader) error {
			_, err := r.Get(ctx, directory.Ref{Org: "a", Type: one.Type, ID: one.ID})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, ended.Load()-began)
	}
	slices.Sort(before)
	t.Logf("while one is looked up %d slow views end, at most %d", before[10], before[20])
	if before[10] > 8 {
		t.Errorf("while one is looked up %d slow views end", before[10])
	}
}
