package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/scim"
)

// finish counts a row and moves the place to resume at.
func (im *importer) finish(r row, what string, err error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	said := ""
	if err != nil {
		what, said = "failed", fmt.Sprintf("line %d: %v\n", r.line, err)
	}
	im.count[what]++
	im.done[r.number] = said
	before := im.last
	for {
		said, finished := im.done[im.last+1]
		if !finished {
			break
		}
		_, _ = io.WriteString(im.errs, said) // the summary counts them as well
		im.last++
		delete(im.done, im.last)
	}
	if im.last/keepEvery > before/keepEvery {
		im.keep(false)
	}
	if !im.terminal && im.last/tellEvery > before/tellEvery {
		fmt.Fprintf(im.errs, "%d rows\n", im.last)
	}
}

// tellRest says what was held back for the order of the rows, when some of those
// before were not finished.
func (im *importer) tellRest() {
	for _, number := range slices.Sorted(maps.Keys(im.done)) {
		_, _ = io.WriteString(im.errs, im.done[number])
	}
}

// met notes an externalId and reports whether an earlier row had it.
func (im *importer) met(externalID string) bool {
	if externalID == "" {
		return false
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	before := im.seen[externalID]
	im.seen[externalID] = true
	return before
}

// queue decodes a row and lines it up behind the earlier ones that have one of its
// identifying values: those may be about the same resource, and the last row wins.
func (im *importer) queue(r row) row {
	r.over = make(chan struct{})
	if r.res, r.edges, r.err = r.decode(im.rt); r.err != nil {
		return r
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	for _, key := range im.keys(r) {
		if before := im.under[key]; before != nil {
			r.after = append(r.after, before)
		}
		im.under[key] = r.over
	}
	return r
}

// inTurn does a row when those are done that it is lined up behind. Rows are taken in
// the order of the file, so these are under way, and the first waits for nobody.
func (im *importer) inTurn(r row, do func()) {
	for _, before := range r.after {
		<-before
	}
	do()
	im.mu.Lock()
	defer im.mu.Unlock()
	for _, key := range im.keys(r) {
		if im.under[key] == r.over {
			delete(im.under, key)
		}
	}
	close(r.over)
}

// keys are the identifying values of a row that is queued.
func (im *importer) keys(r row) (keys []string) {
	if r.err != nil {
		return nil
	}
	for _, a := range im.identifying() {
		if text := r.res.Text(a); text != "" {
			keys = append(keys, a.Path()+" "+scim.Key(text))
		}
	}
	return keys
}

// whose notes, in a dry run, which row has created a unique value, and says so to one
// that is refused for it.
func (im *importer) whose(r row, err error) error {
	var refused *scimError
	taken := errors.As(err, &refused) && refused.Type == "uniqueness"
	for _, a := range im.rt.UniqueAttributes() {
		text := r.res.Text(a)
		key := a.Path() + " " + scim.Key(text)
		switch line := im.names[key]; {
		case text == "":
		case err == nil:
			im.names[key] = r.line
		case taken && line > 0:
			return fmt.Errorf("The %s %q is that of line %d already; two rows cannot have the same.", a.Path(), text, line)
		}
	}
	return err
}

// identifying are the attributes that tell which resource a row is about, the
// strongest first: the externalId, then the names.
func (im *importer) identifying() []*scim.Attribute {
	all := []*scim.Attribute{scim.ExternalID}
	for _, a := range im.rt.UniqueAttributes() {
		if a.Required {
			all = append(all, a)
		}
	}
	return all
}

// only is the id of the one resource that was found for a row, "" for none. Of several
// it is the one that has all of the row's identifying values. Where none or two have,
// nobody but a person can say which is meant, and a change could be that of another.
func (im *importer) only(row *scim.Resource, found []json.RawMessage) (string, error) {
	var said, all []string
	for _, doc := range found {
		r, err := decodeAnswer(im.rt, doc)
		if err != nil {
			return "", err
		}
		likeness, whole := im.likeness(row, r)
		if said = append(said, likeness); whole {
			all = append(all, r.ID)
		}
		if len(found) == 1 || !im.update {
			return r.ID, nil
		}
	}
	if len(found) == 0 || len(all) == 1 {
		return strings.Join(all, ""), nil
	}
	slices.Sort(said)
	return "", fmt.Errorf("It is not certain which is meant: %s. Correct the row, or change the others first, so that only one is left.", strings.Join(said, ", "))
}

// likeness says which of a row's identifying values a resource has, and which resource
// that is; whole when it has all of them.
func (im *importer) likeness(row, r *scim.Resource) (said string, whole bool) {
	whose, same, whole := "", []string{}, true
	for _, a := range im.identifying() {
		text, want := r.Text(a), row.Text(a)
		if text != "" && a != scim.ExternalID {
			whose += strconv.Quote(text) + " "
		}
		switch {
		case want == "":
		case text == want || !a.CaseExact && scim.Key(text) == scim.Key(want):
			same = append(same, fmt.Sprintf("the %s %q", a.Path(), want))
		default:
			whole = false
		}
	}
	return fmt.Sprintf("%s is that of %s(id %s)", strings.Join(same, " and "), whose, r.ID), whole
}
