package app_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
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
	if !strings.Contains(s.metrics(t), "\nusher_ready 0\n") {
		t.Error("the metrics of a stopping server say that it is ready")
	}
	taken := true // it turns unready a moment before
	for range 200 {
		extra, err := net.Dial("tcp", s.cfg.Listen)
		if taken = err == nil; !taken {
			break
		}
		extra.Close()
		time.Sleep(5 * time.Millisecond)
	}
	if taken {
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
