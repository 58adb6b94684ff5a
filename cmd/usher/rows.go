package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

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

// readLines sends each line of JSON.
func readLines(file io.Reader, send func(row) bool) error {
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for line, n := 1, 1; lines.Scan(); line++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" {
			continue
		}
		r := row{number: n, line: line, value: []byte(text)}
		if !json.Valid(r.value) || text[0] != '{' {
			r.err = &rowError{"", errors.New("This is not a JSON object; each line holds one user or group.")}
		}
		if !send(r) {
			return nil
		}
		n++
	}
	return lines.Err()
}

// readCSV sends each row under the header.
func readCSV(file io.Reader, rt *scim.ResourceType, send func(row) bool) error {
	in := csv.NewReader(file)
	header, err := in.Read()
	if err != nil {
		return fmt.Errorf("the file has no header of attribute paths: %w", err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	if err := checkColumns(rt, header); err != nil {
		return err
	}
	for n := 1; ; n++ {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var parse *csv.ParseError
		if err != nil && !errors.As(err, &parse) {
			return err
		}
		r := row{number: n}
		if parse != nil {
			r.line, r.err = parse.StartLine, &rowError{"", fmt.Errorf("The row does not have the form of CSV: %w.", parse.Err)}
		} else {
			r.line, _ = in.FieldPos(0)
			r.cells = filled(header, cells)
			r.value, r.err = json.Marshal(r.cells)
		}
		if !send(r) {
			return nil
		}
	}
}

// filled are the cells that say something.
func filled(header, cells []string) map[string]string {
	value := map[string]string{}
	for i, cell := range cells {
		if cell != "" {
			value[header[i]] = unescapeFormula(cell)
		}
	}
	return value
}
