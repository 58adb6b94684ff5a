package admin

import "github.com/usher-scim/usher/scim"

// NamedID is what one connection knows a person as.
type NamedID struct {
	Connection string `json:"connection"`
	Value      string `json:"value"`
}

// namedIDs are those that connections have given beside the externalId of the record.
func namedIDs(r *scim.Resource) (all []NamedID) {
	r.EachExternalID(func(client, id string) { all = append(all, NamedID{client, id}) })
	return all
}
