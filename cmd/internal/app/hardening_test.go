package app_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/config"
)

// together runs n calls that begin at the same moment.
func together(n int, fn func(i int)) {
	var ready, all sync.WaitGroup
	gate := make(chan struct{})
	ready.Add(n)
	for i := range n {
		all.Go(func() {
			ready.Done()
			<-gate
			fn(i)
		})
	}
	ready.Wait()
	close(gate)
	all.Wait()
}

// tally counts answers by their status.
type tally struct {
	mu sync.Mutex
	n  map[int]int
}

func (c *tally) add(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[int]int{}
	}
	c.n[status]++
}

// roomy lets a hundred requests in at once, so that none is told to come again.
func roomy(t *testing.T) config.Config {
	cfg := settings(t)
	cfg.Limits.Concurrency, cfg.Limits.QueueWait = 128, 10*time.Second
	return cfg
}

// K65: of a hundred that ask for one name in any spelling at once, one has it.
func TestK65OneNameOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, roomy(t))
	for round := range 20 {
		var got tally
		together(100, func(i int) {
			name := fmt.Sprintf("racer-%d", round)
			if i%2 == 0 {
				name = strings.ToUpper(name)
			}
			status, _, err := s.scim("POST", "/Users", secret, `{"userName":"`+name+`"}`)
			if err != nil {
				t.Error(err)
			}
			got.add(status)
		})
		if got.n[201] != 1 || got.n[409] != 99 {
			t.Fatalf("the answers were %v", got.n)
		}
	}
	s.stop(t, 20*time.Second)
}

// K64: of a hundred changes of one version at once, one is made.
func TestK64OneVersionOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, roomy(t))
	id := decoded[struct{ ID string }](t, s.want(t, 201, "POST", "/Users", secret, `{"userName":"ada"}`)).ID
	for version := 1; version <= 20; version++ {
		var got tally
		together(100, func(i int) {
			r, _ := http.NewRequest("PATCH", "http://"+s.cfg.Listen+"/scim/v2/Users/"+id,
				strings.NewReader(operations(fmt.Sprintf(`{"op":"replace","path":"title","value":"%d %d"}`, version, i))))
			r.Header.Set("Authorization", "Bearer "+secret)
			r.Header.Set("If-Match", fmt.Sprintf(`W/"%d"`, version))
			answer, err := s.client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			got.add(answer.StatusCode)
		})
		if got.n[200] != 1 || got.n[412] != 99 {
			t.Fatalf("the answers to changes of version %d were %v", version, got.n)
		}
	}
	s.stop(t, 20*time.Second)
}

// K63: fifty that are added and fifty that are removed at once, each by a request
// of its own: exactly those come and go.
func TestK63MembersOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, roomy(t))
	var ids []string
	var first []string
	for i := range 110 {
		ids = append(ids, decoded[struct{ ID string }](t, s.want(t, 201, "POST", "/Users", secret, fmt.Sprintf(`{"userName":"u%d"}`, i))).ID)
		if i < 60 {
			first = append(first, `{"value":"`+ids[i]+`"}`)
		}
	}
	group := decoded[struct{ ID string }](t, s.want(t, 201, "POST", "/Groups", secret, `{"displayName":"g","members":[`+strings.Join(first, ",")+`]}`)).ID
	together(100, func(i int) {
		op := `{"op":"remove","path":"members[value eq \"` + ids[i%50] + `\"]"}`
		if i >= 50 {
			op = `{"op":"add","path":"members","value":[{"value":"` + ids[i+10] + `"}]}`
		}
		if status, data, err := s.scim("PATCH", "/Groups/"+group, secret, operations(op)); err != nil || status != 204 {
			t.Errorf("%s: %d %s %v", op, status, data, err)
		}
	})
	data := s.want(t, 200, "GET", "/Groups/"+group, secret, "")
	for i, id := range ids {
		if is, want := strings.Contains(data, id), i >= 50; is != want {
			t.Errorf("user %d is a member: %t, want %t", i, is, want)
		}
	}
	s.stop(t, 20*time.Second)
}

