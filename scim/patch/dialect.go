package patch

import (
	"strings"

	"github.com/usher-scim/usher/scim"
)

// keys spreads an object over the attributes that its keys name: the value of an
// operation without path (RFC 7644 sections 3.5.2.1 and 3.5.2.3), or that of an
// extension's container. Keys may be paths themselves, which some clients send.
func (b *binder) keys(v verb, container *scim.Attribute, raw []byte) error {
	if kind(raw) != '{' {
		return scim.Errorf(scim.InvalidValue, "The value of %s must be an object of attributes.", verbNames[v])
	}
	members, err := object(raw)
	if err != nil {
		return err
	}
	for _, m := range members {
		if container != nil {
			err = b.extensionKey(v, container, m)
		} else {
			err = b.key(v, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// key binds one key of a value without path.
func (b *binder) key(v verb, m member) error {
	if a, ok := b.rt.Resolve(m.name); ok && plain(m.name) && readOnly(a) {
		// A client that sends back what it read names id, meta and groups too.
		if b.allow(scim.OwnID) {
			return nil
		}
		return immovable(a)
	}
	if a, ok := b.rt.Root(m.name); ok {
		b.spelled(m.name, a.Name)
		return b.bind(v, target{attr: a}, m.raw)
	}
	return b.pathKey(v, m.name, m)
}

// extensionKey binds one key inside the container of an extension.
func (b *binder) extensionKey(v verb, container *scim.Attribute, m member) error {
	if scim.EqualName(m.name, "schemas") {
		return nil // RFC 7643 lists schemas at the top only; clients repeat it
	}
	a, ok := container.Lookup(m.name)
	if !ok {
		return b.pathKey(v, container.Path()+":"+m.name, m)
	}
	b.spelled(m.name, a.Name)
	if a.Mutability == scim.ReadOnly {
		if b.allow(scim.OwnID) {
			return nil
		}
		return immovable(a)
	}
	return b.bind(v, target{attr: a}, m.raw)
}

// plain reports whether a key is a name and nothing more.
func plain(key string) bool { return !strings.ContainsAny(key, ".:[") }

// pathKey binds a key that is a path: name.givenName, URN:department,
// emails[type eq "work"].value. Keys that name nothing are ignored, if the
// dialect allows, as unknown attributes are everywhere.
func (b *binder) pathKey(v verb, path string, m member) error {
	t, known := target{}, false
	if strings.Contains(path, "[") {
		var err error
		if t, err = b.target(path); err == nil {
			known = true
		} else if e, ok := err.(*scim.Error); !ok || e.Type != scim.InvalidPath {
			return err
		}
	} else if t, known = b.resolve(path); !known && !ascii(path) {
		return scim.Errorf(scim.InvalidSyntax, "A member's name is not an attribute name; use ASCII letters as RFC 7643 section 2.1 has it.")
	}
	switch {
	case !known && !b.allow(scim.UnknownAttribute):
		return b.unknown(path)
	case !known:
		return nil
	case !t.core && !plain(m.name) && !b.allow(scim.DottedKey):
		return scim.Errorf(scim.InvalidPath, "The key \"%s\" of a value is a path; send it as the path of an operation.", clip(m.name))
	}
	return b.bind(v, t, m.raw)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// unwrapped takes the list out of a value that repeats the attribute's name:
// {"members":[…]}.
func (b *binder) unwrapped(a *scim.Attribute, raw []byte) ([]byte, error) {
	if kind(raw) != '{' {
		return raw, nil
	}
	members, err := object(raw)
	if err != nil || len(members) != 1 || !scim.EqualName(members[0].name, a.Name) {
		return raw, err
	}
	if _, own := a.Lookup(members[0].name); own || !b.allow(scim.SingleForList) {
		return raw, nil
	}
	return members[0].raw, nil
}

// objects counts the objects that a value consists of.
func objects(raw []byte) (n int, err error) {
	switch kind(raw) {
	case '{':
		return 1, nil
	case '[':
		err = values(raw, func(_ *string, raw []byte) error {
			if kind(raw) == '{' {
				n++
			}
			return nil
		})
	}
	return n, err
}

// lists reports whether a remove operation on a multi-valued attribute names the
// values to remove. The RFC knows no value there; to empty the attribute when
// some are listed would be the worst of answers (K53).
func (b *binder) lists(a *scim.Attribute, raw []byte) (bool, error) {
	if raw == nil || isNull(raw) {
		return false, nil
	}
	if !b.allow(scim.RemoveWithValue) {
		return false, scim.Errorf(scim.InvalidValue, "A remove operation takes no value; name the values of %s by a filter in the path.", a.Path())
	}
	return true, nil
}

// blank reports whether a text says nothing.
func blank(v scim.Value) bool {
	return v.IsZero() || v.Kind() == scim.KindText && strings.TrimSpace(v.Text()) == ""
}
