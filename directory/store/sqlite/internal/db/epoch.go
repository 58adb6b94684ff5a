package db

import "sync"

// Epochs tells when no snapshot older than a given moment is in use any more.
type Epochs struct {
	mu     sync.Mutex
	now    uint64
	active map[uint64]int
}

// Enter is called before a snapshot is used, and tells its epoch.
func (e *Epochs) Enter() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active == nil {
		e.active = map[uint64]int{}
	}
	e.active[e.now]++
	return e.now
}

// Leave is called when a snapshot of the epoch is not used any more.
func (e *Epochs) Leave(epoch uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active[epoch]--; e.active[epoch] == 0 {
		delete(e.active, epoch)
	}
}

// Next begins a new epoch and returns the one that ended.
func (e *Epochs) Next() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now++
	return e.now - 1
}

// Over reports whether no snapshot of the epoch or an older one is in use.
func (e *Epochs) Over(epoch uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for have := range e.active {
		if have <= epoch {
			return false
		}
	}
	return true
}
