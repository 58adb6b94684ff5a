package scimtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

func checks() []check {
	var all []check
	for _, group := range [][]check{discovery, resources, patches, lists, others} {
		all = append(all, group...)
	}
	return all
}

var discovery = []check{
	{"discovery/config", "RFC 7643 5", "", func(s *session) {
		a := s.want(200, "GET", "/ServiceProviderConfig", "")
		for _, member := range []string{"patch.supported", "bulk.supported", "filter.supported", "changePassword.supported", "sort.supported", "etag.supported"} {
			if _, ok := a.get(member).(bool); !ok {
				s.fail("%s must be a boolean, in %.300s", member, a.text)
			}
		}
		if _, ok := a.get("authenticationSchemes").([]any); !ok {
			s.fail("authenticationSchemes must be a list")
		}
	}},
	{"discovery/schemas", "RFC 7644 4", "", func(s *session) {
		a := s.want(200, "GET", "/Schemas", "")
		s.is(a, "schemas.0", listURN)
		if !strings.Contains(a.text, userURN) || strings.Contains(a.text, "null") {
			s.fail("the list of schemas must have the User schema and no nulls")
		}
		s.is(s.want(200, "GET", "/Schemas/"+userURN, ""), "id", userURN)
	}},
	{"discovery/resource types", "RFC 7643 6", "", func(s *session) {
		s.is(s.want(200, "GET", "/ResourceTypes", ""), "schemas.0", listURN)
		s.is(s.want(200, "GET", "/ResourceTypes/User", ""), "endpoint", "/Users")
	}},
	{"discovery/no filter", "RFC 7644 4", "", func(s *session) { s.refused(403, "", "GET", "/Schemas?filter="+url.QueryEscape(`id pr`), "") }},
	{"discovery/read only", "RFC 7644 4", "", func(s *session) {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			s.refused(405, "", method, "/ResourceTypes", "")
		}
	}},
	{"errors/unknown resource", "RFC 7644 3.12", "", func(s *session) { s.refused(404, "", "GET", "/Users/"+s.name, "") }},
	{"errors/unknown endpoint", "RFC 7644 3.12", "", func(s *session) { s.refused(404, "", "GET", "/"+s.name, "") }},
	{"errors/unauthenticated", "RFC 7644 2", "", func(s *session) {
		s.refused(401, "", "GET", "/Users", "", "Authorization", "Bearer "+s.name)
		if s.send("GET", "/Users", "", "Authorization", "Bearer "+s.name).header.Get("WWW-Authenticate") == "" {
			s.fail("an answer 401 must have the header WWW-Authenticate")
		}
	}},
	{"errors/syntax", "RFC 7644 table 9", "", func(s *session) { s.refused(400, "invalidSyntax", "POST", "/Users", `{"userName":`) }},
}

