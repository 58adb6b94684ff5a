package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-scim/usher/admin/control"
)

// clients is a house with two provisioning clients: an identity provider, which came
// first, and an HR tool.
type clients struct {
	*house
	hr string // token
}

func newClients(t *testing.T) *clients {
	c := &clients{house: newHouse(t)}
	c.hr = c.client("hr")
	return c
}

// client makes a connection and a token of it.
func (c *clients) client(id string) string {
	c.Helper()
	c.control(c.T, "PUT", "/connections/"+id, `{"organization":"default","scopes":["*"],"dialect":"tolerant"}`, &struct{}{})
	var made control.Secret
	c.control(c.T, "POST", "/tokens", `{"connection":"`+id+`"}`, &made)
	return made.Plain
}

// finds wants a filter, an order and so on to find resources, told by their ids.
func (c *clients) finds(token, endpoint, query string, ids ...string) {
	c.Helper()
	got := c.wanted(200, "GET", "/scim/v2/"+endpoint+"?"+query, token, "")
	all, _ := got.doc.(map[string]any)["Resources"].([]any)
	found := []string{}
	for i := range all {
		found = append(found, got.at(fmt.Sprintf("Resources/%d/id", i)))
	}
	if fmt.Sprint(found) != fmt.Sprint(append([]string{}, ids...)) || got.at("totalResults") != fmt.Sprint(len(ids)) {
		c.Errorf("%s?%s finds %v of %s, want %v", endpoint, query, found, got.at("totalResults"), ids)
	}
}

func where(filter string) string { return "filter=" + url.QueryEscape(filter) }

// knows wants a client to see an externalId, in every answer that shows the resource.
func (c *clients) knows(token, endpoint, id, externalID string) {
	c.Helper()
	for _, query := range []string{"", "?attributes=externalId", "?excludedAttributes=meta"} {
		c.same(c.wanted(200, "GET", "/scim/v2/"+endpoint+"/"+id+query, token, ""), "externalId", externalID)
	}
	got := c.wanted(200, "GET", "/scim/v2/"+endpoint+"?"+where(`id eq "`+id+`"`), token, "")
	c.same(got, "Resources/0/externalId", externalID)
	got = c.wanted(200, "POST", "/scim/v2/.search", token, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"id eq \"`+id+`\""}`)
	c.same(got, "Resources/0/externalId", externalID)
	if strings.Contains(got.text, "externalIds") || strings.Contains(got.text, `"client"`) {
		c.Errorf("what is kept beside is shown: %s", got.text)
	}
	c.same(c.wanted(200, "GET", "/scim/v2/"+endpoint+"/"+id+"?excludedAttributes=externalId", token, ""), "externalId", "")
}

// things are a user and a group as clients send them.
var things = map[string]func(name, more string) string{
	"Users": func(name, more string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `"` + more + `}`
	},
	"Groups": func(name, more string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"` + name + `"` + more + `}`
	},
}

func withID(id string) string { return `,"externalId":"` + id + `"` }

func patchOf(operation string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`
}

