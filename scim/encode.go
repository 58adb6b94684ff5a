package scim

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Edges appends the JSON list of a record's relations: the members of a group,
// the groups of a user. It is called at most once, and only if they are wanted; what
// it returns may begin anew where it has put aside what was before.
type Edges func(dst []byte) []byte

// AppendJSON appends the record as an answer shows it: base is the URL that
// locations begin with, p may be nil for the attributes returned by default, and
// edges may be nil where there are none.
func (r *Resource) AppendJSON(dst []byte, p *Projection, base string, edges Edges) []byte {
	dst = append(dst, `{"schemas":[`...)
	if list, end := r.answer(p); end > 0 {
		// The stored form is the answer, but for what the server adds.
		dst = append(dst, list[:end+1]...)
		dst = appendMember(dst, `,"id":`, r.ID)
		dst = append(dst, list[end+1:len(list)-1]...)
	} else {
		dst = appendList(dst, r.Schemas())
		dst = appendMember(dst, `],"id":`, r.ID)
		for _, f := range r.Fields() {
			dst = appendField(dst, f, p, true)
		}
	}
	for _, a := range r.Type.roots {
		if a.Edge && edges != nil && p.Includes(a) {
			dst = append(append(append(dst, `,"`...), a.Name...), `":`...)
			mark := len(dst)
			if dst = edges(dst); len(dst) == mark+2 && string(dst[mark:]) == "[]" { // unassigned
				dst = dst[:mark-len(a.Name)-4]
			}
		}
	}
	if p.Includes(Meta) {
		dst = r.appendMeta(dst, p, base)
	}
	return append(dst, '}')
}

// answer is the stored form from the list of schemas on and the place where that ends,
// if the form holds exactly what is shown; 0 otherwise.
func (r *Resource) answer(p *Projection) (list []byte, end int) {
	if p != nil || !r.Type.plain || r.raw == nil {
		return nil, 0
	}
	list = r.raw[len(storedHead):]
	if end = bytes.IndexByte(list, ']'); bytes.HasPrefix(list[end+1:], unshownHead) {
		return nil, 0
	}
	return list, end
}

func (r *Resource) appendMeta(dst []byte, p *Projection, base string) []byte {
	dst = append(dst, `,"meta":{`...)
	mark := len(dst)
	add := func(a *Attribute, name string) bool {
		if !p.Includes(a) {
			return false
		}
		if len(dst) > mark {
			dst = append(dst, ',')
		}
		dst = append(dst, name...)
		return true
	}
	if add(MetaResourceType, `"resourceType":`) {
		dst = appendString(dst, r.Type.Name)
	}
	if add(MetaCreated, `"created":"`) {
		dst = append(appendTime(dst, r.Created), '"')
	}
	if add(MetaLastModified, `"lastModified":"`) {
		dst = append(appendTime(dst, r.Modified), '"')
	}
	if add(MetaLocation, `"location":"`) {
		dst = append(r.AppendLocation(dst, base), '"')
	}
	if add(MetaVersion, `"version":"W/\"`) {
		dst = append(strconv.AppendUint(dst, uint64(r.Version), 10), `\""`...)
	}
	return append(dst, '}')
}

// AppendLocation appends the URL of the resource.
func (r *Resource) AppendLocation(dst []byte, base string) []byte {
	dst = append(dst, base...)
	dst = append(dst, r.Type.Endpoint...)
	return append(append(dst, '/'), r.ID...)
}

const storedHead = `{"schemas":[`

// unshownHead begins ExternalIDs, which come first, so that records that have any are
// told apart quickly.
var unshownHead = []byte(`,"` + ExternalIDs.Name + `":`)

// AppendStored appends the form that stores keep: the members of the record
// without id, meta and edges.
func (r *Resource) AppendStored(dst []byte) []byte {
	if r.raw != nil {
		return append(dst, r.raw...)
	}
	dst = append(dst, storedHead...)
	dst = append(appendList(dst, r.Schemas()), ']')
	if v, ok := getField(r.fields, ExternalIDs); ok {
		dst = appendField(dst, Field{ExternalIDs, v}, nil, false)
	}
	for _, f := range r.fields {
		if !f.Attr.Edge && !f.Value.IsZero() && f.Attr != ExternalIDs {
			dst = appendField(dst, f, nil, false)
		}
	}
	return append(dst, '}')
}

// Seal keeps the stored form beside the record, so that an answer can be made
// without encoding it again.
func (r *Resource) Seal() []byte {
	if r.raw == nil {
		r.raw = r.AppendStored(nil)
	}
	return r.raw
}

func appendList(dst []byte, list []string) []byte {
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return dst
}

func appendMember(dst []byte, head, text string) []byte {
	return appendString(append(dst, head...), text)
}

// appendField appends `,"name":value` unless the projection hides it all.
func appendField(dst []byte, f Field, p *Projection, shown bool) []byte {
	if f.Value.IsZero() || f.Attr.Edge || shown && !p.Includes(f.Attr) {
		return dst
	}
	mark := len(dst)
	dst = append(append(append(dst, `,"`...), f.Attr.Name...), `":`...)
	dst, some := appendValue(dst, f.Attr, f.Value, p, shown)
	if !some {
		return dst[:mark]
	}
	return dst
}

// appendValue appends a value; some is false when nothing of it may be shown.
func appendValue(dst []byte, a *Attribute, v Value, p *Projection, shown bool) (_ []byte, some bool) {
	switch v.kind {
	case KindText, KindTime:
		return appendString(dst, v.text), true
	case KindBool:
		return strconv.AppendBool(dst, v.Bool()), true
	case KindInt:
		return strconv.AppendInt(dst, v.Int(), 10), true
	case KindDecimal:
		return append(dst, v.text...), true
	case KindComplex:
		return appendComplex(dst, a, v, p, shown)
	case KindList:
		dst = append(dst, '[')
		mark := len(dst)
		for _, e := range v.List() {
			before := len(dst)
			if before > mark {
				dst = append(dst, ',')
			}
			if dst, some = appendValue(dst, a, e, p, shown); !some {
				dst = dst[:before]
			}
		}
		return append(dst, ']'), len(dst) > mark
	}
	return dst, false
}

func appendComplex(dst []byte, a *Attribute, v Value, p *Projection, shown bool) (_ []byte, some bool) {
	mark := len(dst)
	for _, f := range v.Fields() {
		dst = appendField(dst, f, p, shown)
	}
	if len(dst) == mark {
		return dst, false
	}
	dst[mark] = '{' // was the first comma
	return append(dst, '}'), true
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			quoted, err := jsontext.AppendQuote(dst, s)
			if err != nil { // invalid UTF-8 was refused on the way in
				quoted, _ = jsontext.AppendQuote(dst, string([]rune(s)))
			}
			return quoted
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// AppendString appends s as a JSON string; for answers that are not resources.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }
