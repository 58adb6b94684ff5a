package mongo

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/usher-scim/usher/directory"
)

// gate keeps the changes of this process to one organization out of each other's
// way: each has a slot of its own, or all of them. It only spares conflicts, which
// the server would find; changes of other processes know nothing of it.
type gate struct {
	mu    sync.Mutex
	free  []int // the last is given first
	held  int
	whole bool // somebody holds all
	queue []*waiter
}

type waiter struct {
	whole bool
	ready chan int
}

// gateOf is the gate of an organization.
func (s *Store) gateOf(org directory.OrgID) *gate {
	if g, ok := s.gates.Load(org); ok {
		return g.(*gate)
	}
	g, _ := s.gates.LoadOrStore(org, &gate{free: rand.Perm(slots)}) // processes prefer different slots
	return g.(*gate)
}

// enter waits for a slot, or for all of them, in the order of asking.
func (g *gate) enter(ctx context.Context, whole bool) (slot int, err error) {
	w := &waiter{whole, make(chan int, 1)}
	g.mu.Lock()
	g.queue = append(g.queue, w)
	g.admit()
	g.mu.Unlock()
	select {
	case slot = <-w.ready:
		return slot, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.queue {
		if other == w {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			g.admit()
			return 0, ctx.Err()
		}
	}
	g.release(<-w.ready, whole, false)
	return 0, ctx.Err()
}

// admit lets in whoever is next.
func (g *gate) admit() {
	for len(g.queue) > 0 && !g.whole {
		w := g.queue[0]
		if w.whole && g.held > 0 || len(g.free) == 0 {
			return
		}
		g.whole = w.whole
		g.held++
		last := len(g.free) - 1
		w.ready <- g.free[last]
		g.free, g.queue = g.free[:last], g.queue[1:]
	}
}

// upgrade takes all slots for the holder of one, if nobody else holds any.
func (g *gate) upgrade() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != 1 {
		return false
	}
	g.whole = true
	return true
}

// leave gives back what enter or upgrade gave. A slot that another process wrote
// meanwhile is the last to be given again, so that processes come to use different
// ones.
func (g *gate) leave(slot int, whole, met bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release(slot, whole, met)
}

func (g *gate) release(slot int, whole, met bool) {
	if whole {
		g.whole = false
	}
	g.held--
	if met {
		g.free = slices.Insert(g.free, 0, slot)
	} else {
		g.free = append(g.free, slot)
	}
	g.admit()
}
