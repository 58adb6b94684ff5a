package mongo_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
)

func document(kind directory.Kind, id string, v scim.Version) directory.Document {
	return directory.Document{Org: dialtest.Org, Kind: kind, ID: id, Version: v, Data: []byte("{}")}
}

// K61: two changes that each read what the other writes do not both succeed, on two
// replicas as little as on one: of two, one at least must remain.
func TestK61NoWriteSkew(t *testing.T) {
	replicas := dialtest.Two(t)
	errLast := errors.New("it is the last")
	for round := range 40 {
		names := [2]string{fmt.Sprint("x", round), fmt.Sprint("y", round)}
		err := replicas[0].Update(t.Context(), func(tx directory.Tx) error {
			return errors.Join(tx.PutDocument(t.Context(), document("role", names[0], 1), directory.Document{}), tx.PutDocument(t.Context(), document("role", names[1], 1), directory.Document{}))
		})
		if err != nil {
			t.Fatal(err)
		}
		var gone atomic.Int32
		storetest.Together(2, func(i int) {
			err := replicas[i].Update(t.Context(), func(tx directory.Tx) error {
				other, err := tx.Document(t.Context(), dialtest.Org, "role", names[1-i])
				if errors.Is(err, directory.ErrNotFound) {
					return errLast
				}
				if err != nil || other.Version == 0 {
					return err
				}
				return tx.DeleteDocument(t.Context(), document("role", names[i], 1))
			})
			switch {
			case err == nil:
				gone.Add(1)
			case !errors.Is(err, errLast):
				t.Error(err)
			}
		})
		if gone.Load() != 1 {
			t.Fatalf("round %d: %d of two were removed", round, gone.Load())
		}
	}
}

// K61: a decision that reads where a person stands, and runs alone for it, does not
// pass beside a change of exactly that, though the two write nothing in common.
func TestK61NoWriteSkewAboutAPerson(t *testing.T) {
	replicas, rt := dialtest.Two(t), dialtest.Type(t, "User")
	for round := range 30 {
		person := dialtest.Record(t, rt, 2*round, fmt.Sprintf(`{"userName":"p%d","active":true}`, round))
		bound := dialtest.Record(t, rt, 2*round+1, fmt.Sprintf(`{"userName":"b%d"}`, round))
		err := replicas[0].Update(t.Context(), func(tx directory.Tx) error { return tx.Put(t.Context(), dialtest.Org, nil, person) })
		if err != nil {
			t.Fatal(err)
		}
		errRefused := errors.New("refused")
		var done atomic.Int32
		storetest.Together(2, func(i int) {
			err := replicas[i].Update(t.Context(), func(tx directory.Tx) error {
				now, err := tx.Get(t.Context(), directory.Ref{Org: dialtest.Org, Type: rt, ID: person.ID})
				if err != nil {
					return err
				}
				kinds, err := tx.Kinds(t.Context(), dialtest.Org, []string{bound.ID})
				if err != nil {
					return err
				}
				if directory.StatusOf(now) != directory.Active || len(kinds) > 0 {
					return errRefused
				}
				if i == 0 { // binds the person
					return errors.Join(tx.Alone(t.Context(), dialtest.Org), tx.Put(t.Context(), dialtest.Org, nil, bound))
				}
				after := dialtest.Record(t, rt, 2*round, fmt.Sprintf(`{"userName":"p%d","active":false}`, round))
				after.Version = now.Version + 1
				return tx.Put(t.Context(), dialtest.Org, now, after)
			})
			switch {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, errRefused):
				t.Error(err)
			}
		})
		if done.Load() != 1 {
			t.Fatalf("round %d: %d of two passed", round, done.Load())
		}
	}
}
