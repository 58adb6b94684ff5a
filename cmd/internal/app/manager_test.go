package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// K03: a manager is kept as it was sent, and found when it matters, among the people of
// the organization: somebody of another one is as unknown as nobody, to whoever creates,
// changes, reads, exports or leaves.
func TestK03ManagersAreFoundHere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := h.tenant(t, "b")
	theirs := h.inOrg(201, other, "POST", "/Users", `{"userName":"theirs@mail.example","displayName":"Theirs","emails":[{"value":"theirs@mail.example"}]}`).at("id")
	ours := h.person("ours@mail.example")
	told := func(manager string, i int) string {
		body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"p%d@mail.example","emails":[{"value":"p%d@mail.example"}],"` + enterpriseUser + `":{"manager":{"value":%q}}}`
		made := h.prov(201, "POST", "/Users", fmt.Sprintf(body, i, i, manager))
		id := made.at("id")
		all := made.text + h.prov(200, "PUT", "/Users/"+id, fmt.Sprintf(body, i, i, manager)).text +
			h.prov(200, "GET", "/Users?filter="+url.QueryEscape(enterpriseUser+`:manager.value eq "`+manager+`"`)+"&attributes=id,"+enterpriseUser+":manager", "").text +
			h.api(200, "POST", "/users/"+id+"/deactivate?preview=true", "{}").text +
			h.setActive(200, id, false).text + h.api(200, "GET", "/outbox?limit=200", "").text
		if !strings.Contains(all, `"value":"`+manager+`"`) {
			t.Errorf("the manager %s is not kept in %s", manager, all)
		}
		return all
	}
	if all := told(ours, 1); !strings.Contains(all, `"mail.copied"`) {
		t.Error("the manager who is here gets no copy")
	}
	copies := func(text string) int { return strings.Count(text, `"mail.copied"`) }
	one := copies(h.api(200, "GET", "/outbox?limit=200", "").text)
	for i, manager := range []string{theirs, "https://example.com/scim/v2/Users/" + theirs, "00000000-0000-7000-8000-00000000dead", "271"} {
		all := told(manager, 2+i)
		if strings.Contains(all, "Theirs") || strings.Contains(all, "theirs@") || copies(h.api(200, "GET", "/outbox?limit=200", "").text) != one {
			t.Errorf("the manager %s is found elsewhere: %s", manager, all)
		}
	}
	ada := h.person("ada@mail.example", `,"`+enterpriseUser+`":{"manager":{"value":"`+ours+`"}}`)
	h.setActive(200, ours, false)
	if h.setActive(200, ada, false); copies(h.api(200, "GET", "/outbox?limit=200", "").text) != one {
		t.Error("a manager who has left gets a copy")
	}
}

// A manager of blanks is none, in whichever form and by whichever method it comes.
func TestBlankManagersAreNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	blank := []string{`""`, `"  "`, `{"value":""}`, `{"value":"  "}`, `["  "]`, `[{"value":"  "}]`}
	const path = enterpriseUser + ":manager"
	for i, value := range blank {
		ada := h.person(fmt.Sprintf("ada%d@mail.example", i), `,"`+enterpriseUser+`":{"manager":`+value+`}`)
		h.same(h.user(ada), enterpriseUser+"/manager", "")
		for _, op := range []string{
			`{"op":"replace","path":"` + path + `","value":` + value + `}`, `{"op":"add","path":"` + path + `","value":` + value + `}`,
			`{"op":"replace","value":{"` + path + `":` + value + `}}`, `{"op":"replace","value":{"` + enterpriseUser + `":{"manager":` + value + `}}}`,
		} {
			h.patched(200, ada, path, `{"value":"271"}`)
			if got := h.patchUser(200, ada, op).at(enterpriseUser + "/manager"); got != "" {
				t.Errorf("after %s the manager is %s", op, got)
			}
		}
		h.patched(200, ada, path, `{"value":"271"}`)
		got := h.prov(200, "PUT", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@mail.example","`+enterpriseUser+`":{"department":"d","manager":`+value+`}}`)
		h.same(got, enterpriseUser+"/manager", "")
		h.prov(204, "DELETE", "/Users/"+ada, "")
	}
}
