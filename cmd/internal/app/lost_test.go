package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// long is set where the tests of reliability may take as long as it takes.
var long = os.Getenv("USHER_TEST_LONG") != ""

// R9: a provider that repeats what it got no answer to, as identity providers
// do, ends with what it wanted: every user once, none too many.
func TestR9LostAnswers(t *testing.T) {
	t.Parallel()
	const seed = 9
	s := start(t, settings(t))
	each := 500
	if long {
		each = 1250
	}
	shared := &provisioner{running: s, t: t, random: rand.New(rand.NewPCG(seed, 0))}
	everybody := shared.create("/Groups", "displayName", "everybody", `{"displayName":"everybody"}`)
	workers := make([]*provisioner, 8)
	var all sync.WaitGroup
	for i := range workers {
		p := &provisioner{running: s, t: t, name: fmt.Sprintf("w%d", i), everybody: everybody, users: map[string]*wanted{},
			random: rand.New(rand.NewPCG(seed, uint64(i)+1))}
		workers[i] = p
		all.Go(func() {
			for range each {
				p.step()
			}
		})
	}
	all.Wait()
	lost := compare(t, s, workers, everybody)
	if lost < each/2 {
		t.Errorf("only %d answers were lost", lost)
	}
	if t.Failed() {
		t.Logf("the seed is %d", seed)
	}
	s.stop(t, 10*time.Second)
}

// wanted is a user as the provider wants it.
type wanted struct {
	id, display string
	active      bool
	member      bool // of the group that all workers share
}

// provisioner is a client that loses every tenth answer and repeats itself.
type provisioner struct {
	*running
	t         *testing.T
	name      string
	everybody string
	random    *rand.Rand
	users     map[string]*wanted
	made      int
	lost      int
}

// step makes one random change to what is wanted, and asks for it.
func (p *provisioner) step() {
	name, u := p.pick()
	switch {
	case u == nil || p.random.IntN(4) == 0:
		p.made++
		name = fmt.Sprintf("%s-%d", p.name, p.made)
		u = &wanted{display: "new", active: true}
		u.id = p.create("/Users", "userName", name, body(name, u))
		p.users[name] = u
	case p.random.IntN(6) == 0:
		delete(p.users, name)
		p.change("DELETE", "/Users/"+u.id, "", http.StatusNoContent, http.StatusNotFound)
	case p.random.IntN(3) == 0:
		u.member = !u.member
		op := `{"op":"add","path":"members","value":[{"value":"` + u.id + `"}]}`
		if !u.member {
			op = `{"op":"remove","path":"members[value eq \"` + u.id + `\"]"}`
		}
		p.change("PATCH", "/Groups/"+p.everybody, operations(op), http.StatusNoContent, http.StatusNoContent)
	case p.random.IntN(2) == 0:
		u.display, u.active = fmt.Sprintf("put %d", p.random.IntN(1000)), p.random.IntN(2) == 0
		p.change("PUT", "/Users/"+u.id, body(name, u), http.StatusOK, http.StatusOK)
	default:
		u.display = fmt.Sprintf("patched %d", p.random.IntN(1000))
		p.change("PATCH", "/Users/"+u.id, operations(`{"op":"replace","path":"displayName","value":"`+u.display+`"}`), http.StatusOK, http.StatusOK)
	}
}

// pick chooses a user, in an order that the seed decides.
func (p *provisioner) pick() (string, *wanted) {
	for range 10 {
		name := fmt.Sprintf("%s-%d", p.name, 1+p.random.IntN(p.made+1))
		if u := p.users[name]; u != nil {
			return name, u
		}
	}
	return "", nil
}

func body(name string, u *wanted) string {
	return fmt.Sprintf(`{"userName":%q,"externalId":%q,"displayName":%q,"active":%t}`, name, name, u.display, u.active)
}

