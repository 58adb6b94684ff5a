package app_test

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/usher-scim/usher/cmd/internal/app"
)

// fullDisk takes so many bytes and no more, until there is room again.
type fullDisk struct {
	mu   sync.Mutex
	room int
	text strings.Builder
	told chan struct{} // that something did not fit
}

// Write takes what fits.
func (d *fullDisk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(p), d.room)
	d.room -= n
	d.text.Write(p[:n])
	if n == len(p) {
		return n, nil
	}
	select {
	case d.told <- struct{}{}:
	default:
	}
	return n, syscall.ENOSPC
}

func (d *fullDisk) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = 1 << 30
}

// R15: the log goes on when the disk has room again, with whole lines, and what a
// full disk keeps waiting is bounded.
func TestLogGoesOnAfterAFullDisk(t *testing.T) {
	t.Parallel()
	disk := &fullDisk{room: 25, told: make(chan struct{}, 1)}
	logs := app.NewLogWriter(disk)
	for i := range 10 {
		fmt.Fprintf(logs, "line %04d\n", i)
	}
	select {
	case <-disk.told:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was written")
	}
	lost := 0
	for range 2000 {
		if _, err := logs.Write([]byte(strings.Repeat("x", 1023) + "\n")); err != nil {
			lost++
		}
	}
	if lost < 900 || lost > 1100 {
		t.Errorf("%d of 2000 lines of 1 KiB were dropped, want those beyond 1 MiB", lost)
	}
	disk.clear()
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(disk.text.String(), "\n"), "\n")
	if len(lines) != 2010-lost {
		t.Errorf("%d lines were written, want %d", len(lines), 2010-lost)
	}
	for i, line := range lines {
		if want := fmt.Sprintf("line %04d", i); i < 10 && line != want || i >= 10 && len(line) != 1023 {
			t.Fatalf("line %d is %.20q", i, line)
		}
	}
}
