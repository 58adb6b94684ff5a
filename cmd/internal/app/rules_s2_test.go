package app_test

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/usher-scim/usher/config"
)

// nameServer answers for TXT records over UDP.
type nameServer struct {
	address string
	mu      sync.Mutex
	txt     map[string][]string // by name, without the last dot
}

// newNameServer starts one that ends with the test.
func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &nameServer{address: conn.LocalAddr().String(), txt: map[string][]string{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := n.answer(buf[:size]); out != nil {
				_, _ = conn.WriteTo(out, from) // who asks asks again
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return n
}

// publish makes the records of a name known.
func (n *nameServer) publish(name string, records ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.txt[name] = records
}

func (n *nameServer) answer(query []byte) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: head.ID, Response: true, Authoritative: true}, Questions: []dnsmessage.Question{q}}
	for _, record := range n.txt[strings.TrimSuffix(q.Name.String(), ".")] {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
			Body: &dnsmessage.TXTResource{TXT: []string{record}}})
	}
	if len(m.Answers) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// inOrg asks SCIM with the token of another organization.
func (h *house) inOrg(status int, token, method, path, body string) reply {
	h.Helper()
	return h.wanted(status, method, "/scim/v2"+path, token, body)
}

// adminOf is a new administrator token of another organization.
func (h *house) adminOf(org string) string {
	h.Helper()
	var made struct{ Secret string }
	h.control(h.T, "POST", "/tokens", `{"admin":true,"organization":"`+org+`"}`, &made)
	return made.Secret
}

// owns makes a domain an organization's own.
func (h *house) owns(org, domain string) {
	h.Helper()
	h.control(h.T, "POST", "/domains/assert", `{"organization":"`+org+`","domain":"`+domain+`"}`, &struct{}{})
}

// stands wants the three axes of S2-22: type, state of the invitation, status.
func (h *house) stands(id, classification, invitation, status string) {
	h.Helper()
	got := h.user(id)
	h.same(got, usherUser+"/classification", classification)
	h.same(got, usherUser+"/invitationState", invitation)
	h.same(got, usherUser+"/status", status)
}

// refused wants a refusal with its code and exact text.
func (h *house) refused(r reply, code, detail string) {
	h.Helper()
	h.same(r, "detail", detail)
	got := r.at("code")
	if got == "" {
		got = r.header.Get("Usher-Error")
	}
	if got != code {
		h.Errorf("the code is %q, want %q", got, code)
	}
}

// S2-1, S2-23, S2-26, C8: a domain is the organization's own once its TXT record
// proves it. People of it who have not joined are classified anew when it is
// verified and when it is given up; who joined stays as they are.
func TestS2DomainsAreProvedByDNS(t *testing.T) {
	t.Parallel()
	dns := newNameServer(t)
	h := newHouse(t, func(c *config.Config) { c.DNSServer = dns.address })
	ada, out := h.person("ada@corp.example"), h.person("out@other.example")
	joined := h.person("joined@corp.example")
	h.accept(200, h.invite(joined), "")
	h.stands(ada, "pending", "notInvited", "active")

	h.api(400, "POST", "/domains", `{"domain":"not a domain"}`)
	claim := h.api(201, "POST", "/domains", `{"domain":"Corp.Example"}`)
	h.same(claim, "domain", "corp.example")
	h.same(claim, "verified", "false")
	record := claim.at("txtRecord")
	if !strings.HasPrefix(record, "usher-domain-verification=") || len(record) < 40 {
		t.Fatalf("the record is %q", record)
	}
	h.same(h.api(201, "POST", "/domains", `{"domain":"corp.example"}`), "txtRecord", record)

	text := "The TXT record " + record + " was not found at corp.example; add it, wait until it is published, and try again."
	h.refused(h.api(409, "POST", "/domains/corp.example/verify", ""), "domain.not_proved", text)
	dns.publish("corp.example", "v=spf1 -all", record+"x")
	h.refused(h.api(409, "POST", "/domains/corp.example/verify", ""), "domain.not_proved", text)
	h.stands(ada, "pending", "notInvited", "active")
	h.same(h.api(200, "GET", "/domains", ""), "items/0/verified", "false")
	h.api(404, "POST", "/domains/unclaimed.example/verify", "")

	dns.publish("corp.example", "v=spf1 -all", record)
	h.same(h.api(200, "POST", "/domains/CORP.example/verify", ""), "verifiedBy", "dns")
	h.stands(ada, "confirmed", "notInvited", "active")
	h.stands(out, "pending", "notInvited", "active")
	bob := h.person("bob@CORP.example", `,"`+usherUser+`":{"sendInvitation":true}`)
	h.stands(bob, "confirmed", "notInvited", "active")
	listed := h.api(200, "GET", "/domains", "")
	h.same(listed, "items/0/verified", "true")
	h.same(listed, "items/1", "")

	h.tenant(t, "b")
	other := h.adminOf("b")
	claim = h.wanted(201, "POST", "/api/v1/domains", other, `{"domain":"corp.example"}`)
	dns.publish("corp.example", record, claim.at("txtRecord"))
	taken := h.wanted(409, "POST", "/api/v1/domains/corp.example/verify", other, "")
	h.refused(taken, "domain.taken", "The domain corp.example is verified by another organization of this server; it must give it up first.")

	h.api(204, "DELETE", "/domains/Corp.Example", "")
	h.api(404, "DELETE", "/domains/corp.example", "")
	h.stands(ada, "pending", "notInvited", "active")
	h.stands(bob, "pending", "notInvited", "active")
	h.stands(joined, "confirmed", "joined", "active")
	h.wanted(200, "POST", "/api/v1/domains/corp.example/verify", other, "")
}

