package directory

import (
	"github.com/usher-scim/usher/scim/schemas"
)

// settle works out where the person will stand, from what was asked.
func (d *Draft) settle() {
	if !IsPerson(d.Type) || d.After == nil {
		return
	}
	if d.After == d.Before {
		d.After = d.Before.Clone()
	}
	on, set := d.After.Bool(schemas.User.Active)
	switch {
	case !set && d.Was != "" && d.Is == "":
		d.Is = d.Was // only a word changes who is in (K31)
	case set && !on && d.Deferred:
		d.Is = Suspended
	case d.Is != "":
	case set && !on:
		d.Is = Inactive
		if before, _ := d.beforeActive(); !before && d.Was == Suspended {
			d.Is = Suspended // accepted and under way already
		}
	case d.frozen():
		d.Is = Suspended
	default:
		d.Is = Active
	}
}

// pending reports whether the departure of the person was accepted and waits.
func (d *Draft) pending() bool {
	on, _ := d.beforeActive()
	return d.Was == Suspended && !on
}

// frozen reports whether the person is suspended for another reason than an
// accepted departure: a client cannot end that by saying active.
func (d *Draft) frozen() bool { return d.Was == Suspended && (!d.pending() || d.Held) }

// WasFrozen reports whether the person was suspended for another reason than a departure
// that was accepted.
func (d *Draft) WasFrozen() bool { return d.frozen() }

// TakesBack reports whether an accepted departure that waits is not to be.
func (d *Draft) TakesBack() bool {
	if d.After == nil || !d.pending() {
		return false
	}
	on, set := d.After.Bool(schemas.User.Active)
	return on || !set
}

func (d *Draft) beforeActive() (on, set bool) {
	if d.Before == nil {
		return false, false
	}
	on, set = d.Before.Bool(schemas.User.Active)
	return on || !set, set
}
