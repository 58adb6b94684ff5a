package app_test

import "testing"

// G9, 3.6: the word of an administrator who has left, or has lost the role since, is not
// the second one.
func TestApproverIsStillOne(t *testing.T) {
	t.Parallel()
	for name, loses := range map[string]func(s *staffed, id string){
		"left":     func(s *staffed, id string) { s.api(200, "POST", "/users/"+id+"/suspend", "") },
		"the role": func(s *staffed, id string) { s.api(200, "PUT", "/users/"+id+"/standing", `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStaffed(t)
			ids := map[string]string{}
			for _, name := range []string{"ada", "bob", "cyd"} {
				ids[name] = s.person(name + "@example.com")
				s.api(200, "PUT", "/users/"+ids[name]+"/standing", `{"role":"`+map[bool]string{true: "auditor", false: "admin"}[name == "cyd"]+`"}`)
			}
			s.api(200, "PUT", "/settings", `{"twoPeople":true}`)
			path := "/users/" + ids["cyd"]
			s.as("bob@example.com", 200, "PUT", path+"/approval", "{}")
			s.same(s.as("ada@example.com", 200, "POST", path+"/deactivate?preview=true", "{}"), "allowed", "true")
			loses(s, ids["bob"])
			s.same(s.as("ada@example.com", 200, "POST", path+"/deactivate?preview=true", "{}"), "code", "approval.required")
			s.same(s.as("ada@example.com", 403, "POST", path+"/deactivate", "{}"), "code", "approval.required")
		})
	}
}
