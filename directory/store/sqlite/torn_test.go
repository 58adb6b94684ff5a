package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The form of SQLite's log: a header, then frames of one page each.
const (
	logHeader = 32
	logFrame  = 24 + 4096
)

// recording is a store whose last changes are only in its log.
type recording struct {
	db, log []byte
	states  []string // of the file alone, then after each change
	ends    []int    // the length of the log then
}

func record(t *testing.T) recording {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usher.db")
	h := newHistory(t, path)
	h.round()
	h.close() // folds the log into the file
	r := recording{db: read(t, path), ends: []int{0}, states: h.states[len(h.states)-1:]}
	h.open(path)
	defer h.close()
	h.after = func() {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		r.ends = append(r.ends, int(info.Size()))
	}
	h.round()
	r.log = read(t, path+"-wal")
	r.states = append(r.states, h.states...)
	if !bytes.Equal(read(t, path), r.db) {
		t.Fatal("the log was folded into the file meanwhile")
	}
	return r
}

// damages are what a power cut may do to the log from an offset on.
var damages = []struct {
	name string
	do   func(log []byte, at int) []byte
}{
	{"cut off", func(log []byte, at int) []byte { return log[:at] }},
	{"flipped", func(log []byte, at int) []byte {
		log = slices.Clone(log)
		if at < len(log) {
			log[at] ^= 0x40
		}
		return log
	}},
	{"never written", func(log []byte, at int) []byte {
		return append(slices.Clone(log[:at]), make([]byte, len(log)-at)...)
	}},
}

// offsets are those at which the log is damaged: about every frame, or each byte
// of the last change and every 97th before it.
func (r recording) offsets() (all []int) {
	last := r.ends[len(r.ends)-2]
	for at := 0; long && at < len(r.log); at++ {
		if at >= last || at%97 == 0 {
			all = append(all, at)
		}
	}
	from := r.ends[len(r.ends)-4]
	for at := logHeader; at <= len(r.log); at += logFrame {
		if at >= from || long {
			all = append(all, at-1, at, min(at+1, len(r.log)), min(at+logFrame/2, len(r.log)))
		}
	}
	return append(all, 0, logHeader/2)
}

// R5: a log that is damaged anywhere loses what follows and nothing else: no
// change is torn, left out or out of order.
func TestR5TornLog(t *testing.T) {
	r := record(t)
	folder := t.TempDir()
	offsets := r.offsets()
	for _, d := range damages {
		for _, at := range offsets {
			path := place(t, folder, r.db, d.do(r.log, at))
			got := slices.Index(r.states, restored(t, path))
			if least, most := r.kept(at); got < least || got > most {
				t.Fatalf("%s at byte %d of %d: %d of the changes are there, want %d to %d", d.name, at, len(r.log), got, least, most)
			}
		}
	}
	t.Logf("%d changes in a log of %d bytes, damaged in %d places", len(r.states)-1, len(r.log), len(offsets)*len(damages))
}

// kept is how many changes are whole in the first bytes of the log, and how many
// have begun there.
func (r recording) kept(at int) (least, most int) {
	for i, end := range r.ends {
		if end <= at {
			least = i
		}
		if i == 0 || r.ends[i-1] < at {
			most = i
		}
	}
	return least, most
}

// R5: a store that lost the end of its log goes on.
func TestR5TornLogGoesOn(t *testing.T) {
	r := record(t)
	for _, at := range []int{logHeader + 1, r.ends[2] + 100, r.ends[len(r.ends)-2] - 1, len(r.log) - 1} {
		path := place(t, t.TempDir(), r.db, r.log[:at])
		h := newHistory(t, path)
		h.n = 7
		h.round()
		h.close()
		if got, want := restored(t, path), h.states[len(h.states)-1]; got != want {
			t.Errorf("cut at %d: after more changes the store holds\n%s\nwant\n%s", at, got, want)
		}
	}
}
