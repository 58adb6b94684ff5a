package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/scim"
)

// columns are those of a CSV file unless others are asked for.
var columns = map[string][]string{
	"/Users": {"externalId", "userName", "active", "name.givenName", "name.familyName", "displayName", "title", `emails[type eq "work"].value`,
		scim.EnterpriseUserURN + ":employeeNumber", scim.EnterpriseUserURN + ":department", scim.EnterpriseUserURN + ":manager.value"},
	"/Groups": {"externalId", "displayName"},
}

func exportCommand(o *options) *cobra.Command {
	var org, kind, format, connection string
	var cols []string
	cmd := &cobra.Command{Use: "export", Short: "Write users or groups to standard output", Args: noArgs,
		Long: `Write all resources of a type to standard output, as JSON lines, which hold everything, or CSV, of which a cell holds one value:
the first that its column selects. A CSV cell that a spreadsheet would take for a formula
begins with a quote; import takes it off again. The externalId of each is that of the organization's main connection; with
--connection, the one that this connection has given.`,
		Example: "  usher export --type users > people.jsonl\n  usher export --type users --format csv > people.csv\n  usher export --format csv --column userName --column 'emails[type eq \"work\"].value'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(c *client) error {
				rt, err := c.typeNamed(kind)
				if err != nil {
					return err
				}
				if cols == nil {
					cols = columnsOf(rt)
				}
				w := bufio.NewWriter(cmd.OutOrStdout())
				write, err := rowWriter(w, rt, format, cols)
				if err != nil {
					return err
				}
				c.naming = connection
				return firstError(c.export(cmd.Context(), org, rt, write), write(nil), w.Flush())
			})
		}}
	cmd.Flags().StringVar(&org, "org", "default", "organization")
	cmd.Flags().StringVar(&kind, "type", "users", "users, groups, or the endpoint of a resource type of your own")
	complete(cmd, "type", o.types())
	complete(cmd, "org", o.organizations())
	cmd.Flags().StringVar(&connection, "connection", "", "the connection whose externalIds are written")
	complete(cmd, "connection", o.connections())
	cmd.Flags().StringVar(&format, "format", "jsonl", "jsonl (one JSON object a line) or csv")
	cmd.Flags().StringArrayVar(&cols, "column", nil, "attribute path of a CSV column; repeat for more")
	return cmd
}

// typeNamed finds a resource type by its endpoint, in any case.
func (c *client) typeNamed(kind string) (*scim.ResourceType, error) {
	var known []string
	for _, rt := range c.types.Types {
		if rt.ReadOnly {
			continue
		}
		name := strings.TrimPrefix(rt.Endpoint, "/")
		if strings.EqualFold(name, kind) {
			return rt, nil
		}
		known = append(known, strings.ToLower(name))
	}
	return nil, usageError{fmt.Errorf("--type must be one of %s, not %q", strings.Join(known, ", "), kind)}
}

// columnsOf are the columns of a type: for one of the operator's own, all its
// attributes that have one value.
func columnsOf(rt *scim.ResourceType) []string {
	if cols, ok := columns[rt.Endpoint]; ok {
		return cols
	}
	cols := []string{"externalId"}
	for _, a := range rt.Roots() {
		if !a.MultiValued && a.Type != scim.Complex && !a.IsExtension() && a.Mutability != scim.ReadOnly && a.Path() != cols[0] {
			cols = append(cols, a.Path())
		}
	}
	return cols
}

// plainPath is the attribute that a column is of, without the choice of element.
func plainPath(column string) string {
	before, rest, _ := strings.Cut(column, "[")
	_, after, _ := strings.Cut(rest, "]")
	return before + after
}

// checkColumns refuses columns that the type does not have.
func checkColumns(rt *scim.ResourceType, cols []string) error {
	for i, col := range cols {
		if _, ok := rt.Resolve(plainPath(col)); !ok {
			return fmt.Errorf("column %d is %q, which is not the path of an attribute of %s", i+1, col, rt.Name)
		}
	}
	return nil
}

var elementOfType = regexp.MustCompile(`(?i)^[^\[]+(\[type eq "[^"\]]*"\])?[^\[\]]*$`)

// exportable refuses columns that cell could not fill.
func exportable(rt *scim.ResourceType, cols []string) error {
	for _, col := range cols {
		if !elementOfType.MatchString(col) {
			return fmt.Errorf("the column %q chooses an element by something else than [type eq \"…\"]", col)
		}
	}
	if err := checkColumns(rt, cols); err != nil {
		return err
	}
	for _, col := range cols {
		if a, _ := rt.Resolve(plainPath(col)); a.Type == scim.Complex { // every cell would be empty
			return fmt.Errorf("the column %q has several parts and fits in no cell; name one of them, such as %s", col, a.Sub[0].Path())
		}
	}
	return nil
}