// K27: addresses that only look like those of a verified domain are not.
func TestS2LookAlikesAreNotOfTheDomain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "allowed.com")
	n := 0
	for address, want := range map[string]string{
		"x@allowed.com": "confirmed", "y@ALLOWED.com": "confirmed",
		"x@ALLOWED.com.": "pending", "x@xn--example-.com": "pending", `"x@allowed.com"@evil.com`: "pending",
		"x@evil.com,allowed.com": "pending", "x@sub.allowed.com": "pending", "x@notallowed.com": "pending",
		"x@\u0430llowed.com": "pending", "x@allowed.com@evil.com": "pending", "x@evil.com@allowed.com": "pending", "allowed.com": "pending",
		"x@allowed.com <x@evil.com>": "pending", "x@allowed\uff0ecom": "confirmed",
	} {
		n++
		got, err := h.call("POST", "http://"+h.cfg.Listen+"/scim/v2/Users", secret, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u%d","emails":[{"value":%q}]}`, n, address))
		if err != nil || got.status != 201 && got.status != 400 {
			t.Fatalf("%s: %d %s %v", address, got.status, got.text, err)
		}
		if class := got.at(usherUser + "/classification"); got.status == 201 && class != want {
			t.Errorf("K27: %s is %s, want %s", address, class, want)
		}
	}
}

// invite sends an invitation and returns its token.
func (h *house) invite(id string) string {
	h.Helper()
	got := h.api(200, "POST", "/users/"+id+"/invite", "")
	if got.at("done") != "true" || got.at("token") == "" {
		h.Fatalf("not invited: %s", got.text)
	}
	return got.at("token")
}

// accept joins with a token; nobody needs a credential for it.
func (h *house) accept(status int, token, email string) reply {
	h.Helper()
	return h.wanted(status, "POST", "/api/v1/invitations/accept", "", fmt.Sprintf(`{"token":%q,"organization":"default","email":%q}`, token, email))
}

const notValid = "The invitation is not valid any more; ask who invited you for a new one."

// S2-2, S2-3, S2-4, S2-11, S2-12, S2-24: an invitation is for one address and one
// use; another one voids it, and so do its withdrawal and a deactivation. Five are
// the most.
func TestS2Invitations(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	h.stands(ada, "pending", "notInvited", "active")
	added := h.api(201, "POST", "/users", `{"givenName":"Bob","familyName":"Day","email":"bob@mail.example"}`)
	bob := added.at("person/id")
	h.stands(bob, "pending", "notJoined", "active")

	first := h.invite(ada)
	h.stands(ada, "pending", "notJoined", "active")
	second := h.invite(ada)
	h.refused(h.accept(403, first, ""), "invitation.invalid", notValid)
	h.refused(h.accept(403, second, "eve@mail.example"), "invitation.invalid", "The invitation is for another address; sign in with the account of that one.")
	h.refused(h.accept(403, "usher_inv_NONSENSE", ""), "invitation.invalid", notValid)
	h.stands(ada, "pending", "notJoined", "active")
	h.same(h.accept(200, second, "ADA@mail.example"), "done", "true")
	h.stands(ada, "confirmed", "joined", "active")
	h.refused(h.accept(403, second, ""), "invitation.invalid", notValid)
	h.refused(h.api(409, "POST", "/users/"+ada+"/invite", ""), "invitation.invalid", "ada@mail.example has joined already; there is nothing to invite to.")

	token := h.invite(bob)
	h.api(200, "POST", "/users/"+bob+"/withdraw", "")
	h.stands(bob, "pending", "withdrawn", "active")
	h.refused(h.accept(403, token, ""), "invitation.invalid", notValid)
	h.refused(h.api(409, "POST", "/users/"+bob+"/withdraw", ""), "invitation.invalid", "Bob Day has no open invitation.")
	for range 4 {
		token = h.invite(bob)
	}
	h.refused(h.api(403, "POST", "/users/"+bob+"/invite", ""), "invitation.invalid", "Bob Day was invited 5 times, which is the most; reach them in another way.")
	h.same(h.api(200, "GET", "/invitations/"+bob, ""), "sentCount", "5")

	h.setActive(200, bob, false)
	h.stands(bob, "pending", "withdrawn", "inactive")
	h.refused(h.accept(403, token, ""), "invitation.invalid", notValid)
	h.refused(h.api(409, "POST", "/users/"+bob+"/invite", ""), "invitation.invalid", "Bob Day is not active; activate them first, then invite them.")
	h.setActive(200, bob, true)
	h.refused(h.accept(403, token, ""), "invitation.invalid", notValid)
	h.stands(bob, "pending", "notInvited", "active")

	cyd := h.person("cyd@mail.example")
	token = h.invite(cyd)
	h.api(200, "POST", "/users/"+cyd+"/suspend", "")
	h.refused(h.accept(403, token, ""), "invitation.invalid", notValid)
	h.api(200, "POST", "/users/"+cyd+"/resume", "")
	h.accept(200, token, "")
	h.stands(cyd, "confirmed", "joined", "active")
	if n := h.audited("user.join", ada); n != 1 {
		t.Errorf("%d events of joining, want 1", n)
	}
}

