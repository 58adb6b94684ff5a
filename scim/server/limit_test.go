package server

import (
	"errors"
	"testing"
	"time"
)

// line is a gate of four places and four waiters, and who got what.
type line struct {
	*testing.T
	*gate
	leave map[string]func()
}

func newLine(t *testing.T, wait time.Duration) *line {
	o := Options{Concurrency: 4, Queue: 4, QueueWait: wait}.withDefaults()
	return &line{t, newGate(o), map[string]func(){}}
}

// in wants places for requests, each named by its connection and a digit.
func (l *line) in(names ...string) {
	l.Helper()
	for _, name := range names {
		leave, err := l.enter(l.Context(), name[:1])
		if err != nil {
			l.Fatalf("%s: %v", name, err)
		}
		l.leave[name] = leave
	}
}

// wait has requests wait and returns where each tells its outcome.
func (l *line) wait(names ...string) (told []chan error) {
	l.Helper()
	for _, name := range names {
		outcome, before := make(chan error, 1), l.waiting()
		go func() {
			_, err := l.enter(l.Context(), name[:1])
			outcome <- err
		}()
		for i := 0; l.waiting() == before; i++ {
			if i == 1000 {
				l.Fatalf("%s does not wait", name)
			}
			time.Sleep(time.Millisecond)
		}
		told = append(told, outcome)
	}
	return told
}

func (l *line) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.line)
}

func (l *line) want(what string, told chan error, want error) {
	l.Helper()
	select {
	case err := <-told:
		if !errors.Is(err, want) {
			l.Errorf("%s: %v, want %v", what, err, want)
		}
	case <-time.After(10 * time.Second):
		l.Errorf("%s: nothing happened", what)
	}
}

func TestR12Gate(t *testing.T) {
	t.Run("the last place is for others", func(t *testing.T) {
		l := newLine(t, time.Minute)
		l.in("a1", "a2", "a3")
		last := l.wait("a4")[0]
		l.in("b1")
		l.leave["b1"]()
		l.leave["a1"]()
		l.want("a4", last, nil)
	})
	t.Run("a free place goes to whoever has the fewest", func(t *testing.T) {
		l := newLine(t, time.Minute)
		l.in("a1", "a2", "a3", "b1")
		a, c := l.wait("a4")[0], l.wait("c1")[0]
		l.leave["a1"]()
		l.want("c1", c, nil)
		l.leave["a2"]()
		l.want("a4", a, nil)
	})
	t.Run("the greediest gives way", func(t *testing.T) {
		l := newLine(t, time.Minute)
		l.in("a1", "a2", "a3")
		told := l.wait("a4", "a5", "a6", "a7")
		l.in("b1")
		b := make(chan error, 1)
		go func() { _, err := l.enter(t.Context(), "b"); b <- err }()
		l.want("a7", told[3], errShare)
		l.leave["a1"]()
		l.want("b2", b, nil)
		_, err := l.enter(t.Context(), "a")
		if !errors.Is(err, errShare) {
			t.Errorf("a8: %v", err)
		}
		for i := range 3 {
			l.gate.leave("a")
			l.want("the rest", told[i], nil)
		}
	})
	t.Run("alone", func(t *testing.T) {
		l := newLine(t, 200*time.Millisecond)
		l.in("a1", "a2", "a3")
		told := l.wait("a4", "a5", "a6", "a7")
		if _, err := l.enter(t.Context(), "a"); !errors.Is(err, errShed) {
			t.Errorf("with a full queue: %v", err)
		}
		for _, outcome := range told {
			l.want("after the wait", outcome, errShed)
		}
	})
	t.Run("all is given back", func(t *testing.T) {
		l := newLine(t, time.Minute)
		l.in("a1", "b1", "c1")
		for _, leave := range l.leave {
			leave()
		}
		if l.inside != 0 || len(l.parts) != 0 {
			t.Errorf("%d places and %v are left", l.inside, l.parts)
		}
	})
}
