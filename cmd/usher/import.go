package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/patch"
)

func importCommand(o *options) *cobra.Command {
	im := &importer{}
	var kind, connection string
	cmd := &cobra.Command{Use: "import FILE", Short: "Create users or groups from a CSV or JSON lines file", Args: oneArg("the file to read"),
		Long: `Create users or groups from a file in UTF-8: CSV with commas and a header of attribute paths (userName, name.givenName, emails[type eq "work"].value …),
or one SCIM resource as JSON a line. It is CSV if its name ends in .csv. Each row is a request of its own; rows that fail are told with their line and the rest goes on.
The externalIds of the file are those of the organization's main connection, or of the one that --connection names.
The last row that is done is kept in FILE.usher-import until all are, so that --resume can go on after an interruption.`,
		Example: "  usher import people.csv --dry-run\n  usher import people.csv --update --errors mistakes.txt\n  usher import people.jsonl --resume",
		RunE: func(cmd *cobra.Command, args []string) error {
			im.path, im.out, im.errs = args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()
			return o.making(cmd.Context(), func(c *client) (err error) {
				im.client, c.naming = c, connection
				if im.rt, err = c.typeNamed(kind); err != nil {
					return err
				}
				return im.run(cmd.Context())
			})
		}}
	f := cmd.Flags()
	f.StringVar(&im.org, "org", "default", "organization")
	f.StringVar(&kind, "type", "users", "users, groups, or the endpoint of a resource type of your own")
	complete(cmd, "type", o.types())
	complete(cmd, "org", o.organizations())
	f.StringVar(&connection, "connection", "", "the connection whose externalIds the file has")
	complete(cmd, "connection", o.connections())
	f.BoolVar(&im.dry, "dry-run", false, "check every row and say what would happen, without changing anything")
	f.BoolVar(&im.update, "update", false, "change resources that exist already (same externalId, or same name)")
	f.BoolVar(&im.resume, "resume", false, "go on after the last row of an import that was interrupted")
	f.BoolVar(&im.reserve, "reserve", false, "reserve a seat of the licence for every row first, so that all of them find one")
	f.StringVar(&im.errorsFile, "errors", "", "write the rows that failed to this file as well")
	return cmd
}

const (
	importers = 24   // rows under way at once, so that they share commits
	keepEvery = 100  // rows between two notes of the place to resume at
	tellEvery = 5000 // rows between two counts where there is no terminal
)

// importer is an import under way.
type importer struct {
	client              *client
	rt                  *scim.ResourceType
	org, path           string
	dry, update, resume bool
	reserve             bool
	reserved            string // the reservation of an import that was interrupted
	errorsFile          string
	out, errs           io.Writer
	terminal            bool

	mu    sync.Mutex
	count map[string]int
	done  map[int]string           // rows that are finished beyond the last in sequence, with what is to be said of them
	last  int                      // all rows up to this one are finished
	fresh bool                     // there was nothing when the import began
	seen  map[string]bool          // externalIds of the file so far, where nothing else can be in the way
	names map[string]int           // in a dry run, the lines of the unique values that were created
	under map[string]chan struct{} // by identifying value, the last row under way that has it, open until it is done
}

// run reads the file and imports it.
func (im *importer) run(ctx context.Context) (err error) {
	file, err := os.Open(im.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if im.dry {
		if err := im.client.rehearse(ctx); err != nil {
			return err
		}
		defer im.client.rehearsed(ctx)
	}
	im.count, im.done, im.names, im.under = map[string]int{}, map[int]string{}, map[string]int{}, map[string]chan struct{}{}
	var have struct {
		Total int `json:"totalResults"`
	}
	if err := im.send(ctx, http.MethodGet, im.rt.Endpoint+"?count=0", nil, &have); err != nil {
		return err
	}
	im.fresh, im.seen = have.Total == 0, map[string]bool{}
	if im.resume {
		if im.last, im.reserved, err = readState(im.state()); err != nil {
			return err
		}
		if im.last == 0 {
			fmt.Fprintf(im.errs, "no place is saved to go on from in %s; beginning with the first row\n", im.state())
		}
	}
	if im.errorsFile != "" {
		mistakes, err := os.Create(im.errorsFile)
		if err != nil {
			return err
		}
		defer func() { err = firstError(err, mistakes.Close()) }()
		im.errs = io.MultiWriter(im.errs, mistakes)
	}
	release, err := im.reserveSeats(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, release()) }()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	rows := make(chan row)
	failed := make(chan error, 1)
	go func() {
		defer close(rows)
		failed <- im.read(ctx, im.progress(file), rows)
	}()
	im.work(ctx, stop, rows)
	im.tellRest()
	err = <-failed
	im.keep(err == nil && ctx.Err() == nil)
	if err != nil && len(im.count) == 0 {
		return err
	}
	return firstError(err, im.summary(ctx))
}

// rows calls fn with every row of the file.
func (im *importer) rows(file io.Reader, fn func(row) bool) error {
	if strings.HasSuffix(strings.ToLower(im.path), ".csv") {
		return readCSV(file, im.rt, fn)
	}
	return readLines(file, fn)
}

