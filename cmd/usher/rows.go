package main

import (
	"encoding/json"
	"errors"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

// row is one resource of the file, or why it is none.
type row struct {
	number int // from 1, without the header
	line   int
	value  []byte            // the attributes, as the value of an "add" without path
	cells  map[string]string // by column; nil for JSON lines
	err    error

	res   *scim.Resource // what it describes, once it is queued
	edges []patch.EdgeOp
	after []<-chan struct{} // closed when the earlier rows are done that are about the same resource
	over  chan struct{}     // to close when this one is
}

// rowError is a mistake in a row.
type rowError struct {
	column string // empty when it is not in one
	err    error
}

func (e *rowError) Error() string {
	if e.column == "" {
		return e.err.Error()
	}
	return "column " + e.column + ": " + e.err.Error()
}

func (e *rowError) Unwrap() error { return e.err }

// message is the PATCH that sets the row's attributes.
func message(op string, value []byte) []byte {
	return []byte(`{"schemas":["` + scim.PatchOpURN + `"],"Operations":[{"op":"` + op + `","value":` + string(value) + `}]}`)
}

// decode makes the resource that the row describes, with its members apart.
func (r row) decode(rt *scim.ResourceType) (*scim.Resource, []patch.EdgeOp, error) {
	if r.err != nil {
		return nil, nil, r.err
	}
	res, edges, err := apply(rt, r.value)
	if err != nil {
		return nil, nil, &rowError{r.culprit(rt), err}
	}
	if err := scim.CheckRequired(res); err != nil {
		return nil, nil, &rowError{"", detail(err)}
	}
	return res, edges, nil
}

func apply(rt *scim.ResourceType, value []byte) (*scim.Resource, []patch.EdgeOp, error) {
	p, _, err := patch.Decode(rt, message("add", value), scim.Tolerant)
	if err != nil {
		return nil, nil, detail(err)
	}
	res, edges, _, err := p.Apply(scim.New(rt))
	return res, edges, detail(err)
}

// culprit is the one column that is wrong by itself, if it is one.
func (r row) culprit(rt *scim.ResourceType) string {
	for column, cell := range r.cells {
		value, _ := json.Marshal(map[string]string{column: cell}) // strings always marshal
		if _, _, err := apply(rt, value); err != nil {
			return column
		}
	}
	return ""
}

// detail is the sentence of a mistake, without its type.
func detail(err error) error {
	var e *scim.Error
	if errors.As(err, &e) {
		return errors.New(e.Detail)
	}
	return err
}
