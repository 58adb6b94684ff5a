package admin

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/admin/permission"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/lifecycle"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

type (
	personList struct {
		operation.Page
		Filter          string `query:"filter" doc:"A SCIM filter."`
		Status          string `query:"status" enum:"active,suspended,inactive"`
		Classification  string `query:"classification" enum:"pending,confirmed,external"`
		InvitationState string `query:"invitationState" enum:"notInvited,notJoined,joined,expired,withdrawn"`
		View            string `query:"view" enum:"active,inactive,all" default:"active" doc:"Inactive people are hidden unless asked for (S1-26)."`
	}
	newPerson struct {
		IdempotencyKey string `header:"Idempotency-Key"`
		Reservation    string `header:"Usher-Reservation" doc:"Reserved seats to take one of."`
		Body           struct {
			GivenName      string `json:"givenName,omitempty"`
			FamilyName     string `json:"familyName,omitempty"`
			Email          string `json:"email" required:"true" maxLength:"254"`
			UserName       string `json:"userName,omitempty" doc:"The address when it is absent."`
			UserType       string `json:"userType,omitempty" doc:"employee, customer, portal or service."`
			SendInvitation *bool  `json:"sendInvitation,omitempty" doc:"Default true."`
		}
	}
	editPerson struct {
		ID      string `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    struct {
			GivenName            *string `json:"givenName,omitempty"`
			FamilyName           *string `json:"familyName,omitempty"`
			DisplayName          *string `json:"displayName,omitempty"`
			Email                *string `json:"email,omitempty"`
			UserName             *string `json:"userName,omitempty"`
			Title                *string `json:"title,omitempty"`
			ReactivateOnPurchase *bool   `json:"reactivateOnPurchase,omitempty"`
			TransferRecordsTo    *string `json:"transferRecordsTo,omitempty"`
			TerminationDate      *string `json:"terminationDate,omitempty"`
			ContractEndDate      *string `json:"contractEndDate,omitempty"`
		}
	}
	leaveInput struct {
		operation.VerbInput
		Body struct {
			ReactivateOnPurchase *bool  `json:"reactivateOnPurchase,omitempty" doc:"Allow contact to be reactivated with future purchases. Default false: the addresses are blocked."`
			TransferTo           string `json:"transferTo,omitempty" doc:"Who receives the open records."`
		} `required:"false"`
	}
)

// people registers the operations on people.
func (a handlers) people() {
	const tag = "People"
	operation.Add(a.API, operation.Place{ID: "list-people", Method: http.MethodGet, Path: "/users", Tag: tag, Summary: "List people", Action: permission.ViewPeople}, a.listPeople)
	operation.Add(a.API, operation.Place{ID: "get-person", Method: http.MethodGet, Path: "/users/{id}", Tag: tag, Summary: "Read a person", Action: permission.ViewPeople}, func(ctx context.Context, in *operation.ByID) (out *operation.Single[operation.Person], err error) {
		err = a.Person(ctx, in.ID, func(r directory.Reader, p *scim.Resource) error {
			out = operation.One(operation.PersonOf(p), p.Version)
			return nil
		})
		return out, err
	})
	operation.Add(a.API, operation.Place{ID: "add-person", Method: http.MethodPost, Path: "/users", Tag: tag, Summary: "Add a person", Action: permission.AddPeople, Status: http.StatusCreated}, a.addPerson)
	operation.Add(a.API, operation.Place{ID: "edit-person", Method: http.MethodPatch, Path: "/users/{id}", Tag: tag, Summary: "Change a person's account", Action: permission.EditPeople}, a.editPerson)
	operation.Add(a.API, operation.Place{ID: "remove-person", Method: http.MethodDelete, Path: "/users/{id}", Tag: tag, Summary: "Deactivate and remove a person", Action: permission.AccessPeople}, func(ctx context.Context, in *operation.VerbInput) (*operation.Decided, error) {
		return a.Verb(ctx, in, directory.Delete{Type: a.Typed(ctx, "User"), ID: in.ID})
	})
	operation.Add(a.API, operation.Place{ID: "deactivate-person", Method: http.MethodPost, Path: "/users/{id}/deactivate", Tag: tag, Summary: "End a person's access", Action: permission.AccessPeople}, func(ctx context.Context, in *leaveInput) (*operation.Decided, error) {
		return a.Verb(ctx, &in.VerbInput, directory.Deactivate{Type: a.Typed(ctx, "User"), ID: in.ID, ReactivateOnPurchase: in.Body.ReactivateOnPurchase, TransferTo: in.Body.TransferTo})
	})
	for path, verb := range map[string]struct {
		summary string
		action  permission.Action
		change  func(rt *scim.ResourceType, id string) directory.Change
	}{
		"suspend":  {"Freeze a person, who keeps seat, teams and integrations", permission.AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return directory.Suspend{Type: rt, ID: id} }},
		"resume":   {"End a freeze", permission.AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return directory.Resume{Type: rt, ID: id} }},
		"withdraw": {"Withdraw an invitation", permission.AddPeople, func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Withdraw(rt, id) }},
		"hold":     {"Put a person's data under a legal hold", permission.AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Hold(rt, id, true) }},
		"unhold":   {"Lift a legal hold", permission.AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return lifecycle.Hold(rt, id, false) }},
	} {
		operation.Add(a.API, operation.Place{ID: path + "-person", Method: http.MethodPost, Path: "/users/{id}/" + path, Tag: tag, Summary: verb.summary, Action: verb.action}, func(ctx context.Context, in *operation.VerbInput) (*operation.Decided, error) {
			return a.Verb(ctx, in, verb.change(a.Typed(ctx, "User"), in.ID))
		})
	}
	a.returns()
	a.consents()
	a.many()
	a.invitations()
}

// wanted is the filter that the parameters of a list come to; "" is everybody.
func (in *personList) wanted() string {
	var parts []string
	part := func(attr *scim.Attribute, value string) {
		if value != "" {
			parts = append(parts, attr.Path()+` eq "`+value+`"`)
		}
	}
	part(schemas.Usher.Status, in.Status)
	part(schemas.Usher.Classification, in.Classification)
	part(schemas.Usher.InvitationState, in.InvitationState)
	if in.View == "inactive" {
		part(schemas.Usher.Status, string(directory.Inactive))
	}
	if in.Filter != "" {
		parts = append(parts, "("+in.Filter+")")
	}
	return strings.Join(parts, " and ")
}

// compiled is that filter, nil for everybody. What the caller sent is a filter by itself:
// otherwise it could close the parentheses that it is put into.
func (in *personList) compiled(rt *scim.ResourceType) (*filter.Filter, error) {
	if in.Filter != "" {
		if _, _, err := filter.Parse(in.Filter, scim.Strict); err != nil {
			return nil, err
		}
	}
	text := in.wanted()
	if text == "" {
		return nil, nil
	}
	f, _, err := filter.Compile(text, rt, scim.Strict)
	return directory.AnyExternalID(f), err
}

// listPeople lists people. Inactive ones, who are hidden unless asked for, are left
// out of a page as it is read: that costs nothing where a filter would look at
// everybody, and leaves some pages shorter.
func (a handlers) listPeople(ctx context.Context, in *personList) (out *operation.List[operation.Person], err error) {
	hide := in.View == "active" && in.Status == ""
	err = a.Read(ctx, func(r directory.Reader, org directory.OrgID) error {
		q := directory.Query{Org: org, Type: operation.TypeNamed(r, "User"), Start: 1, Count: in.Limit}
		if q.Filter, err = in.compiled(q.Type); err != nil {
			return err
		}
		if q.After, err = operation.Position("User", in.After); err != nil {
			return err
		}
		out = &operation.List[operation.Person]{}
		out.Body.Items = []operation.Person{}
		for {
			found, err := r.Find(ctx, q)
			if err != nil {
				return err
			}
			for _, p := range found.Resources {
				if !hide || directory.StatusOf(p) != directory.Inactive {
					out.Body.Items = append(out.Body.Items, operation.PersonOf(p))
				}
			}
			if found.More {
				q.After, out.Body.Next = found.Last, operation.EncodeCursor("User", string(found.Last))
			} else {
				out.Body.Next = ""
			}
			if len(out.Body.Items) > 0 || !found.More {
				return nil
			}
		}
	})
	return out, err
}

func (a handlers) addPerson(ctx context.Context, in *newPerson) (*operation.Decided, error) {
	rt, b := a.Typed(ctx, "User"), in.Body
	var err error
	if b.Email, err = address(b.Email); err != nil {
		return nil, err
	}
	r := scim.New(rt)
	put := func(at *scim.Attribute, text string) {
		if text != "" {
			r.SetPath(at, scim.TextValue(text))
		}
	}
	if b.UserName == "" {
		b.UserName = b.Email
	}
	put(schemas.User.UserName, b.UserName)
	put(schemas.User.GivenName, b.GivenName)
	put(schemas.User.FamilyName, b.FamilyName)
	put(schemas.User.DisplayName, strings.TrimSpace(b.GivenName+" "+b.FamilyName))
	put(schemas.User.UserType, b.UserType)
	r.Set(schemas.User.Emails, emails(b.Email))
	invite := b.SendInvitation == nil || *b.SendInvitation
	r.SetPath(schemas.Usher.SendInvitation, scim.BoolValue(invite))
	req := operation.Request(ctx, directory.Create{Resource: r})
	req.Reservation = in.Reservation
	p, err := a.Submit(ctx, req)
	if err != nil {
		return nil, err
	}
	return operation.One(operation.DecisionOf(p, true, a.Language(ctx)), p.After.Version), nil
}

// editPerson changes attributes through the same door as a PATCH of a client.
func (a handlers) editPerson(ctx context.Context, in *editPerson) (*operation.Decided, error) {
	rt, b := a.Typed(ctx, "User"), in.Body
	var ops []string
	put := func(path string, value *string) {
		switch {
		case value == nil:
		case *value == "":
			ops = append(ops, `{"op":"remove","path":"`+path+`"}`)
		default:
			ops = append(ops, `{"op":"replace","path":"`+path+`","value":`+string(scim.AppendString(nil, *value))+`}`)
		}
	}
	put("name.givenName", b.GivenName)
	put("name.familyName", b.FamilyName)
	put("displayName", b.DisplayName)
	put("userName", b.UserName)
	put("title", b.Title)
	put(schemas.Usher.TransferRecordsTo.Path(), b.TransferRecordsTo)
	put(schemas.Usher.TerminationDate.Path(), b.TerminationDate)
	put(schemas.Usher.ContractEndDate.Path(), b.ContractEndDate)
	if b.Email != nil {
		email, err := address(*b.Email)
		if err != nil {
			return nil, err
		}
		ops = append(ops, `{"op":"replace","path":"emails","value":[{"value":`+string(scim.AppendString(nil, email))+`,"primary":true}]}`)
	}
	if b.ReactivateOnPurchase != nil {
		ops = append(ops, `{"op":"replace","path":"`+schemas.Usher.ReactivateOnPurchase.Path()+`","value":`+strconv.FormatBool(*b.ReactivateOnPurchase)+`}`)
	}
	if len(ops) == 0 {
		return nil, operation.BadRequest("The body changes nothing; name at least one attribute with its new value.")
	}
	p, err := operation.DecodePatch(rt, ops)
	if err != nil {
		return nil, err
	}
	return a.Verb(ctx, &operation.VerbInput{ID: in.ID, IfMatch: in.IfMatch}, directory.Patch{Type: rt, ID: in.ID, Patch: p})
}
