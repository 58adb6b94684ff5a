package index

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/usher-scim/usher/scim/filter"
)

// Values in memory are found as if each of them were looked at.
func TestGenerationFindsEveryRow(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(4, 4))
	g := newGeneration()
	want := map[List][]pair{}
	for row := range int64(5000) {
		l := List{Org: 1 + rnd.Int64N(2), Attr: 3}
		value := fmt.Sprintf("u%d", rnd.IntN(1500))
		g.add([]entry{{l.Org, l.Attr, value, row}})
		want[l] = append(want[l], pair{value: value, row: row})
	}
	ops := []filter.Op{filter.Equal, filter.StartsWith, filter.EndsWith, filter.Contains, filter.Greater, filter.GreaterOrEqual, filter.Less, filter.LessOrEqual, filter.Present}
	for range 200 {
		l, key := List{Org: 1 + rnd.Int64N(3), Attr: 3}, fmt.Sprintf("u%d", rnd.IntN(1600)) // some that there are none of
		for _, op := range ops {
			var rows []int64
			for _, p := range want[l] {
				if accepts(op, p.value, key) {
					rows = append(rows, p.row)
				}
			}
			got := g.find(nil, l, op, key)
			slices.Sort(got)
			if !slices.Equal(got, rows) {
				t.Fatalf("of %v, %v %q finds %d rows, want %d", l, op, key, len(got), len(rows))
			}
		}
	}
}

// Trigrams are sorted as by a plain sort, and lists of places are joined without one twice.
func TestGrams(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 5))
	var all []uint64
	for row := range int64(3000) {
		all = appendGrams(all, fmt.Sprintf("name%d", rnd.IntN(400)), row)
	}
	want := slices.Sorted(slices.Values(all))
	if got := sortGrams(all); !slices.Equal(got, want) {
		t.Error("they are in another order")
	}
	some := func() (places []uint16) {
		for range 500 {
			places = append(places, uint16(rnd.IntN(gramBlock)))
		}
		slices.Sort(places)
		return slices.Compact(places)
	}
	bytes := func(places []uint16) (all []byte) {
		for _, p := range places {
			all = binary.LittleEndian.AppendUint16(all, p)
		}
		return all
	}
	a, b := some(), some()
	joined := slices.Concat(a, b)
	slices.Sort(joined)
	var got []uint16
	for list := merge16(bytes(a), bytes(b)); len(list) > 0; list = list[2:] {
		got = append(got, binary.LittleEndian.Uint16(list))
	}
	slices.Sort(got)
	if !slices.Equal(got, slices.Compact(joined)) {
		t.Errorf("%d places were joined to %d", len(joined), len(got))
	}
}
