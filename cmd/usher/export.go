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
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/admin"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// columns are those of a CSV file unless others are asked for.
var columns = map[string][]string{
	"users": {"externalId", "userName", "active", "name.givenName", "name.familyName", "displayName", "title", `emails[type eq "work"].value`,
		scim.EnterpriseUserURN + ":employeeNumber", scim.EnterpriseUserURN + ":department", scim.EnterpriseUserURN + ":manager.value"},
	"groups": {"externalId", "displayName"},
}

func exportCommand(o *options) *cobra.Command {
	var org, kind, format string
	var cols []string
	cmd := &cobra.Command{Use: "export", Short: "Write users or groups to standard output", Args: noArgs,
		Example: "  usher export --type users > people.jsonl\n  usher export --type users --format csv > people.csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			rt, err := typeNamed(kind)
			if err != nil {
				return err
			}
			if cols == nil {
				cols = columns[kind]
			}
			w := bufio.NewWriter(cmd.OutOrStdout())
			write, err := rowWriter(w, rt, format, cols)
			if err != nil {
				return err
			}
			err = o.with(cmd.Context(), func(c *client) error { return c.export(cmd.Context(), org, rt, write) })
			return firstError(err, write(nil), w.Flush())
		}}
	cmd.Flags().StringVar(&org, "org", "default", "organization")
	cmd.Flags().StringVar(&kind, "type", "users", "users or groups")
	cmd.Flags().StringVar(&format, "format", "jsonl", "jsonl (one JSON object a line) or csv")
	cmd.Flags().StringArrayVar(&cols, "column", nil, "attribute path of a CSV column; repeat for more")
	return cmd
}

func typeNamed(kind string) (*scim.ResourceType, error) {
	rt, ok := schemas.Default.Endpoint("/" + kind)
	if !ok {
		return nil, usageError{fmt.Errorf("--type must be users or groups, not %q", kind)}
	}
	return rt, nil
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
		out := csv.NewWriter(w)
		err := out.Write(cols)
		return func(doc json.RawMessage) error {
			if doc == nil {
				out.Flush()
				return out.Error()
			}
			r, _, err := scim.Decode(rt, doc, scim.Tolerant)
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

// cell is the text of the first value that a path selects.
func cell(r *scim.Resource, path string) (text string) {
	plain, filter, _ := strings.Cut(path, "[")
	filter, sub, filtered := strings.Cut(filter, "]")
	a, ok := r.Type.Resolve(plain + sub)
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
	r, err := http.NewRequestWithContext(ctx, method, "http://usher/scim/v2"+path, strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	r.Header.Set(admin.OrganizationHeader, org)
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, fmt.Errorf("the server did not answer: %w", err)
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
