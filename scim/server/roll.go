package server

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/usher-scim/usher/directory"
)

// passage is a part of a long answer: a text, and then the members of a large group.
type passage struct {
	text []byte
	roll roll
}

// roll is members between the store and the answer. They are read before the answer
// begins, so that it has its length, what fails is still an error, and a slow client
// holds up no snapshot; they become JSON, nearly ten times as long, as they are sent.
type roll struct {
	pieces [][]entry // one slice would be copied as it grows, and left to the collector
	kinds  [2]int    // how many are users, and groups
}

// entry is a member: the id that the service once gave it, and what it is.
type entry struct {
	id   uuid.UUID
	kind memberKind
}

type memberKind uint8

const (
	userMember memberKind = iota
	groupMember
)

const (
	// rollFrom is how many members of a group are written into the text: nearly all
	// groups have fewer, and need nothing else.
	rollFrom  = 64
	rollPiece = 4096
	// portion is how much of its JSON is made at a time, in bytes.
	portion = 32 << 10
)

func kindOf(m directory.Member) memberKind {
	if m.Type == "Group" {
		return groupMember
	}
	return userMember
}

// add notes a member.
func (l *roll) add(m directory.Member) error {
	id, err := uuid.Parse(m.ID)
	if err != nil {
		return fmt.Errorf("stored member %q: %w", m.ID, err)
	}
	last := len(l.pieces) - 1
	if last < 0 || len(l.pieces[last]) == rollPiece {
		l.pieces = append(l.pieces, make([]entry, 0, rollPiece))
		last++
	}
	kind := kindOf(m)
	l.pieces[last] = append(l.pieces[last], entry{id, kind})
	l.kinds[kind]++
	return nil
}

// appendMembers writes the members of a group. Where it puts some aside, what it
// returns begins anew.
func (x *exchange) appendMembers(dst []byte, r directory.Reader, group directory.Ref) ([]byte, error) {
	dst = append(dst, '[')
	var rest roll
	n := 0
	for m, err := range r.Members(x.ctx, group) {
		if err != nil {
			return dst, err
		}
		if n++; n > rollFrom {
			if err := rest.add(m); err != nil {
				return dst, err
			}
			continue
		}
		if n > 1 {
			dst = append(dst, ',')
		}
		dst = x.appendMember(dst, m.ID, kindOf(m))
	}
	if n > rollFrom {
		x.before = append(x.before, passage{dst, rest})
		dst = make([]byte, 0, bufferSize)
	}
	return append(dst, ']'), nil
}

var memberKinds = [...]struct{ endpoint, name string }{userMember: {"/Users/", "User"}, groupMember: {"/Groups/", "Group"}}

func (x *exchange) appendMember(dst []byte, id string, kind memberKind) []byte {
	dst = x.appendRef(dst, id, memberKinds[kind].endpoint)
	return append(append(append(dst, `,"type":"`...), memberKinds[kind].name...), `"}`...)
}

// size is the length of what send sends: all ids have the same.
func (p *passage) size(x *exchange) int {
	n := len(p.text)
	for kind, members := range p.roll.kinds {
		n += members * len(x.appendMember([]byte{','}, uuid.Nil.String(), memberKind(kind)))
	}
	return n
}

// send sends the text and then the members, each after a comma; out is empty.
func (p *passage) send(x *exchange, out []byte) error {
	if _, err := x.w.Write(p.text); err != nil {
		return err
	}
	for _, piece := range p.roll.pieces {
		for _, e := range piece {
			out = x.appendMember(append(out, ','), e.id.String(), e.kind)
			if len(out) < portion-1<<10 {
				continue
			}
			if _, err := x.w.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	_, err := x.w.Write(out)
	return err
}
