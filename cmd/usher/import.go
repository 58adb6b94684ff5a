package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

func importCommand(o *options) *cobra.Command {
	im := &importer{}
	kind := ""
	cmd := &cobra.Command{Use: "import FILE", Short: "Create users or groups from a CSV or JSON lines file", Args: oneArg("the file to read"),
		Long: `Create users or groups from a file: CSV with a header of attribute paths (userName, name.givenName, emails[type eq "work"].value …),
or one SCIM resource as JSON a line. Each row is a request of its own; rows that fail are told with their line and the rest goes on.`,
		Example: "  usher import people.csv --dry-run\n  usher import people.csv --update\n  usher import people.jsonl --resume",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if im.rt, err = typeNamed(kind); err != nil {
				return err
			}
			im.path, im.out, im.errs = args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()
			return o.with(cmd.Context(), func(c *client) error {
				im.client = c
				return im.run(cmd.Context())
			})
		}}
	f := cmd.Flags()
	f.StringVar(&im.org, "org", "default", "organization")
	f.StringVar(&kind, "type", "users", "users or groups")
	f.BoolVar(&im.dry, "dry-run", false, "check every row and say what would happen, without changing anything")
	f.BoolVar(&im.update, "update", false, "change resources that exist already (same externalId, or same name)")
	f.BoolVar(&im.resume, "resume", false, "go on after the last row of an import that was interrupted")
	return cmd
}

const importers = 8 // rows under way at once, so that they share commits

// importer is an import under way.
type importer struct {
	client              *client
	rt                  *scim.ResourceType
	org, path           string
	dry, update, resume bool
	out, errs           io.Writer

	mu    sync.Mutex
	count map[string]int
	done  map[int]bool // rows that are finished beyond the last in sequence
	last  int          // all rows up to this one are finished
}

// row is one resource of the file, or why it is none.
type row struct {
	number int // from 1, without the header
	line   int
	value  []byte // the attributes, as the value of an "add" without path
	err    error
}

// run reads the file and imports it. The rows finished so far are kept in a file
// beside it until all are.
func (im *importer) run(ctx context.Context) error {
	file, err := os.Open(im.path)
	if err != nil {
		return err
	}
	defer file.Close()
	im.count, im.done = map[string]int{}, map[int]bool{}
	state := im.path + ".usher-import"
	if im.resume {
		if im.last, err = readState(state); err != nil {
			return err
		}
	}
	rows := make(chan row)
	failed := make(chan error, 1)
	go func() {
		defer close(rows)
		failed <- im.read(ctx, file, rows)
	}()
	im.work(ctx, rows, state)
	err = <-failed
	if err == nil && ctx.Err() == nil && !im.dry {
		_ = os.Remove(state) // it may never have been written
	}
	return firstError(err, im.summary(ctx))
}

func (im *importer) summary(ctx context.Context) error {
	verb := ""
	if im.dry {
		verb = "would be "
	}
	fmt.Fprintf(im.out, "%d %screated, %d %supdated, %d unchanged or there already, %d failed\n", im.count["created"], verb, im.count["updated"], verb, im.count["skipped"], im.count["failed"])
	switch {
	case ctx.Err() != nil:
		return errors.New("the import was interrupted; go on with --resume")
	case im.count["failed"] > 0:
		return fmt.Errorf("%d rows were not imported; see the lines above", im.count["failed"])
	}
	return nil
}

