package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/cmd/internal/app"
)

// control calls the operator's door and decodes its answer into out.
func (s *running) control(t *testing.T, method, path, body string, out any) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return app.Dial(ctx, s.cfg)
	}}}
	r, err := http.NewRequest(method, "http://usher"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(data, out)
	}
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, data, err)
	}
}

// tenant adds an organization with a connection and returns a token of it.
func (s *running) tenant(t *testing.T, name string) string {
	t.Helper()
	var made struct{ Secret string }
	s.control(t, "POST", "/organizations", `{"id":"`+name+`"}`, &struct{}{})
	s.control(t, "PUT", "/connections/"+name, `{"organization":"`+name+`","scopes":["*"],"dialect":"tolerant"}`, &struct{}{})
	s.control(t, "POST", "/tokens", `{"connection":"`+name+`"}`, &made)
	return made.Secret
}

// flood is what a noisy tenant is answered.
type flood struct{ served, refused atomic.Int64 }

// run repeats a request until it is told to stop, with no regard to refusals.
func (f *flood) run(t *testing.T, s *running, client *http.Client, stop <-chan struct{}, request func(i int) *http.Request) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		answer, err := client.Do(request(i))
		if err != nil {
			t.Errorf("the noisy tenant gets no answer: %v", err)
			return
		}
		data, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusOK, http.StatusCreated:
			f.served.Add(1)
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			f.refused.Add(1)
			if n, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || n < 1 {
				t.Errorf("a refusal with Retry-After %q", answer.Header.Get("Retry-After"))
			}
		default:
			t.Errorf("the noisy tenant is answered %d %s", answer.StatusCode, data)
		}
	}
}

// R12: while one tenant sends far more than the server takes, another is served
// as if nothing were, and the server says that it is well.
func TestR12NoisyTenant(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Limits.Concurrency, cfg.Limits.Queue, cfg.Limits.QueueWait = 4, 16, 5*time.Second
	s := start(t, cfg)
	quiet := s.tenant(t, "quiet")
	for i := range 200 {
		s.want(t, 201, "POST", "/Users", secret, fmt.Sprintf(`{"userName":"noisy-%d","displayName":"%d"}`, i, i))
	}
	var noise flood
	var all sync.WaitGroup
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop); all.Wait() })
	defer end() // also where the quiet tenant is refused
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	for w := range 64 {
		all.Go(func() {
			noise.run(t, s, client, stop, func(i int) *http.Request {
				r, _ := http.NewRequest("GET", "http://"+s.cfg.Listen+"/scim/v2/Users?count=200", nil)
				if w%2 == 0 {
					r, _ = http.NewRequest("POST", "http://"+s.cfg.Listen+"/scim/v2/Users", strings.NewReader(fmt.Sprintf(`{"userName":"flood-%d-%d"}`, w, i)))
				}
				r.Header.Set("Authorization", "Bearer "+secret)
				return r
			})
		})
	}
	rounds := 40
	if long {
		rounds = 4000
	}
	for i := range rounds {
		data := s.want(t, 201, "POST", "/Users", quiet, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"quiet-%d"}`, i))
		s.want(t, 200, "GET", "/Users/"+decoded[struct{ ID string }](t, data).ID, quiet, "")
		for _, path := range []string{"/livez", "/readyz"} {
			if got := s.ops(path); got != http.StatusOK {
				t.Errorf("%s answers %d under load", path, got)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	end()
	client.CloseIdleConnections()
	t.Logf("the noisy tenant: %d served, %d refused", noise.served.Load(), noise.refused.Load())
	if noise.served.Load() == 0 || noise.refused.Load() == 0 {
		t.Error("there was no overload")
	}
	s.stop(t, 20*time.Second)
}

// R12: requests whose bodies do not come keep nobody out but their own tenant.
func TestR12SlowBodies(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Limits.Concurrency, cfg.Limits.QueueWait, cfg.Limits.Drain = 4, 5*time.Second, 100*time.Millisecond
	s := start(t, cfg)
	quiet := s.tenant(t, "quiet")
	for range 8 {
		s.slowly(t, `{"userName":"slow"}`)
	}
	for range 20 {
		s.want(t, 200, "GET", "/Users", quiet, "")
	}
	s.stop(t, 20*time.Second)
}