// rowWriter writes one resource after the other; nil ends the output.
func rowWriter(w io.Writer, rt *scim.ResourceType, format string, cols []string) (func(json.RawMessage) error, error) {
	switch format {
	case "jsonl":
		return func(doc json.RawMessage) error {
			if doc == nil {
				return nil
			}
			_, err := w.Write(append(doc, '\n'))
			return err
		}, nil
	case "csv":
		if err := exportable(rt, cols); err != nil {
			return nil, usageError{err}
		}
		out := csv.NewWriter(w)
		err := out.Write(cols)
		return func(doc json.RawMessage) error {
			if doc == nil {
				out.Flush()
				return out.Error()
			}
			r, err := decodeAnswer(rt, doc)
			if err != nil {
				return err
			}
			row := make([]string, len(cols))
			for i, col := range cols {
				row[i] = escapeFormula(cell(r, col))
			}
			return out.Write(row)
		}, err
	}
	return nil, usageError{fmt.Errorf("--format must be jsonl or csv, not %q", format)}
}

// decodeAnswer reads a resource as the server sends it, with its id and times,
// which a client could not set.
func decodeAnswer(rt *scim.ResourceType, doc json.RawMessage) (*scim.Resource, error) {
	var own struct {
		ID   string `json:"id"`
		Meta struct {
			Created  time.Time `json:"created"`
			Modified time.Time `json:"lastModified"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(doc, &own); err != nil {
		return nil, err
	}
	r, _, err := scim.Decode(rt, doc, scim.Tolerant)
	if err != nil {
		return nil, err
	}
	r.ID, r.Created, r.Modified = own.ID, own.Meta.Created, own.Meta.Modified
	return r, nil
}

// cell is the text of the first value that a path selects.
func cell(r *scim.Resource, path string) (text string) {
	_, filter, _ := strings.Cut(path, "[")
	filter, _, filtered := strings.Cut(filter, "]")
	a, ok := r.Type.Resolve(plainPath(path))
	if !ok {
		return ""
	}
	want := ""
	if filtered {
		_, want, _ = strings.Cut(filter, `"`)
		want = strings.TrimSuffix(want, `"`)
	}
	done := false
	r.Each(a, func(i int, v scim.Value) {
		if done || want != "" && !elementHas(r, a.Parent(), i, want) {
			return
		}
		text, done = v.String(), true
	})
	return text
}

// elementHas reports whether the element's type is the one wanted.
func elementHas(r *scim.Resource, parent *scim.Attribute, i int, want string) bool {
	typ, ok := parent.Lookup("type")
	if !ok {
		return false
	}
	list, _ := r.Get(parent)
	v, _ := list.List()[i].Get(typ)
	return scim.EqualName(v.Text(), want)
}

// escapeFormula keeps spreadsheets from running a text (K73); unescapeFormula
// is its inverse.
func escapeFormula(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}

func unescapeFormula(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+-@\t\r'", rune(s[1])) {
		return s[1:]
	}
	return s
}

// export walks all resources of a type by cursor.
func (c *client) export(ctx context.Context, org string, rt *scim.ResourceType, write func(json.RawMessage) error) error {
	for cursor, more := "", true; more; {
		var page struct {
			Resources  []json.RawMessage `json:"Resources"`
			NextCursor *string           `json:"nextCursor"`
		}
		if _, err := c.scim(ctx, org, "GET", rt.Endpoint+"?count=200&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return err
		}
		for _, doc := range page.Resources {
			if err := write(doc); err != nil {
				return err
			}
		}
		if more = page.NextCursor != nil; more {
			cursor = *page.NextCursor
		}
	}
	return nil
}

// scimError is an error answer of the protocol.
type scimError struct {
	Status string `json:"status"`
	Type   string `json:"scimType"`
	Detail string `json:"detail"`
}

func (e *scimError) Error() string { return e.Detail }

// scim sends a SCIM request with the operator's rights.
func (c *client) scim(ctx context.Context, org, method, path string, body []byte, out any) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://usher"+c.rehearsal+"/scim/v2"+path, strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	r.Header.Set(control.OrganizationHeader, org)
	if c.naming != "" {
		r.Header.Set(control.ConnectionHeader, c.naming)
	}
	if c.reservation != "" {
		r.Header.Set("Usher-Reservation", c.reservation)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, unreachable{err}
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		e := &scimError{}
		if err := json.NewDecoder(answer.Body).Decode(e); err != nil {
			return answer.StatusCode, fmt.Errorf("the server answered %s", answer.Status)
		}
		return answer.StatusCode, e
	}
	if out == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode, err
	}
	return answer.StatusCode, json.NewDecoder(answer.Body).Decode(out)
}
