package app_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory/store/chosen"
)

// contents is everything that the store of a house holds, as text, but for what is
// written in its own time: the index, the relay's and the clock's places, the last
// use of tokens.
func (h *house) contents() string {
	h.Helper()
	var lines []string
	if chosen.Mongo() {
		lines = h.collections()
	} else {
		lines = h.tables()
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (h *house) tables() (lines []string) {
	h.Helper()
	conn, err := sqlite.OpenConn(filepath.Join(h.cfg.Data, "usher.db"), sqlite.OpenReadOnly)
	if err != nil {
		h.Fatal(err)
	}
	defer conn.Close()
	query := func(sql string, fn func(*sqlite.Stmt)) {
		if err := sqlitex.ExecuteTransient(conn, sql, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error { fn(s); return nil }}); err != nil {
			h.Fatal(err)
		}
	}
	var names []string
	query("SELECT name FROM sqlite_master WHERE type='table'", func(s *sqlite.Stmt) { names = append(names, s.ColumnText(0)) })
	for _, name := range names {
		if slices.Contains([]string{"uniq", "term", "gram", "pending", "mark", "outbox", "token"}, name) {
			continue
		}
		query("SELECT * FROM "+name, func(s *sqlite.Stmt) {
			line := name
			for i := range s.ColumnCount() {
				line += fmt.Sprintf("|%q", s.ColumnText(i))
			}
			lines = append(lines, line)
		})
	}
	return lines
}

func (h *house) collections() (lines []string) {
	h.Helper()
	where, err := connstring.Parse(h.cfg.Store.URI)
	if err != nil {
		h.Fatal(err)
	}
	client, err := driver.Connect(options.Client().ApplyURI(h.cfg.Store.URI))
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = client.Disconnect(h.Context()) }()
	db := client.Database(where.Database)
	names, err := db.ListCollectionNames(h.Context(), bson.D{})
	for _, name := range names {
		if err != nil {
			h.Fatal(err)
		}
		if name == "state" || name == "token" {
			continue
		}
		var all []bson.D
		var cursor *driver.Cursor
		if cursor, err = db.Collection(name).Find(h.Context(), bson.D{}); err == nil {
			err = cursor.All(h.Context(), &all)
		}
		for _, doc := range all {
			doc = slices.DeleteFunc(doc, func(e bson.E) bool { return e.Key == "due" }) // of an event, until it is delivered
			lines = append(lines, fmt.Sprint(name, doc))
		}
	}
	if err != nil || len(lines) == 0 {
		h.Fatalf("%d documents, %v", len(lines), err)
	}
	return lines
}

// tried is how the preview of one operation is asked for: what is in the place of
// {id}, and the body. Whatever has none takes a person, and {}.
type tried struct{ id, body string }

// outsider is somebody of another organization in a furnished house.
const outsider = "outsider@mail.example"

