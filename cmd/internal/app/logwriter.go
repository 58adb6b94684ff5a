package app

import (
	"io"
	"sync"
	"time"
)

const (
	logAtOnce = 64 << 10 // gathered bytes that are written without waiting for the next time
	logMost   = 1 << 20  // and those that are kept while the log cannot be written
)

// LogWriter gathers lines and writes them a few times a second, so that a
// request does not wait for its log line. What cannot be written, as on a full
// disk, is tried again; only lines that come when much waits already are lost.
type LogWriter struct {
	out     io.Writer
	mu      sync.Mutex
	waiting []byte
	failing bool // the last write failed
	stop    chan struct{}
	done    chan struct{}
}

// NewLogWriter begins to write to w.
func NewLogWriter(w io.Writer) *LogWriter {
	l := &LogWriter{out: w, stop: make(chan struct{}), done: make(chan struct{})}
	go l.flushing()
	return l
}

// Write takes one line.
func (l *LogWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting)+len(line) > logMost {
		return 0, io.ErrShortWrite
	}
	l.waiting = append(l.waiting, line...)
	if len(l.waiting) >= logAtOnce && !l.failing {
		l.flush()
	}
	return len(line), nil
}

func (l *LogWriter) flushing() {
	defer close(l.done)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for stopped := false; !stopped; {
		select {
		case <-tick.C:
		case <-l.stop:
			stopped = true
		}
		l.mu.Lock()
		l.flush()
		l.mu.Unlock()
	}
}

// flush writes what waits. A line of which a part was written goes on there the next
// time. There is nowhere to report that it failed.
func (l *LogWriter) flush() {
	if len(l.waiting) == 0 {
		return
	}
	n, err := l.out.Write(l.waiting)
	l.failing = err != nil
	l.waiting = l.waiting[:copy(l.waiting, l.waiting[n:])]
}

// Close writes what is left.
func (l *LogWriter) Close() error {
	close(l.stop)
	<-l.done
	return nil
}
