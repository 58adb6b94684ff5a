package app_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
	queue string   // a token whose people wait for a seat
	next  atomic.Int64
	waits sync.Map // ids of those who may be let in by the clock
	dated sync.Map // ids of those whom the clock deactivates
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	return &crowd{house: newHouse(t)}
}

// door is one of the processes.
func (c *crowd) door() *house {
	if len(c.doors) == 0 {
		return c.house
	}
	return c.doors[rand.IntN(len(c.doors))]
}

// ask sends a request and wants no failure of the server.
func (c *crowd) ask(method, path, body string, headers ...string) reply {
	token := secret
	if strings.HasPrefix(path, "/api/") {
		token = adminSecret
	}
	got, err := c.call(method, "http://"+c.door().cfg.Listen+path, token, body, headers...)
	if err != nil || got.status >= 500 || got.status == 429 {
		c.Errorf("%s %s: %d %s %v", method, path, got.status, got.text, err)
	}
	return got
}

func (c *crowd) name() string { return fmt.Sprintf("p%d@example.com", c.next.Add(1)) }

// pool is how the licence stands, from one answer, so at one moment.
type pool struct {
	version         string // of what was bought
	purchased, used int64
}

func (c *crowd) seats() (p pool) {
	got := c.ask("GET", "/api/v1/licences/core", "")
	p.version = got.header.Get("ETag")
	p.purchased, _ = strconv.ParseInt(got.at("purchased"), 10, 64)
	p.used, _ = strconv.ParseInt(got.at("seats/used"), 10, 64)
	return p
}

// watch looks at the seats until it is told to stop. While what was bought stays as
// it is, nobody is let in beyond it. The function ends the watch.
func (c *crowd) watch(each func(pool)) (end func()) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for before := c.seats(); ; {
			select {
			case <-stop:
				return
			default:
			}
			now := c.seats()
			if now.version == before.version && now.used > before.used && now.used > now.purchased {
				c.Errorf("R7: from %d to %d seats in use of %d", before.used, now.used, now.purchased)
			}
			each(now)
			before = now
		}
	})
	return func() { close(stop); all.Wait() }
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

func (c *crowd) isIn(id string) bool {
	return c.ask("GET", "/scim/v2/Users/"+id, "").at(usherUser+"/seatState") == "held"
}

// waited are how many the clock has let in.
func (c *crowd) waited() (n int64) {
	c.waits.Range(func(id, _ any) bool {
		if c.isIn(id.(string)) {
			n++
		}
		return true
	})
	return n
}

// gone are how many the clock has deactivated, which are all of them, soon.
func (c *crowd) gone() (n int64) {
	c.Helper()
	c.dated.Range(func(id, _ any) bool {
		began := time.Now()
		for c.isIn(id.(string)) {
			if time.Since(began) > time.Minute {
				c.Errorf("the day of %s has come, and they are in", id)
				return false
			}
			time.Sleep(20 * time.Millisecond)
		}
		n++
		return true
	})
	return n
}

// enter comes to an entrance with somebody, and reports whether they got in.
func (c *crowd) enter(door entrance) (v visitor, in bool) {
	if door.come != nil {
		var ok bool
		if v, ok = door.come(c); !ok {
			return v, false
		}
	}
	return v, door.try(c, v)
}

// K60: with one seat left of 50, of 200 who come at once through every door one
// gets in; each seat that is freed lets in one more, who may be one that waits.
func TestK60OneSeatForTwoHundred(t *testing.T) {
	c := newCrowd(t)
	c.furnish()
	const limit, tries, rounds = 50, 200, 2
	var people []string
	for range limit - 1 {
		people = append(people, c.person(c.name()))
	}
	var visitors [rounds][tries]visitor
	for round := range rounds {
		together(8, func(n int) {
			for i := n; i < tries; i += 8 {
				if come := entrances[i%len(entrances)].come; come != nil {
					visitors[round][i], _ = come(c)
				}
			}
		})
	}
	c.api(200, "PUT", "/licences/core", fmt.Sprintf(`{"purchased":%d}`, limit))
	end := c.watch(func(p pool) {
		if p.used > p.purchased {
			c.Errorf("K60: %d seats are in use of %d", p.used, p.purchased)
		}
	})
	var won atomic.Int64
	for round := range rounds {
		if round > 0 {
			c.setActive(200, people[round], false)
		}
		together(tries, func(i int) {
			if entrances[i%len(entrances)].try(c, visitors[round][i]) {
				won.Add(1)
			}
		})
		used, came := c.seats().used, won.Load()+c.waited()
		if held := c.holders(); came != int64(round)+1 || used != limit || held != limit {
			t.Errorf("round %d: %d got in, %d seats of %d are in use, %d people hold one", round, came, used, limit, held)
		}
	}
	end()
}

