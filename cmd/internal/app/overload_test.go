package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
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

// patience is how long an answer may take that is not kept waiting, on any machine.
const patience = 10 * time.Second

// prompt sends a request of the quiet tenant, or of a probe, and wants its answer soon.
func prompt(t *testing.T, what string, took *[]time.Duration, send func()) {
	t.Helper()
	began := time.Now()
	send()
	one := time.Since(began)
	if *took = append(*took, one); one > patience {
		t.Errorf("%s takes %s under load", what, one)
	}
}

// R12: while one tenant sends eight times of what the server takes at once, with the
// limits that a server has by itself, every request of another is carried out, soon;
// what is refused says when to come again; and the server says that it is well.
func TestR12NoisyTenant(t *testing.T) {
	t.Parallel()
	const places = 64 // that a server has by itself
	s := start(t, settings(t))
	quiet := s.tenant(t, "quiet")
	for i := range 200 {
		s.want(t, 201, "POST", "/Users", secret, fmt.Sprintf(`{"userName":"noisy-%d","displayName":"%d"}`, i, i))
	}
	var noise flood
	var all sync.WaitGroup
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop); all.Wait() })
	defer end() // also where the quiet tenant is refused
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8 * places}}
	defer client.CloseIdleConnections()
	for w := range 8 * places {
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
	for began := time.Now(); noise.refused.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("there is no overload")
		}
	}
	rounds := 10
	if long {
		rounds = 300
	}
	var asked, probed []time.Duration
	unwell := 0 // times in a row
	for i := range rounds {
		id := ""
		prompt(t, "a creation", &asked, func() {
			data := s.want(t, 201, "POST", "/Users", quiet, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"quiet-%d"}`, i))
			id = decoded[struct{ ID string }](t, data).ID
		})
		prompt(t, "a look", &asked, func() { s.want(t, 200, "GET", "/Users/"+id, quiet, "") })
		prompt(t, "a deactivation", &asked, func() {
			s.want(t, 200, "PATCH", "/Users/"+id, quiet, operations(`{"op":"replace","path":"active","value":false}`))
		})
		prompt(t, "/livez", &probed, func() {
			if got := s.ops("/livez"); got != http.StatusOK {
				t.Errorf("/livez answers %d under load", got)
			}
		})
		prompt(t, "/readyz", &probed, func() {
			if got := s.ops("/readyz"); got == http.StatusOK {
				unwell = 0
			} else if unwell++; unwell > 1 { // it takes two to put a server out of use
				t.Errorf("/readyz answers %d under load", got)
			}
		})
	}
	served, refused := noise.served.Load(), noise.refused.Load()
	end()
	for _, took := range [][]time.Duration{asked, probed} {
		slices.Sort(took)
		if middle := took[len(took)/2]; middle > 2*time.Second {
			t.Errorf("half of the answers take %s and more", middle)
		}
	}
	t.Logf("the noisy tenant: %d served, %d refused; the quiet one waits %s, half of the time %s; a probe %s", served, refused, asked[len(asked)-1], asked[len(asked)/2], probed[len(probed)-1])
	if served == 0 || refused < 8*places {
		t.Errorf("the noisy tenant was served %d times and refused %d times: there was no overload", served, refused)
	}
	var after []time.Duration
	prompt(t, "a request of the noisy tenant after the noise", &after, func() { s.want(t, 201, "POST", "/Users", secret, `{"userName":"calm"}`) })
	client.CloseIdleConnections()
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
