package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
	"github.com/usher-scim/usher/directory/policy"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
	"github.com/usher-scim/usher/scim/server"
)

// front is the protocol over a store that the test has in its hands.
type front struct {
	*testing.T
	base, token string
	client      *http.Client
}

// over serves the protocol over a store.
func over(t *testing.T, s chosen.Store) *front {
	t.Helper()
	err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"})
	if err == nil {
		err = s.PutConnection(t.Context(), directory.Connection{ID: "c", Org: "a", Dialect: scim.Tolerant, Scopes: []string{auth.All}})
	}
	if err != nil {
		t.Fatal(err)
	}
	verifier := token.New(s, s, token.Options{})
	plain, _, err := token.NewManager(s, s, token.ManagerOptions{Changed: verifier.Invalidate}).Create(t.Context(), "c", token.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	service := directory.New(s, directory.Options{Policies: policy.Default(), Shelves: estate.Shelves})
	h := httptest.NewServer(server.New(service, schemas.Default, auth.Chain{Tokens: verifier}, server.Options{CursorKey: make([]byte, 32)}))
	t.Cleanup(h.Close)
	return &front{t, h.URL + server.Prefix, plain, h.Client()}
}

func (f *front) ask(method, path, body string) (int, string) {
	f.Helper()
	r, err := http.NewRequest(method, f.base+path, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	r.Header.Set("Content-Type", "application/scim+json")
	answer, err := f.client.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		f.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

// inject sends operators where clients have names and values. Each is refused, or does
// nothing at all.
func (f *front) inject() {
	f.Helper()
	status, made := f.ask("POST", "/Users", `{"userName":"victim@example.com","displayName":"Victim"}`)
	if status != 201 {
		f.Fatalf("%d %s", status, made)
	}
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(made)[1]
	_, before := f.ask("GET", "/Users/"+id, "")
	operations := func(op string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`
	}
	for i, c := range []struct{ method, path, body string }{
		{"POST", "/Users", `{"userName":{"$ne":null}}`},
		{"POST", "/Users", `{"userName":["$ne"]}`},
		{"POST", "/Users", `{"userName":"k42-%d","$where":"sleep(10000)"}`},
		{"POST", "/Users", `{"userName":"k42-%d","a.b":{"$ne":1}}`},
		{"POST", "/Users", `{"userName":"k42-%d","x\u0000":"y","\u0000":1}`},
		{"POST", "/Users", `{"userName":"k42-%d","urn:example.com:ext.1:2.0:User":{"a.b":{"$ne":""}}}`},
		{"POST", "/Users", `{"userName":"k42-%d","name":{"$where":"1","familyName":"x"}}`},
		{"POST", "/Users", `{"userName":"k42-%d\u0000User/userName"}`},
		{"POST", "/Users", `{"userName":"k42-%d","displayName":"$where","title":"a.b","externalId":"{\"$ne\":null}"}`},
		{"POST", "/Groups", `{"displayName":"k42","members":[{"value":{"$ne":null}}]}`},
		{"POST", "/Groups", `{"displayName":"k42","members":[{"value":"a/b/{\"$ne\":1}"}]}`},
		{"PATCH", "/Users/" + id, operations(`{"op":"replace","path":"$where","value":"1"}`)},
		{"PATCH", "/Users/" + id, operations(`{"op":"replace","value":{"displayName":{"$ne":null}}}`)},
		{"PATCH", "/Users/" + id, operations(`{"op":"remove","path":"emails[value eq \"{\\\"$ne\\\":null}\"]"}`)},
		{"POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":{"$ne":null}}`},
		{"GET", "/Users?filter=" + url.QueryEscape(`userName eq {"$ne":null}`), ""},
		{"GET", "/Users?filter=" + url.QueryEscape(`$where eq "1"`), ""},
		{"GET", "/Users?sortBy=" + url.QueryEscape(`$where`), ""},
		{"GET", "/Users?filter=" + url.QueryEscape(`userName eq "{\"$ne\":null}"`), ""},
		{"GET", "/Users?filter=" + url.QueryEscape("displayName sw \"V\\u0000\\u0001\""), ""},
		{"GET", "/Users/" + url.PathEscape(`{"$ne":null}`), ""},
		{"DELETE", "/Users/" + url.PathEscape(`{"$ne":null}`), ""},
	} {
		body := strings.ReplaceAll(c.body, "%d", fmt.Sprint(i))
		status, text := f.ask(c.method, c.path, body)
		if status >= 500 {
			f.Errorf("%s %s %s: %d %s", c.method, c.path, body, status, text)
		}
		if strings.Contains(text, "victim@") && !strings.HasPrefix(c.path, "/Users/"+id) && !strings.Contains(c.path, "sortBy") {
			f.Errorf("%s %s %s finds somebody: %s", c.method, c.path, body, text)
		}
		if status == 201 && (strings.Contains(text, `"$where":`) || strings.Contains(text, `"a.b":`)) {
			f.Errorf("%s %s keeps what no schema knows: %s", c.method, body, text)
		}
	}
	for _, body := range []string{`{"userName":{"$ne":null}}`, `{"userName":["$ne"]}`} {
		if status, text := f.ask("POST", "/Users", body); status != 400 {
			f.Errorf("%s: %d %s", body, status, text)
		}
	}
	if _, after := f.ask("GET", "/Users/"+id, ""); after != before {
		f.Errorf("it was %s and is %s", before, after)
	}
}

// K42: operators and impossible names in what clients send are refused or do nothing,
// on both stores.
func TestK42OperatorsInKeys(t *testing.T) {
	t.Parallel()
	over(t, chosen.Open(t)).inject()
}

// operators are those that the store itself uses; clients of the test send none of them.
var operators = strings.Fields("$db $clusterTime $readPreference $set $unset $inc $max $min $setOnInsert $addToSet $each $in $gt $gte $lt $lte $and $or $nor $exists $elemMatch $regex $options $expr $eq $add $all $match $group $sum $count $sort $limit $unwind $setUnion $project $filter $first $map $let $ifNull $literal $skip")

// K42: no operator of a client, and no name with a dot or a zero byte, is ever a key in
// what the server is sent.
func TestK42MongoDBSeesNoKeyOfAClient(t *testing.T) {
	t.Parallel()
	ours := regexp.MustCompile(`^[A-Za-z0-9_]+$|^[tc]\.[A-Za-z0-9_:%-]+$|^y\.[0-9a-f]{8}$|^e\.[ps]$`) // totals and forms in a guard, values of elements
	var once sync.Once
	heard := map[string]bool{}
	var mu sync.Mutex
	var look func(bson.Raw)
	look = func(d bson.Raw) {
		all, err := d.Elements()
		if err != nil {
			t.Error(err)
		}
		for _, e := range all {
			mu.Lock()
			heard[e.Key()] = true
			mu.Unlock()
			if !ours.MatchString(e.Key()) && !slices.Contains(operators, e.Key()) {
				once.Do(func() { t.Errorf("a client's key %q reaches MongoDB in %s", e.Key(), d) })
			}
			if in, ok := e.Value().DocumentOK(); ok {
				look(in)
			} else if list, ok := e.Value().ArrayOK(); ok {
				look(bson.Raw(list))
			}
		}
	}
	s, err := mongo.Open(t.Context(), mongotest.URI(t), mongo.Options{Monitor: &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) { look(e.Command) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	over(t, s).inject()
	if !heard["$in"] || !heard["filter"] || heard["$ne"] {
		t.Error("the monitor does not hear everything")
	}
}

// K43: what a pattern would read as more than letters is letters, and takes no longer.
func TestK43PatternsAreText(t *testing.T) {
	t.Parallel()
	s := chosen.Open(t)
	f := over(t, s)
	crowded(t, s, 3000)
	for _, name := range []string{"a.*b", "axxb", "(a+)+$", "aaaa", `x\y`, "[a-z]", "50% off_", "^start", "b|c", "a{2}", "new\nline"} {
		body := fmt.Sprintf(`{"userName":%q,"displayName":%q}`, "n"+fmt.Sprintf("%x", name), name)
		if status, text := f.ask("POST", "/Users", body); status != 201 {
			f.Fatalf("%s: %d %s", body, status, text)
		}
	}
	count := func(filter string) string {
		status, text := f.ask("GET", "/Users?count=5&filter="+url.QueryEscape(filter), "")
		if status != 200 {
			f.Fatalf("%s: %d %s", filter, status, text)
		}
		return regexp.MustCompile(`"totalResults":(\d+)`).FindStringSubmatch(text)[1]
	}
	for filter, want := range map[string]string{
		`displayName co ".*"`: "1", `displayName sw "a.*"`: "1", `displayName ew ".*b"`: "1", `displayName co "(a+)+$"`: "1", `displayName ew "+$"`: "1",
		`displayName co "\\y"`: "1", `displayName co "[a-z]"`: "1", `displayName co "% off_"`: "1", `displayName sw "^start"`: "1", `displayName co "|"`: "1",
		`displayName co "a{2}"`: "1", `displayName co "w\nl"`: "1", `displayName sw "."`: "0", `displayName ew "\\z"`: "0", `displayName co "^"`: "1",
	} {
		if got := count(filter); got != want {
			t.Errorf("%s finds %s, want %s", filter, got, want)
		}
	}
	took := func(filter string) time.Duration {
		var all []time.Duration
		for range 7 {
			began := time.Now()
			count(filter)
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	plain := took(`displayName co "bbbbbb"`)
	for _, evil := range []string{`displayName co "(a+)+$"`, `displayName co "(a|aa)+$"`, `displayName ew "(.*a){20}"`, `displayName co "` + strings.Repeat("a?", 30) + strings.Repeat("a", 30) + `"`} {
		if got := took(evil); got > 10*plain+50*time.Millisecond {
			t.Errorf("%s takes %s, a plain text %s", evil, got, plain)
		}
	}
}

// crowded fills the organization with names on which a careless pattern runs for ages.
func crowded(t *testing.T, s chosen.Store, n int) {
	t.Helper()
	rt, _ := schemas.Default.Type("User")
	for from := 0; from < n; from += 500 {
		err := s.Update(t.Context(), func(tx directory.Tx) error {
			for i := from; i < from+500; i++ {
				r, _, err := scim.Decode(rt, fmt.Appendf(nil, `{"userName":"u%d","displayName":"%s!%d"}`, i, strings.Repeat("a", 40), i), scim.Tolerant)
				if err != nil {
					return err
				}
				r.ID, r.Version, r.Created = fmt.Sprintf("00000000-0000-7000-8000-%012x", i), 1, scim.Now(time.Now)
				r.Modified = r.Created
				if err := tx.Put(t.Context(), "a", nil, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// K40: a filter of the people's list is one by itself; it does not change what it is put
// beside.
func TestK40FilterOfThePeoplesList(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person("ada@example.com")
	for _, text := range []string{"userName pr) or (userName pr", `userName pr) or (userName eq "x"`, "userName pr) or not (active pr"} {
		for _, view := range []string{"active", "inactive", "all"} {
			h.same(h.api(400, "GET", "/users?view="+view+"&filter="+url.QueryEscape(text), ""), "code", "invalidFilter")
		}
	}
	h.same(h.api(200, "GET", "/users?view=inactive&filter="+url.QueryEscape("(userName pr) or (userName pr)"), ""), "items", "[]")
}
