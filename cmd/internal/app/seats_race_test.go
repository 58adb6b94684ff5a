package app_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	userSchema = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	patchHead  = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`
)

// crowd is a house that many come to at once. Its requests fail the test without
// ending the goroutine that made them.
type crowd struct {
	*house
	doors []*house // the processes that are asked; none: the house itself
	next  atomic.Int64
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	return &crowd{house: newHouse(t)}
}

// ask sends a request and wants no failure of the server.
func (c *crowd) ask(method, path, body string) reply {
	token := secret
	if strings.HasPrefix(path, "/api/") {
		token = adminSecret
	}
	listen := c.cfg.Listen
	if len(c.doors) > 0 {
		listen = c.doors[rand.IntN(len(c.doors))].cfg.Listen
	}
	got, err := c.call(method, "http://"+listen+path, token, body)
	if err != nil || got.status >= 500 || got.status == 429 {
		c.Errorf("%s %s: %d %s %v", method, path, got.status, got.text, err)
	}
	return got
}

func (c *crowd) name() string { return fmt.Sprintf("p%d@example.com", c.next.Add(1)) }

// seats are the seats bought and in use, from one answer, so of one moment.
func (c *crowd) seats() (purchased, used int64) {
	got := c.ask("GET", "/api/v1/licences/core", "")
	purchased, _ = strconv.ParseInt(got.at("purchased"), 10, 64)
	used, _ = strconv.ParseInt(got.at("seats/used"), 10, 64)
	return purchased, used
}

// holders are how many people are in, counted one by one.
func (c *crowd) holders() int64 {
	c.Helper()
	got := c.prov(200, "GET", "/Users?count=1&filter="+strings.ReplaceAll(usherUser+`:seatState eq "held"`, " ", "%20"), "")
	n, err := strconv.ParseInt(got.at("totalResults"), 10, 64)
	if err != nil {
		c.Fatal(got.text)
	}
	return n
}

// outside provisions somebody who has no seat yet.
func (c *crowd) outside() (id, address string) {
	address = c.name()
	return c.ask("POST", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":%q,"active":false}`, userSchema, address)).at("id"), address
}

func (c *crowd) isIn(id string) bool {
	return c.ask("GET", "/scim/v2/Users/"+id, "").at(usherUser+"/status") == "active"
}