// K09: two tenants ask at once and hang up at random; nobody is ever answered
// with a value of the other.
func TestK09CancelledRequestsMixNothing(t *testing.T) {
	t.Parallel()
	s := start(t, roomy(t))
	tokens := []string{secret, s.tenant(t, "b")}
	marks := []string{"canary-of-a", "canary-of-b"}
	for who, token := range tokens {
		for i := range 50 {
			s.want(t, 201, "POST", "/Users", token, fmt.Sprintf(`{"userName":"%d-%s","displayName":"%s"}`, i, marks[who], marks[who]))
		}
	}
	paths := []string{"/Users?count=50", "/Users?filter=displayName+co+%22canary%22", "/Users?sortBy=userName", "/Users?startIndex=20&count=5"}
	var read atomic.Int64
	rounds := 40
	if long {
		rounds = 4000
	}
	together(64, func(worker int) {
		random := rand.New(rand.NewPCG(9, uint64(worker)))
		who := worker % 2
		for round := range rounds {
			patience := time.Duration(random.IntN(20_000)) * time.Microsecond
			if round%16 == 15 {
				patience = time.Minute // this one is waited for, however slow the machine
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+s.cfg.Listen+"/scim/v2"+paths[random.IntN(len(paths))], nil)
			r.Header.Set("Authorization", "Bearer "+tokens[who])
			answer, err := s.client.Do(r)
			if err == nil {
				data, _ := io.ReadAll(answer.Body) // as far as it came
				answer.Body.Close()
				if bytes.Contains(data, []byte(marks[1-who])) {
					t.Errorf("%s is answered with %s", marks[who], data)
				}
				if answer.StatusCode == http.StatusOK && bytes.Contains(data, []byte(marks[who])) {
					read.Add(1)
				}
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			cancel()
		}
	})
	if n := read.Load(); n < 64 { // everybody waited for some
		t.Errorf("%d requests came to their end", n)
	}
	s.stop(t, 20*time.Second)
}

// raw sends bytes and returns all that comes back.
func (s *running) raw(t *testing.T, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer, and hang up, before it is all sent
	data, _ := io.ReadAll(conn)
	return string(data)
}

// What can only be sent by hand, or is refused before the protocol sees it.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	s := start(t, settings(t))
	const head = "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + secret + "\r\n"
	chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"
	for _, c := range []struct{ name, text, status, scimType string }{
		{"K46 a chunked body beyond its size", head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, 17) + "0\r\n\r\n", "413", ""},
		{"K46 announced beyond its size", head + "Content-Length: 1048577\r\n\r\n", "413", ""},
		{"K44 bad UTF-8", head + "Content-Length: 18\r\n\r\n" + "{\"userName\":\"\xff\xfe\"}\n", "400", "invalidSyntax"},
		{"K57 100,000 parameters", "GET /scim/v2/Users?" + strings.Repeat("a&", 100_000) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "431", ""},
		{"K57 100,000 cookies", "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("a=b;", 100_000) + "\r\nConnection: close\r\n\r\n", "431", ""},
		{"K13 two credentials", "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + secret + "\r\nAuthorization: Bearer " + secret + "\r\n\r\n", "401", ""},
		{"K13 a tab", "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer\t" + secret + "\r\n\r\n", "401", ""},
		{"K12 an absolute path elsewhere", "GET http://evil.example/scim/v2/Users HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "401", ""},
		{"two lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400", ""},
	} {
		answer := s.raw(t, c.text)
		if !strings.HasPrefix(answer, "HTTP/1.1 "+c.status) || c.scimType != "" && !strings.Contains(answer, `"scimType":"`+c.scimType+`"`) {
			t.Errorf("%s: want %s %s, got %.600q", c.name, c.status, c.scimType, answer)
		}
	}
	if got := s.want(t, 200, "GET", "/Users?count=0", secret, ""); !strings.Contains(got, `"totalResults":0`) {
		t.Errorf("something was stored: %s", got)
	}
	s.stop(t, 20*time.Second)
}

// K57: connections that send their headers slowly are closed, and meanwhile
// others are served.
func TestK57SlowHeaders(t *testing.T) {
	t.Parallel()
	s := start(t, settings(t))
	var closed sync.WaitGroup
	for range 500 {
		conn, err := net.Dial("tcp", s.cfg.Listen)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n"); err != nil {
			t.Fatal(err)
		}
		closed.Go(func() {
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second)) // five seconds are given
			if _, err := bufio.NewReader(conn).ReadByte(); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a slow connection stays open")
			}
		})
	}
	for range 50 {
		s.want(t, 200, "GET", "/Users", secret, "")
	}
	closed.Wait()
	s.stop(t, 20*time.Second)
}

