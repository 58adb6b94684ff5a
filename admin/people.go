package admin

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/patch"
	"github.com/usher-scim/usher/scim/schemas"
)

// Person is a member of the organization as the API shows them.
type Person struct {
	ID                   string    `json:"id"`
	Version              string    `json:"version"`
	UserName             string    `json:"userName"`
	ExternalID           string    `json:"externalId,omitempty" doc:"Of the organization's main connection."`
	ExternalIDs          []NamedID `json:"externalIds,omitempty" doc:"Those of its other connections."`
	DisplayName          string    `json:"displayName,omitempty"`
	GivenName            string    `json:"givenName,omitempty"`
	FamilyName           string    `json:"familyName,omitempty"`
	Email                string    `json:"email,omitempty"`
	UserType             string    `json:"userType,omitempty"`
	Active               bool      `json:"active"`
	Classification       string    `json:"classification"`
	InvitationState      string    `json:"invitationState"`
	Status               string    `json:"status"`
	SeatState            string    `json:"seatState"`
	HomeOrganizationID   string    `json:"homeOrganizationId,omitempty"`
	DeactivatedAt        string    `json:"deactivatedAt,omitempty"`
	BlockListed          bool      `json:"blockListed,omitempty"`
	ReactivateOnPurchase bool      `json:"reactivateOnPurchase,omitempty"`
	LegalHold            bool      `json:"legalHold,omitempty"`
	Created              time.Time `json:"created"`
	Modified             time.Time `json:"modified"`
}

func personOf(r *scim.Resource) Person {
	flag := func(a *scim.Attribute) bool { on, _ := r.Bool(a); return on }
	text := func(a *scim.Attribute) string { return r.Text(a) }
	on, set := r.Bool(schemas.User.Active)
	return Person{ID: r.ID, Version: r.Version.ETag(), UserName: text(schemas.User.UserName), ExternalID: text(scim.ExternalID), ExternalIDs: namedIDs(r),
		DisplayName: text(schemas.User.DisplayName), GivenName: text(schemas.User.GivenName), FamilyName: text(schemas.User.FamilyName),
		Email: directory.PrimaryAddress(r), UserType: text(schemas.User.UserType), Active: on || !set,
		Classification: text(schemas.Usher.Classification), InvitationState: text(schemas.Usher.InvitationState), Status: string(directory.StatusOf(r)),
		SeatState: text(schemas.Usher.SeatState), HomeOrganizationID: text(schemas.Usher.HomeOrganizationID), DeactivatedAt: text(schemas.Usher.DeactivatedAt),
		BlockListed: flag(schemas.Usher.BlockListed), ReactivateOnPurchase: flag(schemas.Usher.ReactivateOnPurchase), LegalHold: flag(schemas.Usher.LegalHold),
		Created: r.Created, Modified: r.Modified}
}

// Decision is what came, or would come, of a change: the same plan either way.
type Decision struct {
	Allowed  bool                `json:"allowed" doc:"Whether the change may be made."`
	Done     bool                `json:"done" doc:"Whether it was made."`
	Code     string              `json:"code,omitempty"`
	Detail   string              `json:"detail,omitempty" doc:"Why it may not."`
	Blockers []directory.Blocker `json:"blockers"`
	Effects  []directory.Effect  `json:"effects"`
	Person   *Person             `json:"person,omitempty"`
}

func decisionOf(p *directory.Plan, done bool, l directory.Language) Decision {
	d := Decision{Allowed: true, Done: done, Blockers: p.BlockersIn(l), Effects: p.Effects}
	if d.Effects == nil {
		d.Effects = []directory.Effect{}
	}
	if err := p.Err(); err != nil {
		d.Allowed, d.Done = false, false
		pr := problemOf(err, "")
		pr.tell(l)
		d.Code, d.Detail = pr.Code, pr.Detail
	}
	if p.After != nil && directory.IsPerson(p.After.Type) {
		v := personOf(p.After)
		d.Person = &v
	}
	return d
}

