// Package policy holds the rules of the directory, one file each.
package policy

import "github.com/usher-scim/usher/directory"

// Default are the rules every organization has, in the order they are asked.
func Default() []directory.Policy {
	return []directory.Policy{Identifiers{}, Own{}, SignIn{}, Uniqueness{}, ReadOnly{}, References{}, State{}, Classification{}, Addresses{}, Guards{}, Departure{}, Removal{}, Subjects{}, Seats{}, Arrival{}, Given{}, Choices{}, Schedules{}, Freezes{}, Teams{}, Fixers{}}
}
