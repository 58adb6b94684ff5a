package admin

import (
	"strings"

	"github.com/usher-scim/usher/admin/operation"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// address is one plain address, without the spaces around it. Everything else is
// refused: nothing dubious is added, blocked or sold to, whatever a mail program might
// make of it (S1-24, K27).
func address(text string) (string, error) {
	text = strings.TrimSpace(text)
	if directory.DomainOf(text) == "" {
		return "", operation.BadRequest("This is not one e-mail address; send one such as name@example.com.")
	}
	return text, nil
}

func emails(address string) scim.Value {
	return scim.ListValue(scim.ComplexValue(scim.Field{Attr: schemas.User.EmailValue, Value: scim.TextValue(address)}, scim.Field{Attr: schemas.User.EmailPrimary, Value: scim.BoolValue(true)}))
}
