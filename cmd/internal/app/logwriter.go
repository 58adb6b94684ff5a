package app

import (
	"bufio"
	"io"
	"sync"
	"time"
)

// LogWriter gathers lines and writes them a few times a second, so that a
// request does not wait for its log line.
type LogWriter struct {
	mu   sync.Mutex
	buf  *bufio.Writer
	stop chan struct{}
	done chan struct{}
}

// NewLogWriter begins to write to w.
func NewLogWriter(w io.Writer) *LogWriter {
	l := &LogWriter{buf: bufio.NewWriterSize(w, 64<<10), stop: make(chan struct{}), done: make(chan struct{})}
	go l.flushing()
	return l
}

// Write takes one line.
func (l *LogWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(line)
}

func (l *LogWriter) flushing() {
	defer close(l.done)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-l.stop:
			l.flush()
			return
		}
	}
}

func (l *LogWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.buf.Flush() // there is nowhere to report that the log is gone
}

// Close writes what is left.
func (l *LogWriter) Close() error {
	close(l.stop)
	<-l.done
	return nil
}