// progress shows on a terminal how much of the file is read.
func (im *importer) progress(file *os.File) io.Reader {
	info, err := file.Stat()
	if im.terminal = term.IsTerminal(int(os.Stderr.Fd())); err != nil || !im.terminal {
		return file
	}
	return io.TeeReader(file, progressbar.DefaultBytes(info.Size(), im.path))
}

func (im *importer) summary(ctx context.Context) error {
	verb := ""
	if im.dry {
		verb = "would be "
	}
	fmt.Fprintf(im.out, "%d %screated, %d %supdated, %d unchanged or there already, %d failed\n", im.count["created"], verb, im.count["updated"], verb, im.count["skipped"], im.count["failed"])
	var gone unreachable
	switch {
	case errors.As(context.Cause(ctx), &gone):
		return fmt.Errorf("%w; go on with --resume when it is back", gone)
	case ctx.Err() != nil:
		return errors.New("the import was interrupted; go on with --resume")
	case im.count["failed"] > 0:
		return fmt.Errorf("%d rows were not imported; see the lines above", im.count["failed"])
	}
	return nil
}

// work imports rows until there are no more, or the server is gone.
func (im *importer) work(ctx context.Context, stop context.CancelCauseFunc, rows <-chan row) {
	var all sync.WaitGroup
	workers := importers
	if im.dry {
		workers = 1 // who finds the last seat is told by their order
	}
	for range workers {
		all.Go(func() {
			for r := range rows {
				im.inTurn(r, func() {
					if ctx.Err() != nil {
						return
					}
					what, err := im.one(ctx, r)
					if gone := (unreachable{}); errors.As(err, &gone) {
						stop(gone)
					}
					if err == nil || ctx.Err() == nil {
						im.finish(r, what, err)
					}
				})
			}
		})
	}
	all.Wait()
}

// one imports one row: created, updated or skipped. Where a dry run holds as many as are
// kept of one, another one begins.
func (im *importer) one(ctx context.Context, r row) (what string, err error) {
	if r.err != nil {
		return "", r.err
	}
	what, err = im.judge(ctx, r)
	var full *scimError
	if !im.dry || !errors.As(err, &full) || full.Type != string(scim.TooMany) {
		return what, err
	}
	im.client.rehearsed(ctx)
	if err := im.client.rehearse(ctx); err != nil {
		return "", err
	}
	fmt.Fprintf(im.errs, "line %d: from here on the rows are checked as if those before were not there, of which no more are kept\n", r.line)
	return im.judge(ctx, r)
}

// judge has the server say what becomes of one row.
func (im *importer) judge(ctx context.Context, r row) (string, error) {
	earlier := im.fresh && im.met(r.res.Text(scim.ExternalID))
	id, err := im.existing(ctx, r.res, earlier)
	switch {
	case err != nil:
		return "", err
	case id != "" && !im.update:
		return "skipped", nil
	case id != "":
		return "updated", im.send(ctx, http.MethodPatch, im.rt.Endpoint+"/"+url.PathEscape(id), message("replace", r.value), nil)
	}
	err = im.send(ctx, http.MethodPost, im.rt.Endpoint, withMembers(r.res, r.edges), nil)
	if im.dry {
		err = im.whose(r, err)
	}
	return "created", err
}

const patience = 20 // times that a busy server is asked again, a second apart

// send sends one request, again while the server is busy.
func (im *importer) send(ctx context.Context, method, path string, body []byte, out any) error {
	for try := 0; ; try++ {
		status, err := im.client.scim(ctx, im.org, method, path, body, out)
		busy := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
		if !busy || try == patience {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
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

// existing finds the one resource of the same externalId or name, if there is one.
// Where there was nothing when the import began, only an earlier row of the file
// can be in the way, and then names are left to the server to refuse.
func (im *importer) existing(ctx context.Context, res *scim.Resource, earlier bool) (string, error) {
	if im.fresh && !earlier {
		return "", nil
	}
	parts, names := []string(nil), "id"
	for _, a := range im.identifying() {
		names += "," + a.Path()
		if text := res.Text(a); text != "" {
			parts = append(parts, a.Path()+" eq "+string(scim.AppendString(nil, text)))
		}
	}
	if parts == nil {
		return "", nil
	}
	var page struct {
		Resources []json.RawMessage `json:"Resources"`
	}
	path := im.rt.Endpoint + "?attributes=" + url.QueryEscape(names) + "&filter=" + url.QueryEscape(strings.Join(parts, " or "))
	if err := im.send(ctx, http.MethodGet, path, nil, &page); err != nil {
		return "", err
	}
	return im.only(res, page.Resources)
}

// read sends the rows of the file, without those of an earlier run.
func (im *importer) read(ctx context.Context, file io.Reader, rows chan<- row) error {
	skip := im.last
	send := func(r row) bool {
		if r.number <= skip {
			return true
		}
		select {
		case rows <- im.queue(r):
			return true
		case <-ctx.Done():
			return false
		}
	}
	return im.rows(file, send)
}