// K16, K72: what people are called, what is asked for and what opens the door is
// in no log line, no metric; secrets are not even in the data folder.
func TestK72CanariesStayInside(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Log.Level = slog.LevelDebug
	s := start(t, cfg)
	const mark = "kanarie"
	full := `{"userName":"` + mark + `1","externalId":"` + mark + `2","displayName":"` + mark + `3\n{\"level\":\"ERROR\"}","password":"` + mark + `-password","nickName":"` + mark + `4",
		"name":{"familyName":"` + mark + `5","givenName":"` + mark + `6"},"emails":[{"value":"` + mark + `7@a.example"}],"phoneNumbers":[{"value":"` + mark + `8"}],"` + mark + `9":"x"}`
	id := decoded[struct{ ID string }](t, s.want(t, 201, "POST", "/Users", secret, full)).ID
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/Users", full}, {"PUT", "/Users/" + id, full}, {"POST", "/Groups", `{"displayName":"` + mark + `"}`},
		{"PATCH", "/Users/" + id, operations(`{"op":"replace","path":"title","value":"` + mark + `"}`)},
		{"PATCH", "/Users/" + id, operations(`{"op":"replace","path":"` + mark + `","value":"` + mark + `"}`)},
		{"GET", "/Users?filter=userName+eq+%22" + mark + "%22&attributes=" + mark + "&sortBy=" + mark, ""},
		{"GET", "/Users?filter=" + mark, ""}, {"GET", "/Users?cursor=" + mark, ""}, {"GET", "/" + mark, ""}, {"GET", "/Users/" + mark, ""}, {mark, "/Users", ""},
		{"POST", "/.search", `{"filter":"displayName co \"` + mark + `\""}`}, {"POST", "/Users", "{" + mark}, {"POST", "/Bulk", `{"Operations":[{"method":"DELETE","path":"/Users/` + mark + `"}]}`},
	} {
		request, err := http.NewRequest(r.method, "http://"+s.cfg.Listen+"/scim/v2"+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+secret)
		for _, h := range []string{"User-Agent", "X-Request-Id", "Cookie", "X-Forwarded-For", "If-None-Match", "Referer"} {
			request.Header.Set(h, mark)
		}
		answer, err := s.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	s.want(t, 401, "GET", "/Users", mark+"-token", "")
	metrics := s.metrics(t)
	s.stop(t, 20*time.Second)
	logs := s.logs.text()
	if strings.Contains(strings.ToLower(logs+metrics), mark) || strings.Contains(logs, secret) {
		t.Errorf("a canary is in the log or the metrics:\n%s", logs)
	}
	if !regexp.MustCompile(`"status":401,.*"cause":"[a-z]`).MatchString(logs) {
		t.Error("the log does not say why a credential was refused")
	}
	if lines := strings.Split(strings.TrimSpace(logs), "\n"); len(lines) < 15 {
		t.Errorf("only %d lines were logged", len(lines))
	} else {
		for _, line := range lines {
			decoded[map[string]any](t, line)
		}
	}
	onFile(t)
	notInFiles(t, cfg.Data, secret, mark+"-password", mark+"-token")
}

// notInFiles wants none of the texts in any file of a folder.
func notInFiles(t *testing.T, folder string, texts ...string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	for _, f := range files {
		if !f.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				t.Errorf("a secret is in %s", f.Name())
			}
		}
	}
}