var resources = []check{
	{"users/create", "RFC 7644 3.3", "", func(s *session) {
		id, a := s.user(`,"id":"mine","password":"Secret-1-secret","name":{"familyName":"F"}`)
		if id == "mine" || strings.Contains(a.text, "Secret-1") {
			s.fail("a client can neither choose the id nor read the password: %.300s", a.text)
		}
		s.is(a, "meta.resourceType", "User")
		if a.header.Get("Location") == "" || a.get("meta.location") != a.header.Get("Location") {
			s.fail("Location must be there and be meta.location")
		}
		s.is(s.want(200, "GET", "/Users/"+id, ""), "name.familyName", "F")
	}},
	{"users/required", "RFC 7643 2.2", "", func(s *session) {
		s.refused(400, "invalidValue", "POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"displayName":"x"}`, userURN))
	}},
	{"users/unique in any letter case", "RFC 7643 4.1.1", "", func(s *session) {
		name := strings.ToUpper(s.unique())
		s.user("")
		s.refused(409, "uniqueness", "POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"%s@EXAMPLE.com"}`, userURN, name))
	}},
	{"users/replace", "RFC 7644 3.5.1", "", func(s *session) {
		id, a := s.user(`,"title":"x"`)
		a = s.want(200, "PUT", "/Users/"+id, fmt.Sprintf(`{"schemas":[%q],"userName":%q,"nickName":"n"}`, userURN, a.get("userName")))
		s.is(a, "nickName", "n")
		s.is(a, "title", nil)
		s.refused(404, "", "PUT", "/Users/"+s.name, fmt.Sprintf(`{"schemas":[%q],"userName":%q}`, userURN, s.name))
	}},
	{"users/delete", "RFC 7644 3.6", "", func(s *session) {
		id, _ := s.user("")
		s.want(204, "DELETE", "/Users/"+id, "")
		s.refused(404, "", "GET", "/Users/"+id, "")
		s.refused(404, "", "DELETE", "/Users/"+id, "")
	}},
	{"groups/members", "RFC 7643 4.2", "", func(s *session) {
		u, _ := s.user("")
		g, _ := s.group(fmt.Sprintf(`,"members":[{"value":%q}]`, u))
		s.is(s.want(200, "GET", "/Groups/"+g, ""), "members.0.value", u)
		s.is(s.want(200, "GET", "/Groups/"+g+"?excludedAttributes=members", ""), "members", nil)
		s.is(s.want(200, "GET", "/Users/"+u, ""), "groups.0.value", g)
	}},
	{"projection/attributes", "RFC 7644 3.9", "", func(s *session) {
		id, _ := s.user(`,"title":"x","name":{"familyName":"F","givenName":"G"}`)
		a := s.want(200, "GET", "/Users/"+id+"?attributes=name.givenName", "")
		s.is(a, "id", id)
		s.is(a, "name.givenName", "G")
		s.is(a, "name.familyName", nil)
		s.is(a, "title", nil)
		a = s.want(200, "GET", "/Users/"+id+"?excludedAttributes=title,id", "")
		s.is(a, "id", id)
		s.is(a, "title", nil)
	}},
}

var patches = []check{
	{"patch/add, replace and remove", "RFC 7644 3.5.2", "patch.supported", func(s *session) {
		id, _ := s.user("")
		a := s.patch(200, "/Users/"+id, `{"op":"add","path":"title","value":"a"},{"op":"replace","path":"title","value":"b"},{"op":"add","path":"nickName","value":"n"},{"op":"remove","path":"nickName"}`)
		s.is(a, "title", "b")
		s.is(a, "nickName", nil)
	}},
	{"patch/without path", "RFC 7644 3.5.2.1", "patch.supported", func(s *session) {
		id, _ := s.user(`,"name":{"familyName":"F"}`)
		a := s.patch(200, "/Users/"+id, `{"op":"add","value":{"title":"t","name":{"givenName":"G"}}}`)
		s.is(a, "title", "t")
		s.is(a, "name.familyName", "F")
		s.is(a, "name.givenName", "G")
	}},
	{"patch/value filter", "RFC 7644 3.5.2.3", "patch.supported", func(s *session) {
		id, _ := s.user(`,"emails":[{"value":"a@x.io","type":"work"},{"value":"b@x.io","type":"home"}]`)
		a := s.patch(200, "/Users/"+id, `{"op":"replace","path":"emails[type eq \"home\"].value","value":"c@x.io"},{"op":"remove","path":"emails[type eq \"work\"]"}`)
		s.is(a, "emails.0.value", "c@x.io")
		s.is(a, "emails.1", nil)
	}},
	{"patch/one primary", "RFC 7644 3.5.2", "patch.supported", func(s *session) {
		id, _ := s.user(`,"emails":[{"value":"a@x.io","type":"work","primary":true}]`)
		a := s.patch(200, "/Users/"+id, `{"op":"add","path":"emails","value":[{"value":"b@x.io","type":"home","primary":true}]}`)
		if n := strings.Count(a.text, `"primary":true`); n != 1 {
			s.fail("one e-mail must be primary, not %d", n)
		}
	}},
	{"patch/all or nothing", "RFC 7644 3.5.2", "patch.supported", func(s *session) {
		id, _ := s.user(`,"title":"x"`)
		a := s.patch(400, "/Users/"+id, `{"op":"replace","path":"title","value":"y"},{"op":"replace","path":"no such attribute","value":1}`)
		s.is(a, "title", "x")
	}},
	{"patch/read-only", "RFC 7644 3.5.2", "patch.supported", func(s *session) {
		id, _ := s.user("")
		s.refused(400, "mutability", "PATCH", "/Users/"+id, fmt.Sprintf(`{"schemas":[%q],"Operations":[{"op":"replace","path":"id","value":"x"}]}`, patchURN))
	}},
	{"patch/no target", "RFC 7644 3.5.2.2", "patch.supported", func(s *session) {
		id, _ := s.user("")
		s.refused(400, "noTarget", "PATCH", "/Users/"+id, fmt.Sprintf(`{"schemas":[%q],"Operations":[{"op":"remove"}]}`, patchURN))
	}},
	{"patch/no change keeps the version", "RFC 7644 3.5.2.1", "patch.supported", func(s *session) {
		id, a := s.user(`,"title":"x"`)
		s.is(s.patch(200, "/Users/"+id, `{"op":"add","path":"title","value":"x"}`), "meta.lastModified", a.get("meta.lastModified"))
	}},
	{"patch/one member", "RFC 7644 3.5.2.2", "patch.supported", func(s *session) {
		u, _ := s.user("")
		v, _ := s.user("")
		g, _ := s.group("")
		s.patch(200, "/Groups/"+g, fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q},{"value":%q}]}`, u, v))
		a := s.patch(200, "/Groups/"+g, fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, u))
		s.is(a, "members.0.value", v)
		s.is(a, "members.1", nil)
	}},
	{"patch/extension", "RFC 7644 3.10", "patch.supported", func(s *session) {
		id, _ := s.user("")
		urn := "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
		a := s.patch(200, "/Users/"+id, fmt.Sprintf(`{"op":"add","path":"%s:department","value":"D"}`, urn))
		if !strings.Contains(a.text, `"department":"D"`) {
			s.fail("the department must be set: %.300s", a.text)
		}
	}},
}

func (s *session) find(filter string) answer {
	return s.want(200, "GET", "/Users?filter="+url.QueryEscape(filter), "")
}

var lists = []check{
	{"filter/operators", "RFC 7644 3.4.2.2", "filter.supported", func(s *session) {
		_, a := s.user(`,"title":"Chief","active":true,"emails":[{"value":"w@x.io","type":"work"},{"value":"h@x.io","type":"home"}]`)
		name := a.get("userName").(string)
		for filter, want := range map[string]float64{
			`title eq "chief"`: 1, `title ne "chief"`: 0, `title co "hie"`: 1, `title sw "Ch"`: 1, `title ew "ef"`: 1, `title pr`: 1, `nickName pr`: 0,
			`title gt "a"`: 1, `title lt "a"`: 0, `meta.created ge "2001-01-01T00:00:00Z"`: 1, `active eq true`: 1, `not (active eq true)`: 0,
			`emails[type eq "work" and value eq "w@x.io"]`: 1, `emails[type eq "work" and value eq "h@x.io"]`: 0,
			`(title eq "x" or title pr) and active eq true`: 1, userURN + `:title pr`: 1,
		} {
			s.is(s.find(fmt.Sprintf(`userName eq %q and (%s)`, name, filter)), "totalResults", want)
		}
		s.is(s.find(fmt.Sprintf(`userName eq %q`, strings.ToUpper(name))), "totalResults", 1.0)
	}},
	{"filter/broken", "RFC 7644 table 9", "filter.supported", func(s *session) {
		for _, filter := range []string{"userName", `userName eq`, `userName zz "x"`, `(userName pr`, `userName eq "x`, strings.Repeat("(", 5000)} {
			s.refused(400, "invalidFilter", "GET", "/Users?filter="+url.QueryEscape(filter), "")
		}
	}},
	{"filter/password", "RFC 7644 7.5.2", "filter.supported", func(s *session) {
		if a := s.send("GET", "/Users?filter="+url.QueryEscape(`password pr`), ""); a.status == 200 && a.get("totalResults") != 0.0 {
			s.fail("passwords must not be found by filters")
		}
	}},
	{"paging/index", "RFC 7644 3.4.2.4", "filter.supported", func(s *session) {
		for range 3 {
			s.user("")
		}
		query := "/Users?filter=" + url.QueryEscape(fmt.Sprintf(`userName sw %q`, s.name))
		seen := map[any]bool{}
		for i := 1; i <= 3; i++ {
			a := s.want(200, "GET", fmt.Sprintf("%s&startIndex=%d&count=1", query, i), "")
			s.is(a, "totalResults", 3.0)
			s.is(a, "itemsPerPage", 1.0)
			seen[a.get("Resources.0.id")] = true
		}
		if len(seen) != 3 {
			s.fail("three pages of one must show three users, not %d", len(seen))
		}
		a := s.want(200, "GET", query+"&count=0", "")
		s.is(a, "totalResults", 3.0)
		s.is(a, "Resources.0", nil)
		s.is(s.want(200, "GET", query+"&startIndex=0&count=-1", ""), "totalResults", 3.0)
	}},
	{"paging/cursor", "RFC 9865", "pagination.cursor", func(s *session) {
		for range 3 {
			s.user("")
		}
		query := "/Users?filter=" + url.QueryEscape(fmt.Sprintf(`userName sw %q`, s.name)) + "&count=2&cursor="
		a := s.want(200, "GET", query, "")
		next, _ := a.get("nextCursor").(string)
		b := s.want(200, "GET", query+url.QueryEscape(next), "")
		if next == "" || b.get("Resources.0.id") == nil || b.get("Resources.1") != nil || b.get("nextCursor") != nil {
			s.fail("two pages by cursor must show three users: %.200s", b.text)
		}
		s.refused(400, "invalidCursor", "GET", query+"x", "")
	}},
	{"search/type and root", "RFC 7644 3.4.3", "filter.supported", func(s *session) {
		_, a := s.user("")
		body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"%s\""}`, a.get("userName"))
		s.is(s.want(200, "POST", "/Users/.search", body), "totalResults", 1.0)
		s.is(s.want(200, "POST", "/.search", body), "totalResults", 1.0)
	}},
	{"sort/order", "RFC 7644 3.4.2.3", "sort.supported", func(s *session) {
		for _, title := range []string{"b", "C", "a"} {
			s.user(fmt.Sprintf(`,"title":%q`, title))
		}
		query := "/Users?filter=" + url.QueryEscape(fmt.Sprintf(`userName sw %q`, s.name)) + "&sortBy=title"
		s.is(s.want(200, "GET", query, ""), "Resources.0.title", "a")
		s.is(s.want(200, "GET", query+"&sortOrder=descending", ""), "Resources.0.title", "C")
	}},
}

var others = []check{
	{"etag/conditions", "RFC 7644 3.14", "etag.supported", func(s *session) {
		id, a := s.user("")
		tag, _ := a.get("meta.version").(string)
		if tag == "" || a.header.Get("ETag") != tag {
			s.fail("the header ETag must be meta.version, %q, not %q", tag, a.header.Get("ETag"))
		}
		s.want(304, "GET", "/Users/"+id, "", "If-None-Match", tag)
		body := fmt.Sprintf(`{"schemas":[%q],"userName":%q,"title":"x"}`, userURN, a.get("userName"))
		s.want(200, "PUT", "/Users/"+id, body, "If-Match", tag)
		s.refused(412, "", "PUT", "/Users/"+id, strings.Replace(body, `"x"`, `"y"`, 1), "If-Match", tag)
	}},
	{"bulk/references", "RFC 7644 3.7.2", "bulk.supported", func(s *session) {
		body := fmt.Sprintf(`{"schemas":[%q],"Operations":[
			{"method":"POST","path":"/Groups","bulkId":"g","data":{"schemas":[%q],"displayName":%q,"members":[{"value":"bulkId:u"}]}},
			{"method":"POST","path":"/Users","bulkId":"u","data":{"schemas":[%q],"userName":%q}}]}`, bulkURN, groupURN, s.name, userURN, s.name)
		a := s.want(200, "POST", "/Bulk", body)
		for i, endpoint := range []string{"/Groups/", "/Users/"} {
			location, _ := a.get(fmt.Sprintf("Operations.%d.location", i)).(string)
			s.made = append(s.made, endpoint+location[strings.LastIndexByte(location, '/')+1:])
			s.is(a, fmt.Sprintf("Operations.%d.status", i), "201")
		}
		if s.want(200, "GET", s.made[0], "").get("members.0.value") == nil {
			s.fail("the group must have the user as a member")
		}
	}},
	{"bulk/failOnErrors", "RFC 7644 3.7.3", "bulk.supported", func(s *session) {
		one := fmt.Sprintf(`{"method":"DELETE","path":"/Users/%s"}`, s.name)
		a := s.want(200, "POST", "/Bulk", fmt.Sprintf(`{"schemas":[%q],"failOnErrors":1,"Operations":[%s,%s]}`, bulkURN, one, one))
		s.is(a, "Operations.0.status", "404")
		s.is(a, "Operations.1", nil)
	}},
	{"media type/plain JSON", "RFC 7644 3.1", "", func(s *session) {
		a := s.want(201, "POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":%q}`, userURN, s.name), "Content-Type", "application/json; charset=utf-8")
		s.made = append(s.made, fmt.Sprint("/Users/", a.get("id")))
		if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/scim+json") {
			s.fail("answers must be application/scim+json, not %q", got)
		}
		if a := s.send("POST", "/Users", "<user/>", "Content-Type", "application/xml"); a.status < 400 || a.status >= http.StatusInternalServerError {
			s.fail("XML must be refused with a status of 4xx, not %d", a.status)
		}
	}},
}
