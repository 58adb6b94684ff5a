package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/usher-scim/usher/scim"
)

// bulkRequest is the message of POST /Bulk (RFC 7644 section 3.7).
type bulkRequest struct {
	Schemas      []string        `json:"schemas"`
	FailOnErrors int             `json:"failOnErrors"`
	Operations   json.RawMessage `json:"Operations"`
}

type bulkOperation struct {
	Method  string          `json:"method"`
	BulkID  string          `json:"bulkId"`
	Path    string          `json:"path"`
	Version string          `json:"version"`
	Data    json.RawMessage `json:"data"`

	refused error            // what is wrong with it in any case
	refers  []*bulkOperation // whose bulkIds path and data name
	lost    bool             // names a bulkId that no operation has
	done    bool
	failed  bool
	result  []byte
	id      string // of the resource, once it is there
}

var bulkMembers = map[string]string{"schemas": listOfTexts, "failOnErrors": "a whole number", "Operations": "a list of objects",
	"Operations.method": text, "Operations.bulkId": text, "Operations.path": text, "Operations.version": text}

// operations reads them one by one, each as strictly as a body (K44), and no more than
// are allowed: a body has room for more than a million (K46).
func (x *exchange) operations(list []byte) (ops []*bulkOperation, err error) {
	dec := json.NewDecoder(bytes.NewReader(list))
	switch open, _ := dec.Token(); open {
	case json.Delim('['):
	case nil:
		return nil, scim.Errorf(scim.InvalidSyntax, "The BulkRequest needs the member Operations, a list of objects; see RFC 7644 section 3.7.")
	default:
		return nil, errOperations
	}
	for dec.More() {
		if len(ops) == x.s.opts.BulkOperations {
			return nil, &httpError{status: http.StatusRequestEntityTooLarge, scimType: scim.TooMany,
				detail: "A Bulk request may hold " + strconv.Itoa(x.s.opts.BulkOperations) + " operations; send more than one."}
		}
		var one json.RawMessage
		if err := dec.Decode(&one); err != nil || one[0] != '{' {
			return nil, errOperations
		}
		if err := scim.CheckJSON(one); err != nil {
			return nil, err
		}
		op := &bulkOperation{}
		if err := json.Unmarshal(one, op); err != nil {
			if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				wrong.Field = "Operations." + wrong.Field
			}
			return nil, misread("BulkRequest", "3.7", bulkMembers, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

var errOperations = scim.Errorf(scim.InvalidSyntax, "The member Operations of the BulkRequest must be a list of objects.")
