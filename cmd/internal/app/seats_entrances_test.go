package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/usher-scim/usher/admin/control"
	"github.com/usher-scim/usher/cmd/internal/app"
)

// visitor is somebody who comes to an entrance, and what they bring along.
type visitor struct{ id, address, key string }

// entrance is a way to a seat. Who comes to it is outside, and there before; come is
// nil where nobody need be. It reports false where there was no seat to begin with.
type entrance struct {
	name string
	come func(c *crowd) (visitor, bool)
	try  func(c *crowd, v visitor) (in bool)
}

// entrances are all the ways to a seat (K60). What is let in later, by the clock, is
// noted as waiting.
var entrances = []entrance{
	{"SCIM POST", nil, func(c *crowd, _ visitor) bool {
		return c.ask("POST", "/scim/v2/Users", c.newcomer()).status == 201
	}},
	{"PATCH active", (*crowd).outside, func(c *crowd, v visitor) bool {
		return c.ask("PATCH", "/scim/v2/Users/"+v.id, patchHead+`[{"op":"replace","path":"active","value":true}]}`).status == 200
	}},
	{"PUT active", (*crowd).outside, func(c *crowd, v visitor) bool {
		return c.ask("PUT", "/scim/v2/Users/"+v.id, fmt.Sprintf(`{%s,"userName":%q,"active":true}`, userSchema, v.address)).status == 200
	}},
	{"Bulk", nil, func(c *crowd, _ visitor) bool {
		got := c.ask("POST", "/scim/v2/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"POST","path":"/Users","bulkId":"1","data":`+c.newcomer()+`}]}`)
		return got.at("Operations/0/status") == "201"
	}},
	{"admin add", nil, func(c *crowd, _ visitor) bool {
		return c.ask("POST", "/api/v1/users", fmt.Sprintf(`{"email":%q,"sendInvitation":false}`, c.name())).status == 201
	}},
	{"admin activate", (*crowd).outside, func(c *crowd, v visitor) bool {
		return c.ask("POST", "/api/v1/users/"+v.id+"/activate", "{}").status == 200
	}},
	{"bulk activate", (*crowd).outside, func(c *crowd, v visitor) bool {
		got := c.ask("POST", "/api/v1/users/activate", fmt.Sprintf(`{"ids":[%q]}`, v.id))
		return got.status == 200 && got.at("items/0/decision/done") == "true"
	}},
	{"plan", (*crowd).outside, func(c *crowd, v visitor) bool {
		made := c.ask("POST", "/api/v1/plans", fmt.Sprintf(`{"verb":"activate","ids":[%q]}`, v.id))
		got := c.ask("POST", "/api/v1/plans/"+made.at("id")+"/commit", "", "If-Match: "+made.header.Get("ETag"))
		return got.at("items/0/outcome") == "done"
	}},
	{"import", nil, func(c *crowd, _ visitor) bool { return c.row("").status == 201 }},
	{"import with reserved seats", nil, func(c *crowd, _ visitor) bool {
		kept := c.ask("POST", "/api/v1/reservations", `{"seats":1}`).at("id")
		if kept == "" {
			return false
		}
		defer c.ask("DELETE", "/api/v1/reservations/"+kept, "")
		return c.row(kept).status == 201
	}},
	{"undo", (*crowd).departed, func(c *crowd, v visitor) bool {
		return c.ask("POST", "/api/v1/users/"+v.id+"/departures/"+v.key+"/undo", "").status == 200
	}},
	{"conversion", (*crowd).external, func(c *crowd, v visitor) bool {
		return c.leavesHome(v) && c.ask("POST", "/api/v1/users/"+v.id+"/convert", "").status == 200
	}},
	{"invitation", (*crowd).invited, func(c *crowd, v visitor) bool {
		return c.leavesHome(v) && c.ask("POST", "/api/v1/invitations/accept", fmt.Sprintf(`{"token":%q,"organization":"default"}`, v.key)).status == 200
	}},
	{"purchase", (*crowd).returning, func(c *crowd, v visitor) bool {
		got := c.ask("POST", "/api/v1/purchases", fmt.Sprintf(`{"id":"buy-%s","email":%q}`, v.address, v.address)).at("outcome")
		if got == "waitlisted" {
			c.waits.Store(v.id, true)
		}
		return got == "reactivated"
	}},
	{"waitlist", nil, func(c *crowd, _ visitor) bool {
		got := c.ask("POST", "/scim/v2/Users", c.newcomer(), "Authorization: Bearer "+c.queue)
		switch got.at(usherUser + "/seatState") {
		case "held":
			return true
		case "waitlisted":
			c.waits.Store(got.at("id"), true)
		}
		return false
	}},
}

// furnish makes what some of the entrances need: another organization, a client
// whose people wait for seats, and time to undo a departure.
func (c *crowd) furnish() {
	c.Helper()
	c.api(200, "PUT", "/settings", `{"undoMinutes":60}`)
	c.control(c.T, "POST", "/organizations", `{"id":"elsewhere"}`, &struct{}{})
	c.control(c.T, "PUT", "/connections/queue", `{"organization":"default","scopes":["*"],"dialect":"tolerant","onSeatExhausted":"waitlist"}`, &struct{}{})
	var made struct{ Secret string }
	c.control(c.T, "POST", "/tokens", `{"connection":"queue"}`, &made)
	c.queue = made.Secret
}

// newcomer is the body of somebody new.
func (c *crowd) newcomer() string {
	return fmt.Sprintf(`{%s,"userName":%q}`, userSchema, c.name())
}

// outside is somebody who has no seat yet.
func (c *crowd) outside() (visitor, bool) {
	v := visitor{address: c.name()}
	v.id = c.ask("POST", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":%q,"active":false}`, userSchema, v.address)).at("id")
	return v, v.id != ""
}

// inside is somebody who has one, if there is one.
func (c *crowd) inside() (visitor, bool) {
	v := visitor{address: c.name()}
	v.id = c.ask("POST", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":%q}`, userSchema, v.address)).at("id")
	return v, v.id != ""
}

// returning was in, and is let in by a purchase.
func (c *crowd) returning() (visitor, bool) {
	v, ok := c.inside()
	return v, ok && c.ask("POST", "/api/v1/users/"+v.id+"/deactivate", `{"reactivateOnPurchase":true}`).status == 200
}

// departed was in, until a deactivation that took something, so that it can be undone.
func (c *crowd) departed() (visitor, bool) {
	v, ok := c.inside()
	if !ok {
		return v, false
	}
	c.ask("POST", "/api/v1/subscriptions", fmt.Sprintf(`{"user":%q,"plan":"gold","active":true}`, v.id))
	c.ask("POST", "/api/v1/users/"+v.id+"/deactivate", "{}")
	v.key = c.ask("GET", "/api/v1/users/"+v.id+"/departures", "").at("items/0/id")
	return v, true
}

// external has another home, and so no seat.
func (c *crowd) external() (visitor, bool) {
	v := visitor{address: c.name()}
	if c.socket("PUT", "/accounts", fmt.Sprintf(`{"email":%q,"homeOrganization":"elsewhere","state":"open"}`, v.address)).status != 200 {
		return v, false
	}
	v.id = c.ask("POST", "/scim/v2/Users", fmt.Sprintf(`{%s,"userName":%q}`, userSchema, v.address)).at("id")
	return v, v.id != ""
}

// invited is an external person with an invitation.
func (c *crowd) invited() (visitor, bool) {
	v, ok := c.external()
	if !ok {
		return v, false
	}
	v.key = c.ask("POST", "/api/v1/users/"+v.id+"/invite", "").at("token")
	return v, v.key != ""
}

// leavesHome makes that the account of an external person has no home.
func (c *crowd) leavesHome(v visitor) bool {
	return c.socket("PUT", "/accounts", fmt.Sprintf(`{"email":%q,"state":"open"}`, v.address)).status == 200
}

// row creates somebody as `usher import` does, with the reserved seats if any.
func (c *crowd) row(reservation string) reply {
	return c.socket("POST", "/scim/v2/Users", c.newcomer(), control.OrganizationHeader+": default", "Usher-Reservation: "+reservation)
}

// socket sends a request through the control socket of one of the processes.
func (c *crowd) socket(method, path, body string, headers ...string) reply {
	cfg := c.door().cfg
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return app.Dial(ctx, cfg)
	}}}
	r, err := http.NewRequest(method, "http://usher"+path, strings.NewReader(body))
	if err != nil {
		c.Error(err)
		return reply{}
	}
	for _, one := range headers {
		if name, value, _ := strings.Cut(one, ": "); value != "" {
			r.Header.Set(name, value)
		}
	}
	answer, err := client.Do(r)
	if err != nil {
		c.Error(err)
		return reply{}
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 500 || answer.StatusCode == 429 {
		c.Errorf("%s %s: %d %s %v", method, path, answer.StatusCode, data, err)
	}
	return reply{status: answer.StatusCode, text: string(data)}
}