// furnished is a house with something for every operation, how to ask for each, and
// with which token where it is not an administrator's.
func furnished(t *testing.T) (h *house, how map[string]tried, tokens map[string]string) {
	t.Helper()
	s := newStaffed(t)
	h = s.house
	h.tenant(t, "b")
	far := s.external(outsider)
	s.as(outsider, 200, "PUT", "/users/"+far+"/consent", "")
	h.api(200, "PUT", "/licences/core", `{"purchased":20}`)
	h.api(200, "PUT", "/licences/mail", `{"purchased":20}`)
	ada, bob, gone := h.person("ada@corp.example"), h.person("bob@corp.example"), h.person("gone@corp.example")
	h.api(201, "POST", "/subscriptions", `{"user":"`+gone+`","plan":"gold","active":true}`)
	removed := h.person("removed@corp.example")
	h.api(200, "DELETE", "/users/"+removed, "")
	h.api(200, "PUT", "/applications/books", `{"name":"Books"}`)
	h.api(200, "PUT", "/applications/books/assignments/"+ada, `{"role":"admin"}`)
	h.api(200, "POST", "/users/"+gone+"/deactivate", `{"reactivateOnPurchase":true}`)
	h.api(200, "POST", "/addresses/block", `{"email":"evil@corp.example"}`)
	made := func(path, body string) string { return h.api(201, "POST", path, body).at("id") }
	record, order := `{"type":"deal","owner":"`+ada+`","open":true}`, `{"user":"`+ada+`","plan":"gold","active":true}`
	wire, grant := `{"app":"books","peerApp":"crm","owner":"`+ada+`","enabled":true}`, `{"user":"`+ada+`","extension":"mail"}`
	team := made("/teams", `{"name":"Sales","members":["`+ada+`"]}`)
	integration := made("/integrations", wire)
	ids := `{"ids":["` + ada + `","` + bob + `"]}`
	lead, left := h.person("lead@corp.example"), h.person("left@corp.example")
	h.team("Leaving", lead, 1, bob, left)
	h.opportunity(left)
	h.api(200, "POST", "/users/"+left+"/deactivate", "{}")
	transfer := h.api(200, "GET", "/transfers", "").at("items/0/id")
	leader := s.signedIn("lead@corp.example")
	h.wanted(200, "PUT", "/api/v1/users/"+bob+"/freeze-request", leader, "")
	return h, map[string]tried{
			"give-consent": {id: far}, "withdraw-consent": {id: far},
			"accept-transfer": {id: transfer}, "decline-transfer": {id: transfer}, "give-transfer": {transfer, `{"to":"` + ada + `"}`},
			"": {id: bob}, "departure": {id: h.api(200, "GET", "/users/"+gone+"/departures", "").at("items/0/id")},
			"add-person": {body: `{"email":"new@corp.example"}`}, "edit-person": {bob, `{"title":"Lady"}`},
			"activate-person": {id: gone}, "activate-people": {body: `{"ids":["` + gone + `"]}`}, "deactivate-people": {body: ids}, "invite-people": {body: ids},
			"undo-departure": {id: gone}, "restore-departure": {gone, `{"parts":["records"]}`}, "unhold-tombstone": {id: removed},
			"put-release": {"default", `{}`}, "delete-release": {id: func() string { return h.api(200, "PUT", "/brake-releases/default", `{}`).at("id") }()},
			"create-plan": {body: `{"verb":"suspend","ids":["` + bob + `"]}`}, "commit-plan": {id: made("/plans", `{"verb":"suspend","ids":["`+bob+`"]}`)},
			"create-team": {body: `{"name":"Other"}`}, "edit-team": {team, `{"name":"Other"}`}, "delete-team": {id: team}, "add-team-member": {id: team}, "remove-team-member": {id: team},
			"put-licence": {"core", `{"purchased":30}`}, "delete-licence": {id: "core"},
			"create-reservation": {body: `{"seats":1}`}, "release-reservation": {id: made("/reservations", `{"seats":1}`)},
			"create-grant": {body: `{"user":"` + bob + `","extension":"mail"}`}, "put-grant": {made("/extension-grants", grant), grant}, "delete-grant": {id: h.api(200, "GET", "/extension-grants", "").at("items/0/id")},
			"claim-domain": {body: `{"domain":"corp.example"}`}, "verify-domain": {}, "release-domain": {},
			"put-application": {"books", `{"name":"More"}`}, "delete-application": {id: "books"}, "put-app-assignment": {body: `{"role":"user"}`},
			"create-integration": {body: wire}, "put-integration": {integration, wire}, "delete-integration": {id: integration}, "disable-integration": {id: integration}, "take-integration": {integration, `{"owner":"` + bob + `"}`},
			"create-record": {body: record}, "put-record": {made("/records", record), record}, "delete-record": {id: made("/records", record)},
			"create-subscription": {body: order}, "put-subscription": {made("/subscriptions", order), order}, "delete-subscription": {id: made("/subscriptions", order)},
			"tell-purchase": {body: `{"id":"p1","email":"gone@corp.example"}`}, "block-address": {body: `{"email":"bob@corp.example"}`}, "lift-address": {body: `{"email":"evil@corp.example"}`},
			"approve-lift": {body: `{"email":"evil@corp.example"}`}, "approve-settings": {body: `{"twoPeople":true}`},
			"register-credential": {bob, `{"kind":"session"}`}, "revoke-credential": {id: h.api(201, "POST", "/users/"+bob+"/credentials", `{"kind":"session"}`).at("id")},
			"reset-password": {id: ada}, "check-password": {body: `{"email":"bob@corp.example","password":"guess"}`}, "introspect": {body: "token=x"},
			"forgot-password": {body: `{"organization":"default","email":"bob@corp.example"}`}, "complete-reset": {body: `{"organization":"default","token":"x","password":"long enough for all"}`},
			"accept-invitation": {body: `{"organization":"default","token":"x"}`},
			"put-settings":      {body: `{"language":"fr"}`}, "put-standing": {bob, `{"rank":3}`}, "transfer-ownership": {body: `{"to":"` + ada + `"}`}, "close-account": {bob, `{"confirm":"bob@corp.example"}`},
		}, map[string]string{"accept-transfer": leader, "decline-transfer": leader, "request-freeze": leader,
			"give-consent": s.signedIn(outsider), "withdraw-consent": s.signedIn(outsider)} // each for themselves
}

