package app_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
)

// clerk is a program of an administrator that loses every third answer, and sends
// the same again: with the Idempotency-Key, or the version that it has seen.
type clerk struct {
	*house
	random        *rand.Rand
	name, person  string
	version       int
	records, keys int // kept; made
	lost          *atomic.Int64
}

// insist sends a request until its answer comes through.
func (k *clerk) insist(method, path, body, header string) reply {
	for {
		if k.random.IntN(3) == 0 {
			k.lost.Add(1)
			if err := k.unheard(method, "/api/v1"+path, adminSecret, body, k.random.IntN(2) == 0, header); err != nil {
				k.Error(err)
			}
			continue
		}
		got, err := k.call(method, "http://"+k.cfg.Listen+"/api/v1"+path, adminSecret, body, header)
		if err != nil || got.status >= 500 || got.status == 429 {
			k.Errorf("%s %s: %d %s %v", method, path, got.status, got.text, err)
		}
		if got.status == 409 && got.header.Get("Retry-After") != "" {
			continue // the one before is still under way
		}
		return got
	}
}

// step asks for one thing, which must come to pass once.
func (k *clerk) step() {
	if k.random.IntN(2) == 0 {
		title := strconv.Itoa(k.random.IntN(1 << 30))
		got := k.insist("PATCH", "/users/"+k.person, `{"title":"`+title+`"}`, fmt.Sprintf(`If-Match: W/"%d"`, k.version))
		k.version++
		is, err := k.call("GET", "http://"+k.cfg.Listen+"/scim/v2/Users/"+k.person, secret, "")
		if err != nil || got.status != 200 && got.status != 412 || is.at("title") != title || is.header.Get("ETag") != fmt.Sprintf(`W/"%d"`, k.version) {
			k.Errorf("the title %s was asked for at version %d: %d %s, %s", title, k.version, got.status, got.text, is.text)
		}
		return
	}
	k.keys++
	key := fmt.Sprintf("Idempotency-Key: %s-%d", k.name, k.keys)
	path, body := "/reservations", `{"seats":1}`
	if k.random.IntN(2) == 0 {
		path, body = "/records", `{"type":"opportunity","owner":"`+k.person+`","open":true}`
		k.records++
	}
	if got := k.insist("POST", path, body, key); got.status != 201 {
		k.Errorf("POST %s: %d %s", path, got.status, got.text)
	}
}

// count is how many records the person has, over all pages.
func (k *clerk) count() (n int) {
	k.Helper()
	for after := ""; ; {
		page := k.api(200, "GET", "/records?limit=100&user="+k.person+"&after="+after, "")
		n += len(k.items(page))
		if after = page.at("next"); after == "" {
			return n
		}
	}
}

// R9: programs of administrators that send again what they got no answer to have
// each thing done once.
func TestR9LostAnswersOfTheAdminAPI(t *testing.T) {
	t.Parallel()
	const workers = 8
	each := 40
	if long {
		each = 1250
	}
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":100000}`)
	all := make([]*clerk, workers)
	var lost atomic.Int64
	for i := range all {
		all[i] = &clerk{house: h, random: rand.New(rand.NewPCG(9, uint64(i))), name: fmt.Sprintf("k%d", i), version: 1, lost: &lost}
		all[i].person = h.person(all[i].name + "@example.com")
	}
	together(workers, func(i int) {
		for range each {
			all[i].step()
		}
	})
	kept, records := 0, 0
	for _, k := range all {
		kept += k.keys - k.records
		records += k.records
		if n := k.count(); n != k.records {
			t.Errorf("%s asked for %d records and has %d", k.name, k.records, n)
		}
	}
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/reserved", strconv.Itoa(kept))
	if lost.Load() < workers || kept == 0 || records == 0 {
		t.Errorf("%d answers were lost, %d seats kept, %d records made: too few to prove anything", lost.Load(), kept, records)
	}
}
