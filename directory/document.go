package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/usher-scim/usher/scim"
)

// Kind names a sort of document.
type Kind string

// Document is one noun of the domain that is not a SCIM resource, as a store
// keeps it. Server-wide documents have an empty Org.
type Document struct {
	Org     OrgID
	Kind    Kind
	ID      string
	Version scim.Version
	Keys    []string // what it is found by, each "name:value"
	Data    []byte   // JSON
}

// DocumentQuery asks for documents of one kind: all in the order of their ids,
// those with one key in the order of their ids, or those with a key in a range
// in the order of that key.
type DocumentQuery struct {
	Org   OrgID
	Kind  Kind
	Key   string // exactly this key …
	Or    string // … or this one
	From  string // keys from this one …
	Below string // … and below this one; used when Below is not empty
	After string // ids above this one; not with a range
	Limit int    // 0: no limit
}

// Documents reads documents.
type Documents interface {
	// Document returns ErrNotFound when there is none.
	Document(ctx context.Context, org OrgID, kind Kind, id string) (Document, error)
	// Documents walks the documents that a query asks for.
	Documents(ctx context.Context, q DocumentQuery) iter.Seq2[Document, error]
	// Tally is a running total of the organization; 0 when nothing was counted.
	Tally(ctx context.Context, org OrgID, name string) (int64, error)
	// Contents lists what the organization has, for whoever copies all of it.
	Contents(ctx context.Context, org OrgID) (Contents, error)
}

// Contents are the kinds of documents and the running totals of an organization.
type Contents struct {
	Kinds  []Kind
	Totals map[string]int64
}

// Head is what every document has.
type Head struct {
	ID       string       `json:"id" required:"false"`
	Version  scim.Version `json:"version" readOnly:"true" required:"false"`
	Created  time.Time    `json:"created" readOnly:"true" required:"false"`
	Modified time.Time    `json:"modified" readOnly:"true" required:"false"`

	keys    []string // as they are stored
	drafted int      // place among the writes of a draft, from 1
}

// Meta is the head itself, for whoever keeps the document.
func (h *Head) Meta() *Head { return h }

// Noun is what a struct must have to be kept as a document.
type Noun[T any] interface {
	*T
	Meta() *Head
	Kind() Kind
	Keys() []string
}

// idMost is the length of the longest id that a caller may choose.
const idMost = 128

// CheckID refuses an id that a caller has chosen and that could not be written in an
// address, or would be read in it as another one.
func CheckID(attribute, id string) error {
	if id == "" || len(id) > idMost || id == "." || id == ".." || !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }) {
		return scim.Errorf(scim.InvalidValue, "The value of %s cannot be an id; send 1 to %d bytes without slashes and control characters.", attribute, idMost)
	}
	return nil
}

// Load reads a document; ErrNotFound when there is none.
func Load[T any, P Noun[T]](ctx context.Context, r Documents, org OrgID, id string) (T, error) {
	var v T
	d, err := r.Document(ctx, org, P(&v).Kind(), id)
	if err == nil {
		err = DecodeDocument[T, P](d, &v)
	}
	return v, err
}

// LoadOr reads a document, or gives an empty one of that id.
func LoadOr[T any, P Noun[T]](ctx context.Context, r Documents, org OrgID, id string) (T, error) {
	v, err := Load[T, P](ctx, r, org, id)
	if errors.Is(err, ErrNotFound) {
		P(&v).Meta().ID = id
		return v, nil
	}
	return v, err
}

