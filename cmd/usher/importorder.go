package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

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

// named is where in the file a unique value was met.
type named struct {
	line       int
	externalID string
}

// twice refuses, in a dry run, a unique value that an earlier row of the file has,
// unless both are of the same externalId and so of one resource.
func (im *importer) twice(r row, res *scim.Resource) error {
	id := res.Text(scim.ExternalID)
	for _, a := range im.rt.UniqueAttributes() {
		key := scim.Key(res.Text(a))
		if key == "" {
			continue
		}
		key = a.Path() + " " + key
		switch first, known := im.names[key]; {
		case !known:
			im.names[key] = named{r.line, id}
		case id == "" || first.externalID != id:
			return fmt.Errorf("The %s %q is that of line %d already; two rows cannot have the same.", a.Path(), res.Text(a), first.line)
		}
	}
	return nil
}
