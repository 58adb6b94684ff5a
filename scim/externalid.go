package scim

// externalId is scoped to the provisioning client (RFC 7643 section 3.1). A record
// keeps one in ExternalID, and in ExternalIDs those of clients to which that one does
// not belong. Whose it is, is not known here.

// ExternalIDOf is what a client knows the record as by its own word; said tells whether
// it has said anything, even that it has no externalId for it.
func (r *Resource) ExternalIDOf(client string) (id string, said bool) {
	list, _ := r.Get(ExternalIDs)
	for _, e := range list.List() {
		if of, _ := e.Get(ExternalIDClient); of.Text() == client {
			v, _ := e.Get(ExternalIDValue)
			return v.Text(), true
		}
	}
	return "", false
}

// SetExternalIDOf gives the record what a client knows it as; "" is that it has none.
func (r *Resource) SetExternalIDOf(client, id string) {
	one := []Field{{ExternalIDClient, TextValue(client)}}
	if id != "" {
		one = append(one, Field{ExternalIDValue, TextValue(id)})
	}
	r.putExternalID(client, ComplexValue(one...))
}

// DropExternalIDOf forgets what a client has said.
func (r *Resource) DropExternalIDOf(client string) { r.putExternalID(client, Value{}) }

// putExternalID replaces what a client has said, in its place, or removes it.
func (r *Resource) putExternalID(client string, with Value) {
	var all []Value
	was, _ := r.Get(ExternalIDs)
	for _, e := range was.List() {
		if of, _ := e.Get(ExternalIDClient); of.Text() == client {
			e, with = with, Value{}
		}
		if !e.IsZero() {
			all = append(all, e)
		}
	}
	if !with.IsZero() {
		all = append(all, with)
	}
	r.Set(ExternalIDs, ListValue(all...))
}

// EachExternalID calls fn with what single clients know the record as.
func (r *Resource) EachExternalID(fn func(client, id string)) {
	list, _ := r.Get(ExternalIDs)
	for _, e := range list.List() {
		client, _ := e.Get(ExternalIDClient)
		if id, ok := e.Get(ExternalIDValue); ok {
			fn(client.Text(), id.Text())
		}
	}
}