func operations(op string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`
}

// create asks for a resource. Where it is there already because an answer was
// lost, it is looked up.
func (p *provisioner) create(endpoint, attr, name, body string) string {
	status, data, tries := p.insist("POST", endpoint, body)
	switch {
	case status == http.StatusCreated:
		return decoded[struct{ ID string }](p.t, data).ID
	case status != http.StatusConflict || tries == 1:
		p.t.Errorf("POST %s: %d %s at try %d", body, status, data, tries)
		return ""
	}
	_, data, _ = p.insist("GET", endpoint+"?filter="+url.QueryEscape(attr+` eq "`+name+`"`), "")
	found := decoded[list](p.t, data).Resources
	if len(found) != 1 {
		p.t.Errorf("%s is refused as there already, but a filter finds %d", name, len(found))
		return ""
	}
	return found[0].ID
}

// change asks for a change, which a repeated request may answer otherwise.
func (p *provisioner) change(method, path, body string, first, again int) {
	if status, data, tries := p.insist(method, path, body); status != first && (tries == 1 || status != again) {
		p.t.Errorf("%s %s %s: %d %s at try %d", method, path, body, status, data, tries)
	}
}

// insist repeats a request until its answer comes through.
func (p *provisioner) insist(method, path, body string) (status int, data string, tries int) {
	for tries = 1; ; tries++ {
		if p.random.IntN(10) == 0 {
			p.lost++
			p.lose(method, path, body, p.random.IntN(2) == 0)
			continue
		}
		status, data, err := p.scim(method, path, secret, body)
		if err != nil {
			p.t.Errorf("%s %s: %v", method, path, err)
		}
		return status, data, tries
	}
}

// lose sends a request and does not learn the answer.
func (p *provisioner) lose(method, path, body string, atOnce bool) {
	if err := p.unheard(method, "/scim/v2"+path, secret, body, atOnce); err != nil {
		p.t.Error(err)
	}
}

// unheard sends a request whose answer is not looked at. A client that hangs up at
// once is known to be gone while the server works on it. Both wait until the server
// is done, for a request that arrives late would undo what came after it.
func (s *running) unheard(method, path, token, body string, atOnce bool, headers ...string) error {
	conn, err := net.Dial("tcp", s.cfg.Listen)
	if err != nil {
		return err
	}
	defer conn.Close()
	headers = append(headers, "Host: x", "Connection: close", "Authorization: Bearer "+token, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\n%s\r\n\r\n%s", method, path, strings.Join(headers, "\r\n"), body)
	if atOnce {
		_ = conn.(*net.TCPConn).CloseWrite() // what comes back is not looked at
	}
	_, _ = io.Copy(io.Discard, bufio.NewReader(conn))
	return nil
}

// list is a ListResponse.
type list struct {
	TotalResults int
	Resources    []struct {
		ID, UserName, ExternalID, DisplayName string
		Active                                bool
		Groups                                []struct{ Value string }
	}
}

func decoded[T any](t *testing.T, data string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Errorf("%s: %v", data, err)
	}
	return v
}

// compare wants exactly the users that were wanted, and returns how many answers
// were lost.
func compare(t *testing.T, s *running, workers []*provisioner, everybody string) (lost int) {
	t.Helper()
	want, members := map[string]string{}, 0
	for _, p := range workers {
		lost += p.lost
		for name, u := range p.users {
			want[name] = fmt.Sprintf("%s %s %t %t", u.id, u.display, u.active, u.member)
			if u.member {
				members++
			}
		}
	}
	got := map[string]string{}
	for {
		page := decoded[list](t, s.want(t, 200, "GET", fmt.Sprintf("/Users?count=200&startIndex=%d", len(got)+1), secret, ""))
		if page.TotalResults != len(want) {
			t.Fatalf("there are %d users, want %d", page.TotalResults, len(want))
		}
		if len(page.Resources) == 0 {
			break
		}
		for _, u := range page.Resources {
			member := len(u.Groups) == 1 && u.Groups[0].Value == everybody
			got[u.UserName] = fmt.Sprintf("%s %s %t %t", u.ID, u.DisplayName, u.Active, member)
			if u.ExternalID != u.UserName {
				t.Errorf("%s has the externalId %q", u.UserName, u.ExternalID)
			}
		}
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is %q, want %q", name, got[name], want[name])
		}
	}
	group := decoded[struct{ Members []struct{ Value string } }](t, s.want(t, 200, "GET", "/Groups/"+everybody, secret, ""))
	if len(group.Members) != members {
		t.Errorf("the group has %d members, want %d", len(group.Members), members)
	}
	t.Logf("%d users after %d lost answers", len(want), lost)
	return lost
}
