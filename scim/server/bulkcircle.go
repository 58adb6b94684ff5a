package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// circleAhead finds creations that refer to each other, and to nothing else that is
// not there yet, among those that an operation waits for. It is Tarjan's search for
// strongly connected components, which comes upon such a one first.
func circleAhead(op *bulkOperation) []*bulkOperation {
	s := &search{met: map[*bulkOperation]int{}}
	s.visit(op)
	return s.found
}

type search struct {
	met   map[*bulkOperation]int // in which order
	stack []*bulkOperation
	found []*bulkOperation
}

// visit returns the earliest operation that there is a way back to.
func (s *search) visit(op *bulkOperation) int {
	place := len(s.stack)
	s.met[op], s.stack = place, append(s.stack, op)
	first := place
	for _, target := range op.refers {
		if target.done {
			continue
		}
		back, met := s.met[target]
		if !met {
			back = s.visit(target)
		}
		if s.found != nil {
			return first
		}
		first = min(first, back)
	}
	if first == place {
		s.found = s.stack[place:]
	}
	return first
}

// together carries out creations that refer to each other in one transaction, so
// that none is there without what it refers to (K49). If one fails, all do.
func (b *bulkRun) together(ops []*bulkOperation) {
	var c *circle
	err := b.x.s.dir.Together(b.x.ctx, func(changes directory.Changes) error {
		for _, op := range ops {
			op.id = ""
		}
		c = &circle{bulkRun: b, changes: changes, open: slices.Clone(ops), made: map[*bulkOperation]made{}}
		return c.run()
	})
	for _, op := range ops {
		if err != nil {
			op.id = ""
		}
		switch {
		case err == nil:
			b.succeed(op, http.StatusCreated, c.made[op].version, c.made[op].location)
		case c != nil && c.failed != nil && c.failed != op:
			b.fail(op, errReference)
		default:
			b.fail(op, err)
		}
	}
}

// circle is creations that refer to each other, on their way.
type circle struct {
	*bulkRun
	changes directory.Changes
	open    []*bulkOperation
	made    map[*bulkOperation]made
	failed  *bulkOperation
}

// made is what became of a creation.
type made struct{ location, version string }

// run creates the resources, without the members that refer onwards where it must,
// and then adds these.
func (c *circle) run() error {
	later := map[*bulkOperation]map[string]json.RawMessage{}
	var order []*bulkOperation
	for len(c.open) > 0 {
		op := c.next()
		data, rest := c.split(op)
		if len(rest) > 0 {
			later[op], order = rest, append(order, op)
		}
		if err := c.send(op, "POST", op.Path, data); err != nil {
			return err
		}
	}
	for _, op := range order {
		members, err := json.Marshal(later[op])
		if err != nil {
			return err
		}
		patch := `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[{"op":"add","value":` + string(members) + `}]}`
		if err := c.send(op, "PATCH", strings.TrimRight(op.Path, "/")+"/"+op.id, patch); err != nil {
			return err
		}
	}
	return nil
}

// next takes an operation that refers to nothing that is not there, or else the
// first.
func (c *circle) next() *bulkOperation {
	at := 0
	for i, op := range c.open {
		if !slices.ContainsFunc(op.refers, isOpen) {
			at = i
			break
		}
	}
	op := c.open[at]
	c.open = slices.Delete(c.open, at, at+1)
	return op
}

func isOpen(op *bulkOperation) bool { return op.id == "" }

// lacks reports whether a text refers to what has no resource yet.
func (c *circle) lacks(text string) bool {
	return slices.ContainsFunc(references(text), func(id string) bool { return c.byID[id] == nil || isOpen(c.byID[id]) })
}

// split takes the members out of a body that refer to what is not there yet.
func (c *circle) split(op *bulkOperation) (data string, later map[string]json.RawMessage) {
	var members map[string]json.RawMessage
	if !slices.ContainsFunc(op.refers, isOpen) || json.Unmarshal(op.Data, &members) != nil {
		return string(op.Data), nil // what is not an object is refused as such
	}
	later = map[string]json.RawMessage{}
	for name, value := range members {
		if c.lacks(string(value)) {
			later[name] = value
			delete(members, name)
		}
	}
	rest, err := json.Marshal(members)
	if err != nil {
		return string(op.Data), nil
	}
	return string(rest), later
}

// send carries out a request of one of the operations. A reference that is still
// open can only be where no member holds it, such as in a member's name.
func (c *circle) send(op *bulkOperation, method, path, data string) error {
	path, data = c.resolve(path), c.resolve(data)
	if c.lacks(path + `"` + data) {
		c.failed = op
		return scim.Errorf(scim.InvalidValue, "The operation refers to a bulkId in a circle that cannot be resolved; refer to it in the value of an attribute.")
	}
	h := c.headers("")
	h["Prefer"] = []string{"return=minimal"}
	a, err := c.bulkRun.send(c.changes, h, method, path, data)
	if err != nil {
		c.failed = op
		return err
	}
	m := c.made[op]
	if method == "POST" {
		m.location = a.header.Get("Location")
		op.id = m.location[strings.LastIndexByte(m.location, '/')+1:]
	}
	m.version = a.header.Get("Etag")
	c.made[op] = m
	return nil
}