func readState(path string) (int, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

func (im *importer) work(ctx context.Context, rows <-chan row, state string) {
	var bar *progressbar.ProgressBar
	if term.IsTerminal(int(os.Stderr.Fd())) {
		bar = progressbar.Default(-1, "rows")
	}
	var all sync.WaitGroup
	for range importers {
		all.Go(func() {
			for r := range rows {
				if ctx.Err() != nil {
					continue
				}
				what, err := im.one(ctx, r)
				im.finish(r, what, err, state)
				if bar != nil {
					_ = bar.Add(1) // a terminal that is gone is no reason to stop
				}
			}
		})
	}
	all.Wait()
}

// finish counts a row and keeps the place to resume at.
func (im *importer) finish(r row, what string, err error, state string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if err != nil {
		what = "failed"
		fmt.Fprintf(im.errs, "line %d: %v\n", r.line, err)
	}
	im.count[what]++
	im.done[r.number] = true
	before := im.last
	for im.done[im.last+1] {
		im.last++
		delete(im.done, im.last)
	}
	if im.last/100 > before/100 && !im.dry {
		_ = os.WriteFile(state, []byte(strconv.Itoa(im.last)), 0o600) // only costs time when it fails
	}
}

// one imports one row: created, updated or skipped.
func (im *importer) one(ctx context.Context, r row) (string, error) {
	if r.err != nil {
		return "", r.err
	}
	message := []byte(`{"schemas":["` + scim.PatchOpURN + `"],"Operations":[{"op":"add","value":` + string(r.value) + `}]}`)
	p, _, err := patch.Decode(im.rt, message, scim.Tolerant)
	if err != nil {
		return "", detail(err)
	}
	res, edges, _, err := p.Apply(scim.New(im.rt))
	if err == nil {
		err = scim.CheckRequired(res)
	}
	if err != nil {
		return "", detail(err)
	}
	id, err := im.existing(ctx, res)
	switch {
	case err != nil:
		return "", err
	case id != "" && !im.update:
		return "skipped", nil
	case im.dry && id != "":
		return "updated", nil
	case im.dry:
		return "created", nil
	case id != "":
		message = []byte(strings.Replace(string(message), `"op":"add"`, `"op":"replace"`, 1))
		_, err = im.client.scim(ctx, im.org, "PATCH", im.rt.Endpoint+"/"+id, message, nil)
		return "updated", err
	}
	_, err = im.client.scim(ctx, im.org, "POST", im.rt.Endpoint, withMembers(res, edges), nil)
	return "created", err
}

// withMembers is the body that creates the resource.
func withMembers(res *scim.Resource, edges []patch.EdgeOp) []byte {
	body := res.AppendStored(nil)
	var members []byte
	for _, op := range edges {
		for _, m := range op.Members {
			members = append(scim.AppendString(append(members, `,{"value":`...), m.ID), '}')
		}
	}
	if members == nil {
		return body
	}
	return append(append(append(body[:len(body)-1], `,"members":[`...), members[1:]...), "]}"...)
}

// detail is the sentence of a mistake, without its type.
func detail(err error) error {
	var e *scim.Error
	if errors.As(err, &e) {
		return errors.New(e.Detail)
	}
	return err
}

// existing finds a resource of the same externalId, or else of the same name.
func (im *importer) existing(ctx context.Context, res *scim.Resource) (string, error) {
	for _, a := range append([]*scim.Attribute{scim.ExternalID}, im.rt.UniqueAttributes()...) {
		text := res.Text(a)
		if text == "" || !a.Required && a != scim.ExternalID {
			continue
		}
		var page struct {
			Resources []struct {
				ID string `json:"id"`
			} `json:"Resources"`
		}
		filter := a.Path() + " eq " + string(scim.AppendString(nil, text))
		if _, err := im.client.scim(ctx, im.org, http.MethodGet, im.rt.Endpoint+"?attributes=id&filter="+url.QueryEscape(filter), nil, &page); err != nil {
			return "", err
		}
		if len(page.Resources) > 0 {
			return page.Resources[0].ID, nil
		}
	}
	return "", nil
}

// read sends the rows of the file, without those of an earlier run.
func (im *importer) read(ctx context.Context, file io.Reader, rows chan<- row) error {
	skip := im.last
	send := func(r row) bool {
		if r.number <= skip {
			return true
		}
		select {
		case rows <- r:
			return true
		case <-ctx.Done():
			return false
		}
	}
	if strings.HasSuffix(strings.ToLower(im.path), ".csv") {
		return readCSV(file, send)
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		r := row{number: n, line: n, value: []byte(lines.Text())}
		if !json.Valid(r.value) {
			r.err = errors.New("The line is not a JSON object.")
		}
		if !send(r) {
			return nil
		}
	}
	return lines.Err()
}

func readCSV(file io.Reader, send func(row) bool) error {
	in := csv.NewReader(file)
	header, err := in.Read()
	if err != nil {
		return fmt.Errorf("the file has no header of attribute paths: %w", err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	for n := 1; ; n++ {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var parse *csv.ParseError
		if err != nil && !errors.As(err, &parse) {
			return err
		}
		r := row{number: n, err: err}
		if err == nil {
			r.line, _ = in.FieldPos(0)
			value := map[string]string{}
			for i, cell := range cells {
				if cell != "" {
					value[header[i]] = unescapeFormula(cell)
				}
			}
			r.value, r.err = json.Marshal(value)
		} else {
			r.line = parse.Line
		}
		if !send(r) {
			return nil
		}
	}
}
