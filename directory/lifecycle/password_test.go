package lifecycle_test

import (
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory/lifecycle"
)

// R12: a burst of sign-ins waits for its turn and does not exhaust the memory.
func TestR12ABurstOfPasswords(t *testing.T) {
	hash := lifecycle.HashPassword("correct horse battery", make([]byte, 16))
	var most uint64
	var over atomic.Bool
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for !over.Load() {
			metrics.Read(heap)
			most = max(most, heap[0].Value.Uint64())
			time.Sleep(time.Millisecond)
		}
	}()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if !lifecycle.PasswordFits("correct horse battery", hash) || lifecycle.PasswordFits(strings.Repeat("x", 200), hash) {
				t.Error("the wrong password fits")
			}
		})
	}
	all.Wait()
	over.Store(true)
	<-watched
	if mb, bar := most>>20, uint64(100+3*19*max(2, runtime.NumCPU())); mb > bar {
		t.Errorf("64 passwords at once take %d MB, more than %d", mb, bar)
	}
}
