package directory_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
)

// fill gives every field below v that is kept a value of its own; none of them may
// be forgotten by AppendJSON.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString("a \"quoted\" <é>\n" + string(rune('a'+*n)))
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 27, 6, 0, 0, 123_000_000, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(v.Field(i), n)
			}
		}
	default:
		panic("a field of kind " + v.Kind().String() + " is not known here")
	}
}

// An event is kept as what json.Marshal would make of it, whatever it has and lacks.
func TestEventsAreKeptWhole(t *testing.T) {
	t.Parallel()
	var full directory.Event
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	half := full
	half.Changed, half.Refused, half.Effects, half.Joined, half.RequestID = nil, nil, full.Effects[:1], 0, ""
	half.Effects[0].Value, half.Actor = "", directory.Actor{Kind: "client"}
	for _, e := range []directory.Event{full, half, {Time: full.Time}} {
		var got, want map[string]any
		plain, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(e.AppendJSON(nil), &got); err != nil {
			t.Fatalf("%v in %s", err, e.AppendJSON(nil))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis kept as\n%s", plain, e.AppendJSON(nil))
		}
	}
}