// S2-24: an invitation that nobody accepted in time is expired, and another one
// may follow.
func TestS2InvitationsExpire(t *testing.T) {
	t.Parallel()
	onFile(t)
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	token := h.invite(ada)
	h.stop(t, 10e9)
	db, err := sql.Open("sqlite", filepath.Join(h.cfg.Data, "usher.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{
		`UPDATE document SET data = json_set(data, '$.expiresAt', '2020-01-01T00:00:00Z') WHERE kind = 'invitation'`,
		`UPDATE document_key SET key = 'due:20200101000000.000' WHERE kind = 'invitation' AND key LIKE 'due:%'`,
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	h.running = start(t, h.cfg)
	h.refused(h.accept(403, token, ""), "invitation.invalid", notValid)
	for deadline := time.Now().Add(10 * time.Second); h.user(ada).at(usherUser+"/invitationState") != "expired" && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	h.stands(ada, "pending", "expired", "active")
	h.refused(h.accept(403, token, ""), "invitation.invalid", notValid)
	h.accept(200, h.invite(ada), "")
	h.stands(ada, "confirmed", "joined", "active")
}

// S2-12, S2-13, S2-14, S2-22, S2-25: many are added without a mail, each with a
// seat at once, may be given applications, and are invited later, together.
func TestS2ImportNowInviteLater(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.api(200, "PUT", "/licences/core", `{"purchased":50}`)
	var ops []string
	for i := range 51 {
		ops = append(ops, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"b%d","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"p%d@mail.example","title":"Title %d"}}`, i, i, i%7))
	}
	bulk := h.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+strings.Join(ops, ",")+`]}`)
	h.same(bulk, "Operations/49/status", "201")
	h.same(bulk, "Operations/50/status", "403")
	h.same(bulk, "Operations/50/response/detail", "You are trying to activate more users than the allowed license limit of '50' users")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "50")
	h.same(h.prov(200, "GET", "/Users?count=0", ""), "totalResults", "50")
	h.same(h.prov(200, "GET", `/Users?count=0&filter=`+url.QueryEscape(usherUser+`:invitationState eq "notInvited" and `+usherUser+`:classification eq "pending"`), ""), "totalResults", "50")
	h.same(h.api(200, "GET", "/invitations", ""), "items/0", "")
	if all := h.api(200, "GET", "/audit?limit=200", "").text; strings.Contains(all, "invitation.") {
		t.Error("S2-13: an import led to invitations")
	}
	one, two := bulk.at("Operations/0/location"), bulk.at("Operations/1/location")
	one, two = one[strings.LastIndexByte(one, '/')+1:], two[strings.LastIndexByte(two, '/')+1:]
	h.api(200, "PUT", "/applications/crm", `{"name":"CRM"}`)
	h.same(h.api(200, "PUT", "/applications/crm/assignments/"+one, `{"role":"user"}`), "enabled", "true")
	h.setActive(200, two, false)

	sent := h.api(200, "POST", "/users/invite", `{"ids":["`+one+`","`+two+`","nobody"]}`)
	h.same(sent, "items/0/done", "true")
	h.same(sent, "items/1/done", "false")
	h.same(sent, "items/1/code", "invitation.invalid")
	h.same(sent, "items/2/detail", "There is nothing of that name here.")
	h.stands(one, "pending", "notJoined", "active")
	h.accept(200, sent.at("items/0/token"), "")
	h.stands(one, "confirmed", "joined", "active")
	h.same(h.api(200, "GET", "/assignments?user="+one, ""), "items/0/enabled", "true")

	for query, want := range map[string]int{"invitationState=joined": 1, "invitationState=notInvited": 48, "classification=confirmed": 1,
		"classification=pending": 48, "view=inactive": 1, "status=inactive&view=all": 1, "view=all": 50, "": 49, "classification=pending&view=inactive": 1} {
		items, _ := h.api(200, "GET", "/users?limit=200&"+query, "").doc.(map[string]any)["items"].([]any)
		if len(items) != want {
			t.Errorf("S2-22: %d people for %q, want %d", len(items), query, want)
		}
	}
}

// S2-5: what is for who joined is refused for who has not, and changes nothing.
func TestS2PendingPeopleAreNotConfirmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.person("ada@mail.example")
	const text = "ada@mail.example has not joined yet; this is available after joining."
	h.refused(h.api(409, "GET", "/users/"+ada+"/credentials", ""), "membership.not_confirmed", text)
	h.refused(h.api(409, "PUT", "/users/"+ada+"/standing", `{"role":"admin","rank":5}`), "membership.not_confirmed", text)
	standing := h.api(200, "GET", "/users/"+ada+"/standing", "")
	h.same(standing, "role", "")
	h.same(standing, "rank", "0")
	h.accept(200, h.invite(ada), "")
	h.api(200, "GET", "/users/"+ada+"/credentials", "")
	h.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"admin","rank":5}`)
	h.same(h.api(200, "GET", "/users/"+ada+"/standing", ""), "role", "admin")
}

// S2-15, S2-16, S2-17, S2-18, S2-19, S2-21, S2-25: adding takes a seat at once, one activation brings
// back, and there is one owner.
func TestS2AddEditActivateOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	h.api(200, "PUT", "/licences/core", `{"purchased":2}`)
	added := h.api(201, "POST", "/users", `{"givenName":"Ada","familyName":"Byron","email":"ada@corp.example"}`)
	h.same(added, "person/displayName", "Ada Byron")
	h.same(added, "person/userName", "ada@corp.example")
	h.same(added, "person/seatState", "held")
	ada := added.at("person/id")
	bob := h.api(201, "POST", "/users", `{"givenName":"Bob","familyName":"Day","email":"bob@mail.example"}`).at("person/id")
	const full = "You are trying to activate more users than the allowed license limit of '2' users"
	h.refused(h.api(403, "POST", "/users", `{"givenName":"Cyd","familyName":"Fox","email":"cyd@corp.example"}`), "seat.limit_exceeded", full)
	h.same(h.prov(200, "GET", "/Users?count=0", ""), "totalResults", "2")
	h.api(400, "POST", "/users", `{"givenName":"Cyd"}`)

	h.api(200, "PATCH", "/users/"+ada, `{"givenName":"Augusta","email":"ada.byron@corp.example"}`)
	h.same(h.api(200, "GET", "/users/"+ada, ""), "email", "ada.byron@corp.example")
	h.same(h.user(ada), "name/givenName", "Augusta")

	h.api(200, "POST", "/users/"+bob+"/deactivate", "{}")
	h.same(h.api(200, "GET", "/users/"+bob, ""), "status", "inactive")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "1")
	h.same(h.api(200, "POST", "/users/"+bob+"/activate", ""), "person/status", "active")
	h.same(h.api(200, "GET", "/licences/core", ""), "seats/used", "2")
	h.api(200, "POST", "/users/"+bob+"/deactivate", "{}")
	cyd := h.person("cyd@corp.example")
	h.refused(h.api(403, "POST", "/users/"+bob+"/activate", ""), "seat.limit_exceeded", full)
	h.same(h.user(bob), "active", "false")

	h.refused(h.api(409, "POST", "/organization/owner", `{"to":"`+bob+`"}`), "person.inactive", "The owner must be an active member at home; choose another person.")
	h.api(200, "POST", "/organization/owner", `{"to":"`+ada+`"}`)
	h.same(h.api(200, "GET", "/users/"+ada+"/standing", ""), "role", "owner")
	h.refused(h.api(403, "POST", "/organization/owner", `{"to":"`+cyd+`"}`), "permission.denied",
		"Your role (admin) does not allow this; an owner or administrator of the organization can do it, or give you the role.")
	h.api(403, "PUT", "/users/"+ada+"/standing", `{"role":"admin"}`)
	h.same(h.api(200, "GET", "/users/"+ada+"/standing", ""), "role", "owner")
	h.same(h.api(200, "GET", "/users/"+cyd+"/standing", ""), "role", "")
}
