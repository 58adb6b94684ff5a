package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/cmd/internal/app"
	"github.com/usher-scim/usher/scim/schemas"
)

// client speaks to the control API: of the running server through its socket,
// or else of a server put together for this one command.
type client struct {
	http  http.Client
	types *schemas.Registry
	close func() error
	// reservation names the seats that people are given who are created.
	reservation string
	// rehearsal is the path of the dry run that requests belong to; empty: they are in earnest.
	rehearsal string
	// naming is the connection whose externalIds are read and given; empty: the main one.
	naming string
}

// unreachable says that a server which was there is not any more.
type unreachable struct{ error }

func (e unreachable) Error() string { return "the server does not answer any more: " + e.error.Error() }

// client makes one. Unless the command is one that makes things, it wants a store
// that is there: a mistyped folder would be a new one.
func (o *options) client(ctx context.Context, makes bool) (*client, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	types, err := app.Types(cfg)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return app.Dial(ctx, cfg)
	}
	// Of a store that is shared nobody knows whether the server on this folder has
	// the same one; and commands may work on it beside any server.
	if conn, err := dial(ctx, "", ""); err == nil && !cfg.Store.Shared() {
		t := &http.Transport{DialContext: dial}
		return &client{http: http.Client{Transport: t}, types: types, close: func() error { t.CloseIdleConnections(); return nil }}, conn.Close()
	}
	if err := app.Exists(cfg); err != nil && !makes {
		return nil, err
	}
	a, err := app.New(ctx, cfg, io.Discard)
	if err != nil {
		return nil, err
	}
	if err := a.Prepare(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return &client{http: http.Client{Transport: inProcess{a.Control()}}, types: types, close: a.Close}, nil
}

// inProcess answers requests from a handler in this process.
type inProcess struct{ http.Handler }

// RoundTrip calls the handler.
func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := &answer{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, r)
	return &http.Response{StatusCode: w.status, Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r}, nil
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is the header to write.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write keeps a part of the body.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// call sends a request and reads the answer into out.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://usher"+path, &body)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return unreachable{err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		var p operation.Problem
		if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
			return fmt.Errorf("the server answered %s", answer.Status)
		}
		return &problem{p.Status, p.Detail}
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// rehearse has the requests that follow tried instead of made, each as if those before it
// had been, until rehearsed is called.
func (c *client) rehearse(ctx context.Context) error {
	var begun control.Rehearsal
	if err := c.call(ctx, http.MethodPost, control.Rehearsals, nil, &begun); err != nil {
		return fmt.Errorf("a dry run cannot begin: %w", err)
	}
	c.rehearsal = control.Rehearsals + "/" + begun.ID
	return nil
}

// rehearsed ends what rehearse has begun.
func (c *client) rehearsed(ctx context.Context) {
	if c.rehearsal != "" {
		_ = c.call(context.WithoutCancel(ctx), http.MethodDelete, c.rehearsal, nil, nil) // or the server forgets it in time
	}
	c.rehearsal = ""
}

// problem is what the control API or the admin API answers in place of a result.
type problem struct {
	status int
	detail string
}

func (p *problem) Error() string { return p.detail }

// about says which one is meant where a problem is that a name is unknown or taken.
// The command is the one that lists such things.
func about(err error, command, name string) error {
	var p *problem
	if !errors.As(err, &p) {
		return err
	}
	noun := command
	if command == "org" {
		noun = "organization"
	}
	switch {
	case p.status == http.StatusNotFound:
		return fmt.Errorf("there is no %s %s; usher %s list shows those there are", noun, name, command)
	case p.status == http.StatusConflict && p.detail == "That name is taken already.":
		return fmt.Errorf("the %s %s is there already; choose another name", noun, name)
	}
	return err
}

// with runs fn with a client of what is there, and closes it.
func (o *options) with(ctx context.Context, fn func(*client) error) error {
	return o.using(ctx, false, fn)
}

// making is with for commands that may be the first on a folder.
func (o *options) making(ctx context.Context, fn func(*client) error) error {
	return o.using(ctx, true, fn)
}

func (o *options) using(ctx context.Context, makes bool, fn func(*client) error) (err error) {
	c, err := o.client(ctx, makes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return fn(c)
}
