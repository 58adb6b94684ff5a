package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// digest is a sum over the digests of all that is held, so that the order in which
// a store tells of it does not matter.
type digest [4]uint64

func (d *digest) add(parts ...[]byte) {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p)))) // a hash takes everything
		_, _ = h.Write(p)
	}
	sum := h.Sum(nil)
	for i := range d {
		d[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
}

func (d *digest) join(o digest) {
	for i := range d {
		d[i] += o[i]
	}
}

// String is the digest in hexadecimal digits.
func (d digest) String() string { return fmt.Sprintf("%016x%016x%016x%016x", d[0], d[1], d[2], d[3]) }

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// digestOf is that of an organization as a store holds it: connections and tokens that
// the source has, and all else.
func digestOf(ctx context.Context, from, s Store, org directory.OrgID, types []*scim.ResourceType) (d digest, err error) {
	if err := d.clients(ctx, from, s, org); err != nil {
		return d, err
	}
	for _, rt := range types {
		if rt.ReadOnly {
			continue
		}
		if err := d.resources(ctx, s, org, rt); err != nil {
			return d, err
		}
	}
	have, err := contents(ctx, s, org)
	if err != nil {
		return d, err
	}
	for name, n := range have.Totals {
		d.add([]byte("total"), []byte(name), number(uint64(n)))
	}
	for _, kind := range have.Kinds {
		for page, err := range documentPages(ctx, s, org, kind) {
			if err != nil {
				return d, err
			}
			for _, doc := range page {
				d.document(doc)
			}
		}
	}
	for entry, err := range entries(ctx, s, directory.TrailQuery{Org: org}) {
		if err != nil {
			return d, err
		}
		text, err := json.Marshal(entry.Event)
		if err != nil {
			return d, err
		}
		d.add([]byte("event"), text)
	}
	return d, nil
}

func (d *digest) document(doc directory.Document) {
	keys := slices.Clone(doc.Keys)
	slices.Sort(keys)
	d.add([]byte("document"), []byte(doc.Kind), []byte(doc.ID), number(uint64(doc.Version)), doc.Data, fmt.Append(nil, keys))
}

// clients adds the connections that the source has, and their tokens, as a store has
// them. When a token was last used is left out: that changes by itself.
func (d *digest) clients(ctx context.Context, from, s Store, org directory.OrgID) error {
	all, err := from.Connections(ctx, org)
	if err != nil {
		return err
	}
	for _, of := range all {
		conn, err := s.Connection(ctx, of.ID)
		if err != nil {
			return err
		}
		text, err := json.Marshal(conn)
		if err != nil {
			return err
		}
		d.add([]byte("connection"), text)
		tokens, err := from.Tokens(ctx, of.ID)
		if err != nil {
			return err
		}
		for _, of := range tokens {
			t, err := s.Token(ctx, of.ID)
			if err != nil {
				return err
			}
			t.LastUsed = time.Time{}
			text, err := json.Marshal(t)
			if err != nil {
				return err
			}
			d.add([]byte("token"), text, t.Hash)
		}
	}
	return nil
}

// compareServer compares what is kept for the whole server and was copied.
func (c *copying) compareServer(ctx context.Context) (sum digest, err error) {
	var got digest
	have, err := contents(ctx, c.from, "")
	if err != nil {
		return sum, err
	}
	for _, kind := range have.Kinds {
		for page, err := range documentPages(ctx, c.from, "", kind) {
			if err != nil {
				return sum, err
			}
			page, err := c.wanted(ctx, page)
			if err != nil {
				return sum, err
			}
			err = c.to.View(ctx, func(r directory.Reader) error {
				for _, doc := range page {
					sum.document(doc)
					there, err := r.Document(ctx, "", kind, doc.ID)
					if err != nil && !errors.Is(err, directory.ErrNotFound) {
						return err
					}
					got.document(there)
				}
				return nil
			})
			if err != nil {
				return sum, err
			}
		}
	}
	if sum != got {
		return sum, errors.New("what is kept for the whole server differs in source and target after the copy; somebody writes to one of them: stop that and copy again")
	}
	return sum, nil
}

func (d *digest) resources(ctx context.Context, s Store, org directory.OrgID, rt *scim.ResourceType) error {
	for page, err := range pages(ctx, s, org, rt) {
		if err != nil {
			return err
		}
		for _, r := range page {
			d.add([]byte(rt.Name), []byte(r.ID), number(uint64(r.Version)), number(uint64(r.Created.UnixMilli())), number(uint64(r.Modified.UnixMilli())), r.Seal())
			if !directory.IsGroup(rt) {
				continue
			}
			members, err := membersOf(ctx, s, directory.Ref{Org: org, Type: rt, ID: r.ID})
			if err != nil {
				return err
			}
			for id, m := range members {
				d.add([]byte("member"), []byte(r.ID), []byte(id), []byte(m.Type))
			}
		}
	}
	return nil
}
