package policy

import (
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/estate"
)

// RuleRecordOwner refuses an open record that nobody answers for.
const RuleRecordOwner directory.RuleID = "record.owner"

// OwnRecord refuses an open record without an owner (S1-20). Who is named is another
// question.
func OwnRecord(v *estate.Record) []directory.Finding {
	if !v.Open || v.Owner != "" {
		return nil
	}
	return []directory.Finding{refuse(RuleRecordOwner, directory.Invalid, "An open record needs an owner; name an active member of the organization.")}
}