// R7: through all entrances at once, with seats bought and taken away meanwhile, no
// more get in than there are seats, and as many.
func TestR7SeatsThroughEveryDoor(t *testing.T) {
	tries := int64(1_000)
	if long {
		tries = 10_000
	}
	newCrowd(t).seated(tries)
}

// seated is the run of R7.
func (c *crowd) seated(tries int64) {
	c.Helper()
	c.furnish()
	for _, door := range entrances { // each leads in while there is room
		if _, in := c.enter(door); !in {
			c.Fatalf("nobody gets in by %s", door.name)
		}
	}
	c.api(200, "PUT", "/licences/core", `{"purchased":20}`)
	if used := c.seats().used; used != int64(len(entrances)) {
		c.Errorf("%d came in and %d seats are in use", len(entrances), used)
	}
	c.steady(tries / 2)
	c.moving(tries / 2)
}

// steady only raises the limit: at every moment no more are in than were bought,
// and in the end every seat is taken, each by one who was let in.
func (c *crowd) steady(tries int64) {
	c.Helper()
	var left, won atomic.Int64
	left.Store(tries)
	before := c.seats().used
	limit := before
	end := c.watch(func(p pool) {
		if p.used > p.purchased {
			c.Errorf("R7: %d seats are in use of %d", p.used, p.purchased)
		}
		if limit++; limit%5 == 0 && limit <= 200 {
			c.ask("PUT", "/api/v1/licences/core", fmt.Sprintf(`{"purchased":%d}`, limit))
		}
	})
	together(8, func(int) {
		for {
			n := left.Add(-1)
			if n < 0 {
				return
			}
			if _, in := c.enter(entrances[n%int64(len(entrances))]); in {
				won.Add(1)
			}
		}
	})
	end()
	for entrances[0].try(c, visitor{}) { // what was bought last is taken now
		won.Add(1)
	}
	p, waited := c.seats(), c.waited()
	if held := c.holders(); p.used != p.purchased || p.used != before+won.Load()+waited || held != p.used {
		c.Errorf("%d were in, %d were let in, %d after a while; %d seats of %d are in use, %d people hold one", before, won.Load(), waited, p.used, p.purchased, held)
	}
}

// moving raises and lowers the limit as billing does, while people leave, some on
// their day. Every seat in use is held by somebody in the end.
func (c *crowd) moving(tries int64) {
	c.Helper()
	var left, won, lost, known atomic.Int64
	late := c.waited()
	before := c.seats().used - late
	left.Store(tries)
	end := c.watch(func(pool) {})
	together(8, func(n int) {
		r := rand.New(rand.NewPCG(uint64(n), 8))
		for {
			n := left.Add(-1)
			if n < 0 {
				return
			}
			if r.IntN(8) == 0 {
				c.ask("PUT", "/api/v1/licences/core?billing=true", fmt.Sprintf(`{"purchased":%d}`, 5+r.IntN(500)))
			}
			v, in := c.enter(entrances[n%int64(len(entrances))])
			if !in {
				continue
			}
			won.Add(1)
			id, nth := v.id, int64(0)
			if id != "" {
				nth = known.Add(1)
			}
			switch {
			case id == "":
			case nth%8 == 1:
				yesterday := time.Now().Add(-24 * time.Hour).Format("2006-01-02")
				if c.ask("PATCH", "/scim/v2/Users/"+id, patchHead+fmt.Sprintf(`[{"op":"replace","path":"%s:terminationDate","value":%q}]}`, usherUser, yesterday)).status == 200 {
					c.dated.Store(id, true)
				}
			case nth%2 == 0:
				if c.ask("PATCH", "/scim/v2/Users/"+id, patchHead+`[{"op":"replace","path":"active","value":false}]}`).status == 200 {
					lost.Add(1)
				}
			}
		}
	})
	end()
	c.api(200, "PUT", "/licences/core?billing=true", `{"purchased":1}`) // nobody is let in from now on
	gone, waited := c.gone(), c.waited()
	used := c.seats().used
	if held := c.holders(); held != used || used != before+won.Load()-lost.Load()-gone+waited {
		c.Errorf("%d seats are in use and %d people hold one; %d were in, %d came, %d left, %d on their day, %d came after a while", used, held, before, won.Load(), lost.Load(), gone, waited)
	}
	if won.Load() == 0 || lost.Load() == 0 || gone == 0 {
		c.Errorf("%d came, %d left, %d on their day: too few to prove anything", won.Load(), lost.Load(), gone)
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