// Each walks documents; the query's kind is filled in.
func Each[T any, P Noun[T]](ctx context.Context, r Documents, q DocumentQuery) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		q.Kind = P(&zero).Kind()
		for d, err := range r.Documents(ctx, q) {
			v := zero
			if err == nil {
				err = DecodeDocument[T, P](d, &v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// All collects what Each walks.
func All[T any, P Noun[T]](ctx context.Context, r Documents, q DocumentQuery) (list []T, err error) {
	for v, err := range Each[T, P](ctx, r, q) {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// DecodeDocument reads a document as a noun, with the id, version and keys that it is
// kept with.
func DecodeDocument[T any, P Noun[T]](d Document, v *T) error {
	if err := json.Unmarshal(d.Data, v); err != nil {
		return fmt.Errorf("document %s/%s: %w", d.Kind, d.ID, err)
	}
	h := P(v).Meta()
	h.ID, h.Version, h.keys = d.ID, d.Version, d.Keys
	return nil
}

// Save adds the writing of a document to the draft: in place of the version that
// was read, or as a new one.
func Save[T any, P Noun[T]](d *Draft, org OrgID, v P) error {
	h := v.Meta()
	was := h.Version
	if h.drafted == 0 {
		if was == 0 {
			h.Created = d.Now
		}
		h.Version, h.Modified = was+1, d.Now
	}
	keys := v.Keys()
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("document %s/%s: %w", v.Kind(), h.ID, err)
	}
	if h.drafted > 0 {
		put := d.Writes[h.drafted-1].(putDocument)
		put.doc.Data, put.doc.Keys = data, keys
		d.Writes[h.drafted-1] = put
		return nil
	}
	before := Document{Org: org, Kind: v.Kind(), ID: h.ID, Version: was, Keys: h.keys}
	d.Writes = append(d.Writes, putDocument{Document{org, v.Kind(), h.ID, h.Version, keys, data}, before})
	h.keys = keys
	return nil
}

// Drop adds the removal of a document to the draft, in place of what the draft would
// do to it otherwise.
func Drop[T any, P Noun[T]](d *Draft, org OrgID, v P) {
	h := v.Meta()
	d.DropDocument(Document{Org: org, Kind: v.Kind(), ID: h.ID, Version: h.Version, Keys: h.keys})
}

// Discard drops the documents that a query asks for, whatever is in them.
func Discard(ctx context.Context, r Documents, d *Draft, q DocumentQuery) error {
	for doc, err := range r.Documents(ctx, q) {
		if err != nil {
			return err
		}
		d.DropDocument(doc)
	}
	return nil
}

// DropDocument is Drop for a document as it was read.
func (d *Draft) DropDocument(doc Document) {
	for i, w := range d.Writes {
		switch w := w.(type) {
		case putDocument:
			if w.doc.Org != doc.Org || w.doc.Kind != doc.Kind || w.doc.ID != doc.ID {
				continue
			}
			if d.Writes[i] = (dropDocument{w.before}); w.before.Version == 0 {
				d.Writes[i] = nothing{}
			}
			return
		case dropDocument:
			if w.doc.Org == doc.Org && w.doc.Kind == doc.Kind && w.doc.ID == doc.ID {
				return
			}
		}
	}
	d.Writes = append(d.Writes, dropDocument{doc})
}

// Write is one thing that a plan does beside its resource. Which, is decided
// when the plan is made.
type Write interface {
	apply(ctx context.Context, tx Tx) error
}

type putDocument struct{ doc, before Document }

func (w putDocument) apply(ctx context.Context, tx Tx) error {
	return tx.PutDocument(ctx, w.doc, w.before)
}

type dropDocument struct{ doc Document }

func (w dropDocument) apply(ctx context.Context, tx Tx) error {
	return tx.DeleteDocument(ctx, w.doc)
}

// nothing is what remains of a write that is not to be.
type nothing struct{}

func (nothing) apply(context.Context, Tx) error { return nil }

// Count adds a change of a running total to the draft; it must not rise above
// most, unless that is negative.
func (d *Draft) Count(name string, by, most int64) {
	d.Writes = append(d.Writes, count{d.Org, name, by, most})
}

type count struct {
	org      OrgID
	name     string
	by, most int64
}

func (w count) apply(ctx context.Context, tx Tx) error {
	return tx.Count(ctx, w.org, w.name, w.by, w.most)
}

// Relink adds a change of another group's members to the draft.
func (d *Draft) Relink(before *scim.Resource, delta EdgeDelta) {
	d.Writes = append(d.Writes, relink{rewrite{d.Org, before, before.Next(d.Now)}, delta})
}

type relink struct {
	rewrite
	delta EdgeDelta
}

func (w relink) apply(ctx context.Context, tx Tx) error {
	if err := w.rewrite.apply(ctx, tx); err != nil {
		return err
	}
	return tx.Link(ctx, Ref{w.org, w.after.Type, w.after.ID}, w.delta)
}