// returning provisions somebody whom a purchase brings back, and tells the address.
func (c *crowd) returning() (id, address string) {
	address = c.name()
	id = c.ask("POST", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":%q}`, userSchema, address)).at("id")
	if id != "" {
		c.ask("POST", "/api/v1/users/"+id+"/deactivate", `{"reactivateOnPurchase":true}`)
	}
	return id, address
}

// entrances are the ways to a seat: each is tried for somebody who is outside, or for
// somebody new, and tells whether they got in.
var entrances = []struct {
	name string
	try  func(c *crowd, id, address string) (in bool)
}{
	{"SCIM POST", func(c *crowd, _, _ string) bool {
		return c.ask("POST", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":%q}`, userSchema, c.name())).status == 201
	}},
	{"PATCH active", func(c *crowd, id, _ string) bool {
		return c.ask("PATCH", "/scim/v2/Users/"+id, patchHead+`[{"op":"replace","path":"active","value":true}]}`).status == 200
	}},
	{"PUT active", func(c *crowd, id, address string) bool {
		return c.ask("PUT", "/scim/v2/Users/"+id, fmt.Sprintf(`{%s,"userName":%q,"active":true}`, userSchema, address)).status == 200
	}},
	{"Bulk", func(c *crowd, _, _ string) bool {
		got := c.ask("POST", "/scim/v2/Bulk", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"POST","path":"/Users","bulkId":"1","data":{%s,"userName":%q}}]}`, userSchema, c.name()))
		return got.at("Operations/0/status") == "201"
	}},
	{"admin add", func(c *crowd, _, _ string) bool {
		return c.ask("POST", "/api/v1/users", fmt.Sprintf(`{"email":%q,"sendInvitation":false}`, c.name())).status == 201
	}},
	{"admin activate", func(c *crowd, id, _ string) bool {
		return c.ask("POST", "/api/v1/users/"+id+"/activate", "{}").status == 200
	}},
	{"bulk activate", func(c *crowd, id, _ string) bool {
		got := c.ask("POST", "/api/v1/users/activate", fmt.Sprintf(`{"ids":[%q]}`, id))
		return got.status == 200 && got.at("items/0/decision/done") == "true"
	}},
}

// K60: with one seat left of 50, of 200 who come at once through every door one
// gets in; each seat that is freed lets in one more.
func TestK60OneSeatForTwoHundred(t *testing.T) {
	c := newCrowd(t)
	const limit, tries = 50, 200
	var first string
	for range limit - 1 {
		first = c.person(c.name())
	}
	ids, addresses := make([]string, tries), make([]string, tries)
	for i := range tries {
		ids[i], addresses[i] = c.outside()
	}
	c.api(200, "PUT", "/licences/core", fmt.Sprintf(`{"purchased":%d}`, limit))
	for round, freed := range []string{"", first} {
		if freed != "" {
			c.setActive(200, freed, false)
		}
		var start, done sync.WaitGroup
		var won atomic.Int64
		start.Add(1)
		for i := range tries {
			done.Go(func() {
				start.Wait()
				if c.round(i, round, ids, addresses) {
					won.Add(1)
				}
			})
		}
		start.Done()
		done.Wait()
		_, used := c.seats()
		if held := c.holders(); won.Load() != 1 || used != limit || held != limit {
			t.Errorf("round %d: %d got in, %d seats of %d are in use, %d people hold one", round, won.Load(), used, limit, held)
		}
	}
}

// round is one try. Who got in the first time does not try again; the others come
// to other entrances.
func (c *crowd) round(i, round int, ids, addresses []string) bool {
	n := (i + 3*round) % len(ids)
	door := entrances[i%len(entrances)]
	if c.isIn(ids[n]) {
		return false
	}
	return door.try(c, ids[n], addresses[n])
}

// R7: through all entrances at once, with seats bought and taken away meanwhile, no
// more get in than there are seats, and as many.
func TestR7SeatsThroughEveryDoor(t *testing.T) {
	tries := int64(2_000)
	if os.Getenv("USHER_TEST_LONG") != "" {
		tries = 10_000
	}
	c := newCrowd(t)
	c.api(200, "PUT", "/licences/core", `{"purchased":20}`)
	c.steady(tries / 2)
	c.moving(tries / 2)
}

// steady only raises the limit: at every moment no more are in than were bought,
// and in the end every seat is taken, each by one who was let in.
func (c *crowd) steady(tries int64) {
	c.Helper()
	var left, won atomic.Int64
	left.Store(tries)
	stop := make(chan struct{})
	var watch, work sync.WaitGroup
	watch.Go(func() {
		for limit := int64(20); ; limit++ {
			select {
			case <-stop:
				return
			default:
			}
			if purchased, used := c.seats(); used > purchased {
				c.Errorf("R7: %d seats are in use of %d", used, purchased)
			}
			if limit%5 == 0 && limit <= 200 {
				c.ask("PUT", "/api/v1/licences/core", fmt.Sprintf(`{"purchased":%d}`, limit))
			}
		}
	})
	for n := range 8 {
		work.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 7))
			for left.Add(-1) >= 0 {
				door := entrances[r.IntN(len(entrances))]
				id, address := "", ""
				if door.name != "SCIM POST" && door.name != "Bulk" && door.name != "admin add" {
					id, address = c.outside()
				}
				if door.try(c, id, address) {
					won.Add(1)
				}
			}
		})
	}
	work.Wait()
	close(stop)
	watch.Wait()
	for entrances[0].try(c, "", "") { // what was bought last is taken now
		won.Add(1)
	}
	purchased, used := c.seats()
	if held := c.holders(); used != purchased || used != won.Load() || held != used {
		c.Errorf("%d were let in; %d seats of %d are in use, %d people hold one", won.Load(), used, purchased, held)
	}
}

// moving raises and lowers the limit as billing does, while people leave, and
// return by purchases too. Every seat in use is held by somebody in the end.
func (c *crowd) moving(tries int64) {
	c.Helper()
	var left, won, lost, back atomic.Int64
	var waits sync.Map
	_, before := c.seats()
	left.Store(tries)
	var work sync.WaitGroup
	for n := range 8 {
		work.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 8))
			for left.Add(-1) >= 0 {
				switch r.IntN(8) {
				case 0:
					c.ask("PUT", "/api/v1/licences/core?billing=true", fmt.Sprintf(`{"purchased":%d}`, 5+r.IntN(500)))
				case 1:
					id, address := c.returning()
					if id == "" {
						continue
					}
					got := c.ask("POST", "/api/v1/purchases", fmt.Sprintf(`{"id":"buy-%s","email":%q}`, address, address))
					switch got.at("outcome") {
					case "reactivated":
						back.Add(1)
					case "waitlisted":
						waits.Store(id, true) // and is let in when a seat becomes free
					}
				default:
					id, address := c.outside()
					if !entrances[r.IntN(len(entrances))].try(c, id, address) {
						continue
					}
					won.Add(1)
					if r.IntN(2) == 0 && c.isIn(id) {
						if c.ask("PATCH", "/scim/v2/Users/"+id, patchHead+`[{"op":"replace","path":"active","value":false}]}`).status == 200 {
							lost.Add(1)
						}
					}
				}
			}
		})
	}
	work.Wait()
	c.api(200, "PUT", "/licences/core?billing=true", `{"purchased":1}`) // nobody is let in from now on
	_, used := c.seats()
	late := int64(0)
	waits.Range(func(id, _ any) bool {
		if c.isIn(id.(string)) {
			late++
		}
		return true
	})
	if held := c.holders(); held != used || used != before+won.Load()-lost.Load()+back.Load()+late {
		c.Errorf("%d seats are in use and %d people hold one; %d were in, %d came, %d left, %d bought their way back, %d after a while", used, held, before, won.Load(), lost.Load(), back.Load(), late)
	}
	if back.Load()+late == 0 || lost.Load() == 0 {
		c.Errorf("%d left, %d bought their way back: too few to prove anything", lost.Load(), back.Load())
	}
}

// K67: a blocked address is refused in every way it can be written, at every door
// that asks.
func TestK67BlockedInEverySpelling(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	id := c.person("ada.byron@gmail.com")
	c.api(200, "POST", "/users/"+id+"/deactivate", "{}")
	c.same(c.user(id), usherUser+"/blockListed", "true")
	for i, address := range []string{
		"ADA.Byron@Gmail.COM", "adabyron@gmail.com", "a.d.a.b.y.r.o.n@gmail.com", "ada.byron+shop@gmail.com", "Ada.Byron+a+b@googlemail.com",
		"adabyron@googlemail.com", "ａｄａ.byron@gmail.com", "ada.byron@ｇｍａｉｌ.com", "ada.byron@gmail。com",
	} {
		for _, try := range []struct{ name, path, body string }{
			{"SCIM POST by userName", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":%q}`, userSchema, address)},
			{"SCIM POST by e-mail", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":"x%d","emails":[{"value":%q}]}`, userSchema, i, address)},
			{"admin add", "/api/v1/users", fmt.Sprintf(`{"email":%q,"userName":"y%d"}`, address, i)},
			{"purchase", "/api/v1/purchases", fmt.Sprintf(`{"id":"sale%d","email":%q}`, i, address)},
		} {
			got := c.ask("POST", try.path, try.body)
			if try.name == "admin add" {
				// an administrator lifts the block by letting the person in
				if got.status == 201 {
					c.api(200, "POST", "/addresses/block", fmt.Sprintf(`{"email":%q}`, address))
				} else {
					t.Errorf("%s of %s: %d %s", try.name, address, got.status, got.text)
				}
				continue
			}
			if try.name == "SCIM POST by userName" && got.status == 409 {
				continue // the name itself is taken
			}
			if got.status != 403 || got.header.Get("Usher-Error") != "email.blocked" && !strings.Contains(got.text, "email.blocked") {
				t.Errorf("%s of %s: %d %s", try.name, address, got.status, got.text)
			}
		}
	}
	for _, other := range []string{"ada.byrom@gmail.com", "adabyron@example.com", "ada.byron@gmail.com.example.com"} {
		if got := c.ask("POST", "/api/v1/purchases", fmt.Sprintf(`{"id":%q,"email":%q}`, other, other)); got.status != 201 {
			t.Errorf("%s is another address: %d %s", other, got.status, got.text)
		}
	}
}