// Domain 4.1, 3.5: every operation that the document says makes a change can be
// previewed, or says that it cannot; neither leaves a trace in the store. Refusals
// are decisions as well.
func TestPreviewsOfEveryOperation(t *testing.T) {
	t.Parallel()
	h, how, tokens := furnished(t)
	d := readDocument(h)
	h.api(201, "POST", "/domains", `{"domain":"corp.example"}`)
	before := h.contents()
	for _, id := range slices.Sorted(maps.Keys(h.operations())) {
		op := h.operations()[id]
		if op[0] == "GET" {
			continue
		}
		try := how[id]
		if try.id == "" {
			try.id = how[""].id
		}
		path := strings.NewReplacer("{id}", try.id, "{user}", how[""].id, "{app}", "books", "{domain}", "corp.example", "{departure}", how["departure"].id).Replace(op[1])
		var headers []string
		if id == "commit-plan" {
			headers = []string{"If-Match: *"}
		}
		if id == "introspect" {
			headers = []string{"Content-Type: application/x-www-form-urlencoded"}
		}
		if try.body == "" && op[0] != "DELETE" {
			try.body = "{}"
		}
		token := adminSecret
		if own := tokens[id]; own != "" {
			token = own
		}
		got, err := h.call(op[0], "http://"+h.cfg.Listen+"/api/v1"+path+"?preview=true", token, try.body, headers...)
		want := 400
		if d.parameter(op, "preview") {
			want = 200
		}
		if err != nil || got.status != want {
			t.Errorf("%s: %s %s: %d %s %v, want %d", id, op[0], path, got.status, got.text, err, want)
		}
		d.checked(op[0], op[1], got)
		if _, said := got.doc.(map[string]any)["allowed"].(bool); want == 200 && !said && got.at("items/0/decision/allowed")+got.at("items/0/allowed") == "" {
			t.Errorf("%s does not say whether it is allowed: %s", id, got.text)
		}
		if want == 400 && !strings.Contains(got.at("detail"), "preview") {
			t.Errorf("%s: %s", id, got.text)
		}
		if after := h.contents(); after != before {
			t.Fatalf("%s: the preview changed the store: %s", id, differing(before, after))
		}
	}
}

// differing is what two texts do not share, by lines.
func differing(a, b string) string {
	was, is := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out []string
	for _, one := range is {
		if !slices.Contains(was, one) {
			out = append(out, one)
		}
	}
	return fmt.Sprintf("%d lines became %d, new are %s", len(was), len(is), strings.Join(out, "\n"))
}

// parameter reports whether an operation has a query parameter.
func (d *document) parameter(op [2]string, name string) bool {
	parameters, _ := d.node("paths", op[1], strings.ToLower(op[0]))["parameters"].([]any)
	return slices.ContainsFunc(parameters, func(one any) bool {
		p, _ := one.(map[string]any)
		return p["in"] == "query" && p["name"] == name
	})
}

// Domain 4.1: what a preview says of a refusal is what the refusal says, and it uses
// up no Idempotency-Key.
func TestPreviewsOfRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.owns("default", "corp.example")
	h.api(200, "PUT", "/licences/core", `{"purchased":1}`)
	ada := h.person("ada@corp.example")
	for _, c := range []struct{ method, path, body, code string }{
		{"PUT", "/licences/core", `{"purchased":0}`, "licence.in_use"},
		{"POST", "/users", `{"email":"bob@corp.example"}`, "seat.limit_exceeded"},
		{"POST", "/users", `{"email":"ada@corp.example"}`, "duplicate"},
		{"POST", "/reservations", `{"seats":5}`, "seat.limit_exceeded"},
		{"POST", "/users/" + ada + "/convert", `{}`, "membership.not_external"},
		{"POST", "/organization/owner", `{"to":"` + ada + `"}`, ""},
	} {
		got := h.api(200, c.method, c.path+"?preview=true", c.body, "Idempotency-Key: same")
		h.same(got, "done", "false")
		h.same(got, "code", c.code)
		h.same(got, "allowed", fmt.Sprint(c.code == ""))
		if refusal := c.code != ""; refusal {
			then, _ := h.call(c.method, "http://"+h.cfg.Listen+"/api/v1"+c.path, adminSecret, c.body)
			h.same(got, "detail", then.at("detail"))
			h.same(then, "code", c.code)
		}
	}
	h.api(404, "PUT", "/teams/nothing/members/"+ada+"?preview=true", "")
	h.api(400, "POST", "/users?preview=maybe", `{"email":"eve@corp.example"}`)
	h.api(400, "POST", "/users?preview=true&preview=false", `{"email":"eve@corp.example"}`)
	h.api(200, "POST", "/organization/owner", `{"to":"`+ada+`"}`, "Idempotency-Key: same")
}

// K4, domain 4.1: a query parameter that an operation does not have is refused by
// name, whatever the operation does: nobody may believe that it had a meaning.
func TestUnknownQueryParameters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.same(h.api(400, "GET", "/users?veiw=all&x=1", ""), "detail", `This operation does not have the query parameters "veiw", "x"; it has after, classification, filter, invitationState, limit, status, view.`)
	h.same(h.api(400, "GET", "/settings?preview=true", ""), "detail", `This operation has no query parameters; leave out "preview".`)
	h.api(400, "PUT", "/licences/core?dryRun=true", `{"purchased":3}`)
	h.api(404, "GET", "/licences/core", "")
	h.api(400, "GET", "/plans?user=x", "")
	h.api(400, "GET", "/users?view=%zz", "")
	h.wanted(401, "GET", "/api/v1/users?x=1", "", "")
}