// Domain 3.1 and 3.3, RFC 7643 section 3.1: an externalId is the client's that gave it.
// Each sees, finds, sorts by and writes its own alone.
func TestEachClientHasItsOwnExternalID(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	for endpoint, body := range things {
		path := "/scim/v2/" + endpoint
		ada := c.wanted(201, "POST", path, secret, body("ada", withID("idp-1"))).at("id")
		bob := c.wanted(201, "POST", path, c.hr, body("bob", withID("hr-9"))).at("id")
		c.knows(secret, endpoint, ada, "idp-1")
		c.knows(c.hr, endpoint, ada, "")
		c.knows(c.hr, endpoint, bob, "hr-9")
		c.knows(secret, endpoint, bob, "")

		// The HR tool matches ada by name and says what it knows her as, in every way.
		c.same(c.wanted(200, "PUT", path+"/"+ada, c.hr, body("ada", withID("hr-5"))), "externalId", "hr-5")
		c.knows(secret, endpoint, ada, "idp-1")
		c.knows(c.hr, endpoint, ada, "hr-5")
		for i, op := range []string{`{"op":"add","path":"externalId","value":"hr-10"}`, `{"op":"replace","value":{"externalId":"hr-11"}}`, `{"op":"replace","path":"externalId","value":"hr-1"}`} {
			c.same(c.wanted(200, "PATCH", path+"/"+ada+"?attributes=externalId", c.hr, patchOf(op)), "externalId", []string{"hr-10", "hr-11", "hr-1"}[i])
		}
		c.knows(secret, endpoint, ada, "idp-1")
		c.wanted(200, "PUT", path+"/"+bob, secret, body("bob", withID("idp-2")))

		for _, who := range []struct{ token, first, last, ada, bob string }{{secret, ada, bob, "idp-1", "idp-2"}, {c.hr, ada, bob, "hr-1", "hr-9"}} {
			c.finds(who.token, endpoint, where(`externalId eq "`+who.ada+`"`), ada)
			c.finds(who.token, endpoint, where(`externalId sw "`+who.ada[:2]+`"`), ada, bob)
			c.finds(who.token, endpoint, where(`externalId co "`+who.ada[1:3]+`" and externalId ew "`+who.bob[1:]+`"`), bob)
			c.finds(who.token, endpoint, where(`externalId ne "`+who.ada+`"`), bob)
			c.finds(who.token, endpoint, where(`not (externalId eq "`+who.ada+`")`), bob)
			c.finds(who.token, endpoint, where(`externalId gt "`+who.ada+`"`), bob)
			c.finds(who.token, endpoint, where(`externalId ge "`+who.ada+`" and externalId lt "`+who.bob+`"`), ada)
			c.finds(who.token, endpoint, where(`externalId le "`+who.ada+`"`), ada)
			c.finds(who.token, endpoint, where(`externalId pr`), ada, bob)
			c.finds(who.token, endpoint, where(`not (externalId pr)`))
			c.finds(who.token, endpoint, where(`externalId eq null`))
			c.finds(who.token, endpoint, "sortBy=externalId", ada, bob)
			c.finds(who.token, endpoint, "sortBy=externalId&sortOrder=descending", bob, ada)
		}
		for token, others := range map[string]string{secret: "hr-", c.hr: "idp-"} {
			c.finds(token, endpoint, where(`externalId sw "`+others+`"`))
			c.finds(token, endpoint, where(`externalId eq "`+others+`1"`))
		}

		// A PUT without it removes the client's own alone, and so does a PATCH.
		c.same(c.wanted(200, "PUT", path+"/"+ada, c.hr, body("ada", "")), "externalId", "")
		c.knows(secret, endpoint, ada, "idp-1")
		c.finds(c.hr, endpoint, where(`not (externalId pr)`), ada)
		c.wanted(200, "PUT", path+"/"+bob, secret, body("bob", ""))
		c.knows(c.hr, endpoint, bob, "hr-9")
		c.wanted(200, "PATCH", path+"/"+bob+"?attributes=id", c.hr, patchOf(`{"op":"remove","path":"externalId"}`))
		c.knows(c.hr, endpoint, bob, "")
		c.knows(secret, endpoint, bob, "")
	}
}

// K64: what another client says is a new version; what changes nothing is none. The
// audit tells that an externalId was changed, and by whom.
func TestExternalIDsOfOthersAreVersions(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	ada := c.person("ada", withID("idp-1"))
	tag := c.user(ada).header.Get("ETag")
	put := func(status int, token, more string, headers ...string) string {
		t.Helper()
		return c.wanted(status, "PUT", "/scim/v2/Users/"+ada, token, things["Users"]("ada", `,"emails":[{"value":"ada","primary":true}]`+more), headers...).header.Get("ETag")
	}
	next := put(200, c.hr, withID("hr-1"), "If-Match: "+tag)
	if next == tag {
		t.Error("a new externalId is no new version")
	}
	if again := put(200, c.hr, withID("hr-1")); again != next {
		t.Errorf("what changes nothing makes version %s of %s", again, next)
	}
	if again := put(200, secret, withID("idp-1")); again != next {
		t.Errorf("what changes nothing makes version %s of %s", again, next)
	}
	put(412, secret, withID("idp-1"), "If-Match: "+tag)
	got := c.api(200, "GET", "/audit?action=user.update&resource="+ada, "")
	c.same(got, "items/0/event/changed", `["externalId"]`)
	c.same(got, "items/0/event/actor/connection", "hr")
	c.same(got, "items/1", "")
	got = c.api(200, "GET", "/users?filter="+url.QueryEscape(`externalId eq "hr-1"`), "")
	c.same(got, "items/0/externalId", "idp-1")
	c.same(got, "items/0/externalIds", `[{"connection":"hr","value":"hr-1"}]`)
	c.same(c.api(200, "GET", "/users/"+ada, ""), "externalIds/0/value", "hr-1")
}

// K04: what is kept beside is named by no client: not written, not found by, not shown.
func TestNobodyReachesTheExternalIDsOfOthers(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	ada := c.person("ada", withID("idp-1"))
	path := "/scim/v2/Users/" + ada
	const forged = `"$externalIds":[{"client":"default","value":"hr-1"},{"client":"hr","value":"forged"}]`
	c.wanted(200, "PUT", path, c.hr, things["Users"]("ada", withID("hr-1")+`,"emails":[{"value":"ada","primary":true}],`+forged))
	for _, op := range []string{`{"op":"add","value":{` + forged + `}}`, `{"op":"replace","path":"$externalIds","value":[]}`, `{"op":"remove","path":"$externalIds[client eq "default"]"}`} {
		if got, err := c.call("PATCH", "http://"+c.cfg.Listen+path, c.hr, patchOf(op)); err != nil || got.status >= 500 {
			t.Errorf("%s: %d %s %v", op, got.status, got.text, err)
		}
	}
	c.knows(secret, "Users", ada, "idp-1")
	c.knows(c.hr, "Users", ada, "hr-1")
	for _, filter := range []string{`$externalIds.value eq "hr-1"`, `$externalIds pr`, `$externalIds[value eq "hr-1"]`} {
		c.wanted(400, "GET", "/scim/v2/Users?"+where(filter), secret, "")
	}
	c.wanted(400, "GET", "/scim/v2/Users?sortBy=$externalIds.value", secret, "")
	if got := c.wanted(200, "GET", path+"?attributes=$externalIds,userName", secret, ""); strings.Contains(got.text, "hr-1") {
		t.Errorf("it is shown: %s", got.text)
	}
}

