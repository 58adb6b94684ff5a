package lifecycle

import (
	"context"
	"errors"
	"github.com/usher-scim/usher/directory"
	"time"
)

// answerReminders are how long after they were asked those who received records are
// reminded to say whether they keep them. With the last one administrators are told.
var answerReminders = []time.Duration{3 * 24 * time.Hour, 7 * 24 * time.Hour}

// Overdue reports whether who has the records has let all reminders pass.
func (t *Transfer) Overdue() bool { return t.Reminded >= len(answerReminders) && !t.Stuck() }

// remind notes that the reminders were given whose time has come, of which those that
// were missed are not given later, and reports whether one is.
func (t *Transfer) remind(now time.Time) bool {
	before := t.Reminded
	for !t.Stuck() && !t.Overdue() && !t.Asked.IsZero() && !now.Before(t.Asked.Add(answerReminders[t.Reminded])) {
		t.Reminded++
	}
	return t.Reminded > before
}

// unanswered reminds those who received records and have not said whether they keep
// them (3.6). Nobody is reminded of what is over.
func (c clockwork) unanswered(ctx context.Context) error {
	all, err := due[Transfer](ctx, c)
	for i := range all {
		if err != nil {
			return err
		}
		err = c.do(ctx, directory.Command{Action: "transfer.reminder", Plan: func(ctx context.Context, r directory.Reader, d *directory.Draft) ([]directory.Finding, error) {
			t, err := directory.Load[Transfer](ctx, r, d.Org, all[i].ID)
			if errors.Is(err, directory.ErrNotFound) || err == nil && !t.remind(d.Now) { // answered meanwhile, or moved on
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			open, err := t.left(ctx, r, d.Org)
			if err != nil {
				return nil, err
			}
			d.Subject, d.Quiet = t.ID, len(open) == 0
			if !d.Quiet {
				d.Do("answer.reminder", t.To, len(open))
			}
			if !d.Quiet && t.Overdue() {
				d.Do("answer.overdue", t.To, len(open))
			}
			return nil, directory.Save(d, d.Org, &t)
		}})
	}
	return err
}
