package control

import (
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/directory"
)

// Rehearsals is the path under which rehearsals are begun and answer.
const Rehearsals = "/rehearsals"

// Rehearsal is one that was begun: below Rehearsals/ID are SCIM and the admin API, which
// answer as they would, and change nothing but what this rehearsal sees.
type Rehearsal struct {
	ID string `json:"id"`
}

const (
	rehearsalsMost = 2               // at a time, each of which holds memory
	rehearsalIdle  = 2 * time.Minute // after which one is forgotten
)

// rehearsals are those that are under way.
type rehearsals struct {
	begin func() http.Handler

	mu   sync.Mutex
	open map[string]*rehearsed
}

type rehearsed struct {
	http.Handler
	idle *time.Timer
}

// add begins a rehearsal.
func (s *rehearsals) add(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= rehearsalsMost {
		return nil, &operation.Problem{Status: http.StatusConflict, Title: http.StatusText(http.StatusConflict), Detail: "As many dry runs are under way as the server has room for; try again when one of them has ended."}
	}
	id := uuid.NewString()
	s.open[id] = &rehearsed{http.StripPrefix(Rehearsals+"/"+id, s.begin()), time.AfterFunc(rehearsalIdle, func() { s.end(id) })}
	return Rehearsal{id}, nil
}

// end forgets a rehearsal, if it is there.
func (s *rehearsals) end(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.open[id]
	if one != nil {
		one.idle.Stop()
		delete(s.open, id)
	}
	return one != nil
}

func (s *rehearsals) remove(r *http.Request) (any, error) {
	if !s.end(r.PathValue("id")) {
		return nil, directory.ErrNotFound
	}
	return struct{}{}, nil
}

// ServeHTTP answers within a rehearsal.
func (s *rehearsals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	one := s.open[r.PathValue("id")]
	if one != nil {
		one.idle.Reset(rehearsalIdle)
	}
	s.mu.Unlock()
	if one == nil {
		handle(func(*http.Request) (any, error) { return nil, directory.ErrNotFound })(w, r)
		return
	}
	one.ServeHTTP(w, r)
}
