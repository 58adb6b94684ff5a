package directory

import (
	"context"
)

// Changes carries out changes.
type Changes interface {
	// Execute makes a change, all of it or nothing; see Service.Execute.
	Execute(ctx context.Context, req Request) (*Plan, error)
}

// Together makes several changes in one transaction: all that fn executes, or, when
// fn returns an error, none. Each change is decided on from what those before it
// leave. A refusal is recorded; what a refused departure would lead to instead does
// not happen, for departures do not belong here. fn may run again from its
// beginning, so it must have no effects outside.
func (s *Service) Together(ctx context.Context, fn func(Changes) error) error {
	refusal, err := s.together(ctx, fn)
	if isLast(err) && refusal == nil {
		refusal, err = s.together(ctx, fn) // as in Execute
	}
	if refusal == nil || refusal.Instead == nil {
		return err
	}
	if record := s.Record(ctx, refusal); record != nil {
		return record
	}
	return err
}

// Record keeps the refusal of a plan in the audit.
func (s *Service) Record(ctx context.Context, refused *Plan) error {
	return s.store.Update(ctx, func(tx Tx) error { return tx.Emit(ctx, refused.Instead.Events...) })
}

func (s *Service) together(ctx context.Context, fn func(Changes) error) (refusal *Plan, err error) {
	var made []*Plan
	err = s.store.Update(ctx, func(tx Tx) error {
		j := &joint{s: s, tx: tx}
		err := fn(j)
		if refusal = j.refusal; err == nil && refusal != nil {
			err = refusal.Err() // whatever fn makes of it
		}
		made = j.made
		return err
	})
	for _, p := range made {
		if err == nil {
			s.committed(p)
		}
	}
	return refusal, err
}

// joint is Changes within one transaction.
type joint struct {
	s       *Service
	tx      Tx
	refusal *Plan   // the first
	made    []*Plan // that were written
}

// Execute decides on a change and writes it in the transaction.
func (j *joint) Execute(ctx context.Context, req Request) (*Plan, error) {
	at := j.s.stamp()
	req.OnBlocked = RefuseBlocked
	p, refused, err := j.s.within(ctx, j.tx, prepare(req, at), at)
	if refused == nil {
		if err == nil {
			j.made = append(j.made, p)
		}
		return p, err
	}
	if j.refusal == nil {
		j.refusal = p
	}
	return p, refused
}