type (
	personList struct {
		Page
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
	// VerbInput names whom a verb is about.
	VerbInput struct {
		ID             string `path:"id"`
		IfMatch        string `header:"If-Match"`
		IdempotencyKey string `header:"Idempotency-Key"`
	}
	leaveInput struct {
		VerbInput
		Body struct {
			ReactivateOnPurchase *bool  `json:"reactivateOnPurchase,omitempty" doc:"Allow contact to be reactivated with future purchases. Default false: the addresses are blocked."`
			TransferTo           string `json:"transferTo,omitempty" doc:"Who receives the open records."`
		} `required:"false"`
	}
	decided = single[Decision]
)

// people registers the operations on people.
func (a *API) people() {
	const tag = "People"
	add(a, place{"list-people", http.MethodGet, "/users", tag, "List people", ViewPeople, 0}, a.listPeople)
	add(a, place{"get-person", http.MethodGet, "/users/{id}", tag, "Read a person", ViewPeople, 0}, func(ctx context.Context, in *byID) (out *single[Person], err error) {
		err = a.person(ctx, in.ID, func(r directory.Reader, p *scim.Resource) error {
			out = one(personOf(p), p.Version)
			return nil
		})
		return out, err
	})
	add(a, place{"add-person", http.MethodPost, "/users", tag, "Add a person", AddPeople, http.StatusCreated}, a.addPerson)
	add(a, place{"edit-person", http.MethodPatch, "/users/{id}", tag, "Change a person's account", EditPeople, 0}, a.editPerson)
	add(a, place{"remove-person", http.MethodDelete, "/users/{id}", tag, "Deactivate and remove a person", AccessPeople, 0}, func(ctx context.Context, in *VerbInput) (*decided, error) {
		return a.verb(ctx, in, directory.Delete{Type: a.typed(ctx, "User"), ID: in.ID})
	})
	add(a, place{"deactivate-person", http.MethodPost, "/users/{id}/deactivate", tag, "End a person's access", AccessPeople, 0}, func(ctx context.Context, in *leaveInput) (*decided, error) {
		return a.verb(ctx, &in.VerbInput, directory.Deactivate{Type: a.typed(ctx, "User"), ID: in.ID, ReactivateOnPurchase: in.Body.ReactivateOnPurchase, TransferTo: in.Body.TransferTo})
	})
	for path, verb := range map[string]struct {
		summary string
		action  Action
		change  func(rt *scim.ResourceType, id string) directory.Change
	}{
		"suspend":  {"Freeze a person, who keeps seat, teams and integrations", AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return directory.Suspend{Type: rt, ID: id} }},
		"resume":   {"End a freeze", AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return directory.Resume{Type: rt, ID: id} }},
		"withdraw": {"Withdraw an invitation", AddPeople, func(rt *scim.ResourceType, id string) directory.Change { return directory.Withdraw(rt, id) }},
		"hold":     {"Put a person's data under a legal hold", AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return directory.Hold(rt, id, true) }},
		"unhold":   {"Lift a legal hold", AccessPeople, func(rt *scim.ResourceType, id string) directory.Change { return directory.Hold(rt, id, false) }},
	} {
		add(a, place{path + "-person", http.MethodPost, "/users/{id}/" + path, tag, verb.summary, verb.action, 0}, func(ctx context.Context, in *VerbInput) (*decided, error) {
			return a.verb(ctx, in, verb.change(a.typed(ctx, "User"), in.ID))
		})
	}
	a.returns()
	a.consents()
	a.many()
	a.invitations()
}

// person reads one person.
func (a *API) person(ctx context.Context, id string, fn func(directory.Reader, *scim.Resource) error) error {
	return a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		p, err := r.Get(ctx, directory.Ref{Org: org, Type: typeNamed(r, "User"), ID: id})
		if err == nil {
			err = p.Load()
		}
		if err != nil {
			return err
		}
		return fn(r, p)
	})
}

// verb carries out a change of one person.
func (a *API) verb(ctx context.Context, in *VerbInput, change directory.Change) (*decided, error) {
	p, err := a.do(ctx, change, in.IfMatch)
	if err != nil {
		return nil, err
	}
	var v scim.Version
	if p.After != nil {
		v = p.After.Version
	}
	return one(decisionOf(p, true, a.language(ctx)), v), nil
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

// listPeople lists people. Inactive ones, who are hidden unless asked for, are left
// out of a page as it is read: that costs nothing where a filter would look at
// everybody, and leaves some pages shorter.
func (a *API) listPeople(ctx context.Context, in *personList) (out *list[Person], err error) {
	hide := in.View == "active" && in.Status == ""
	err = a.read(ctx, func(r directory.Reader, org directory.OrgID) error {
		q := directory.Query{Org: org, Type: typeNamed(r, "User"), Start: 1, Count: in.Limit}
		if text := in.wanted(); text != "" {
			if q.Filter, _, err = filter.Compile(text, q.Type, scim.Strict); err != nil {
				return err
			}
			q.Filter = directory.AnyExternalID(q.Filter)
		}
		if q.After, err = position("User", in.After); err != nil {
			return err
		}
		out = &list[Person]{}
		out.Body.Items = []Person{}
		for {
			found, err := r.Find(ctx, q)
			if err != nil {
				return err
			}
			for _, p := range found.Resources {
				if !hide || directory.StatusOf(p) != directory.Inactive {
					out.Body.Items = append(out.Body.Items, personOf(p))
				}
			}
			if found.More {
				q.After, out.Body.Next = found.Last, encodePlace("User", string(found.Last))
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

func (a *API) addPerson(ctx context.Context, in *newPerson) (*decided, error) {
	rt, b := a.typed(ctx, "User"), in.Body
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
	req := request(ctx, directory.Create{Resource: r})
	req.Reservation = in.Reservation
	p, err := a.submit(ctx, req)
	if err != nil {
		return nil, err
	}
	return one(decisionOf(p, true, a.language(ctx)), p.After.Version), nil
}

// editPerson changes attributes through the same door as a PATCH of a client.
func (a *API) editPerson(ctx context.Context, in *editPerson) (*decided, error) {
	rt, b := a.typed(ctx, "User"), in.Body
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
		return nil, badRequest("The body changes nothing; name at least one attribute with its new value.")
	}
	p, err := decodePatch(rt, ops)
	if err != nil {
		return nil, err
	}
	return a.verb(ctx, &VerbInput{ID: in.ID, IfMatch: in.IfMatch}, directory.Patch{Type: rt, ID: in.ID, Patch: p})
}

func decodePatch(rt *scim.ResourceType, ops []string) (*patch.Patch, error) {
	p, _, err := patch.Decode(rt, []byte(`{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+strings.Join(ops, ",")+`]}`), scim.Strict)
	return p, err
}
