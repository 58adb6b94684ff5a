package mongotest

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// K01: only a text says which organization is meant, and every alternative must say it.
func TestK01NamesOrganization(t *testing.T) {
	a, either := bson.D{{Key: "o", Value: "a"}}, bson.D{{Key: "o", Value: bson.D{{Key: "$in", Value: bson.A{"a", ""}}}}}
	for _, c := range []struct {
		filter bson.D
		want   bool
	}{
		{a, true},
		{bson.D{{Key: "o", Value: ""}}, true},
		{either, false},
		{bson.D{{Key: "o", Value: bson.D{{Key: "$exists", Value: true}}}}, false},
		{bson.D{{Key: "_id", Value: "x"}}, false},
		{bson.D{}, false},
		{bson.D{{Key: "$and", Value: bson.A{bson.D{{Key: "v", Value: 1}}, a}}}, true},
		{bson.D{{Key: "$and", Value: bson.A{either}}}, false},
		{bson.D{{Key: "$or", Value: bson.A{a, a}}}, true},
		{bson.D{{Key: "$or", Value: bson.A{a, either}}}, false},
		{bson.D{{Key: "$nor", Value: bson.A{a}}}, false},
	} {
		data, err := bson.Marshal(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := namesOrganization(data); got != c.want {
			t.Errorf("%s names its organization: %v", bson.Raw(data), got)
		}
	}
}