// R8: clients that give their first externalIds at the same moment are told apart too.
func TestFirstExternalIDsAtOnce(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	clients := []struct{ name, token string }{{"idp", secret}, {"hr", c.hr}, {"crm", c.client("crm")}}
	const each = 5
	ids := make([]string, each*len(clients))
	together(len(ids), func(i int) {
		who := clients[i%len(clients)]
		got, err := c.call("POST", "http://"+c.cfg.Listen+"/scim/v2/Users", who.token, things["Users"](fmt.Sprintf("u%d", i), withID(fmt.Sprintf("%s-%d", who.name, i))))
		if err != nil || got.status != 201 {
			t.Errorf("%s: %d %s %v", who.name, got.status, got.text, err)
		}
		ids[i] = got.at("id")
		c.same(got, "externalId", fmt.Sprintf("%s-%d", who.name, i))
	})
	for k, who := range clients {
		got := c.wanted(200, "GET", "/scim/v2/Users?"+where("externalId pr"), who.token, "")
		c.same(got, "totalResults", fmt.Sprint(each))
		for i := k; i < len(ids); i += len(clients) {
			c.finds(who.token, "Users", where(fmt.Sprintf(`externalId eq "%s-%d"`, who.name, i)), ids[i])
		}
	}
}

// RFC 7644 section 3.7: in Bulk too, also where resources refer to each other, a client gives its own.
func TestExternalIDsInBulk(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	ada := c.person("ada", withID("idp-1"))
	group := func(id, other, more string) string {
		return `{"method":"POST","path":"/Groups","bulkId":"` + id + `","data":` + things["Groups"](id, withID("hr-"+id)+`,"members":[{"value":"bulkId:`+other+`"}`+more+`]`) + `}`
	}
	got := c.wanted(200, "POST", "/scim/v2/Bulk", c.hr, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"PATCH","path":"/Users/`+ada+`","data":`+patchOf(`{"op":"add","value":{"externalId":"hr-1"}}`)+`},
		{"method":"POST","path":"/Users","bulkId":"b","data":`+things["Users"]("bob", withID("hr-2"))+`},`+
		group("g1", "g2", "")+`,`+group("g2", "b", `,{"value":"bulkId:g1"}`)+`]}`)
	for i, status := range []string{"200", "201", "201", "201"} {
		c.same(got, fmt.Sprintf("Operations/%d/status", i), status)
	}
	last := func(i int) string {
		location := got.at(fmt.Sprintf("Operations/%d/location", i))
		return location[strings.LastIndex(location, "/")+1:]
	}
	c.knows(secret, "Users", ada, "idp-1")
	c.knows(c.hr, "Users", ada, "hr-1")
	c.knows(c.hr, "Users", last(1), "hr-2")
	c.knows(secret, "Users", last(1), "")
	for i, id := range []string{"hr-g1", "hr-g2"} {
		c.finds(c.hr, "Groups", where(`externalId eq "`+id+`"`), last(2+i))
	}
	group1 := c.wanted(201, "POST", "/scim/v2/Groups", secret, things["Groups"]("g3", withID("idp-g3"))).at("id")
	c.knows(secret, "Groups", group1, "idp-g3")
	c.knows(c.hr, "Groups", group1, "")
	c.knows(c.hr, "Groups", last(2), "hr-g1")
}

// K10, K28: what a client calls people is what they may sign in with, so that of people
// with a role no client changes it unless it may reach them.
func TestExternalIDsOfPeopleWithARole(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	c.owns("default", "corp.example")
	ada := c.person("ada@corp.example", withID("idp-1"))
	c.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"auditor"}`)
	op := patchOf(`{"op":"add","path":"externalId","value":"hr-1"}`)
	c.wanted(403, "PATCH", "/scim/v2/Users/"+ada, c.hr, op)
	c.knows(c.hr, "Users", ada, "")
	c.control(t, "PUT", "/connections/hr", `{"organization":"default","scopes":["*"],"dialect":"tolerant","rankCeiling":1000}`, &struct{}{})
	c.wanted(200, "PATCH", "/scim/v2/Users/"+ada, c.hr, op)
	c.knows(c.hr, "Users", ada, "hr-1")
	c.knows(secret, "Users", ada, "idp-1")
}
