package app_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// slowly begins a POST whose body does not come to its end.
func (s *running) slowly(t *testing.T, body string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	half := len(body) / 2
	fmt.Fprintf(conn, "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", secret, len(body), body[:half])
	time.Sleep(50 * time.Millisecond) // until the server reads
	return conn
}

// A server that is told to stop is not ready any more, takes no new connections
// and answers what it has begun; health answers until the end.
func TestStopFinishesWhatHasBegun(t *testing.T) {
	t.Parallel()
	s := start(t, settings(t))
	const body = `{"userName":"ada"}`
	conn := s.slowly(t, body)
	s.cancel()
	for range 200 {
		if s.ops("/readyz") == http.StatusServiceUnavailable {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if ready, live := s.ops("/readyz"), s.ops("/livez"); ready != http.StatusServiceUnavailable || live != http.StatusOK {
		t.Errorf("while stopping /readyz answers %d and /livez %d", ready, live)
	}
	if extra, err := net.Dial("tcp", s.cfg.Listen); err == nil {
		extra.Close()
		t.Error("a stopping server takes connections")
	}
	fmt.Fprint(conn, body[len(body)/2:])
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("the request that had begun: %v %v", answer, err)
	}
	answer.Body.Close()
	conn.Close()
	s.client.CloseIdleConnections()
	s.wait(t, 10*time.Second)

	again := start(t, s.cfg)
	if got := again.want(t, 200, "GET", "/Users", secret, ""); !strings.Contains(got, `"userName":"ada"`) {
		t.Errorf("what was acknowledged is gone: %s", got)
	}
	again.stop(t, 10*time.Second)
}

// A client that never comes to its end does not keep the server from stopping.
func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Limits.Drain = 200 * time.Millisecond
	s := start(t, cfg)
	s.slowly(t, `{"userName":"ada"}`)
	s.stop(t, 5*time.Second)
	if !strings.Contains(s.logs.text(), "cut off") {
		t.Error("nothing was logged of the request that was cut off")
	}
}

// Restarts under load lose nothing that was acknowledged, and clients that
// repeat refused connections see no error (R14).
func TestRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	rounds, clients := 8, 8
	if testing.Short() {
		rounds = 2
	}
	var current atomic.Pointer[running]
	current.Store(start(t, cfg))
	stop := make(chan struct{})
	created := make([][]string, clients)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() { created[c] = hammer(t, &current, fmt.Sprintf("c%d", c), stop) })
	}
	for range rounds {
		time.Sleep(60 * time.Millisecond)
		current.Load().stop(t, 20*time.Second)
		current.Store(start(t, cfg))
	}
	time.Sleep(60 * time.Millisecond)
	close(stop)
	all.Wait()
	s, n := current.Load(), 0
	for _, names := range created {
		for _, name := range names {
			got := s.want(t, 200, "GET", "/Users?count=0&filter="+url.QueryEscape(`userName eq "`+name+`"`), secret, "")
			if !strings.Contains(got, `"totalResults":1`) {
				t.Errorf("%s was acknowledged and is gone", name)
			}
			n++
		}
	}
	if n < rounds*clients {
		t.Errorf("only %d users were created", n)
	}
	s.stop(t, 20*time.Second)
}

// hammer creates users until it is stopped, and returns the names of those that
// were acknowledged.
func hammer(t *testing.T, current *atomic.Pointer[running], client string, stop <-chan struct{}) (names []string) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return names
		default:
		}
		name := fmt.Sprintf("%s-%d", client, i)
		status, body, err := current.Load().scim("POST", "/Users", secret, `{"userName":"`+name+`"}`)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			time.Sleep(2 * time.Millisecond) // between two servers
		case err != nil: // an idle connection that was closed; nothing was answered
		case status == http.StatusCreated:
			names = append(names, name)
		default:
			t.Errorf("POST: %d %s", status, body)
		}
	}
}
