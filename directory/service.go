package directory

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/usher-scim/usher/scim"
)

// Service decides on changes and carries them out. Preview and Execute make the
// same plan; only Execute applies it.
type Service struct {
	store    Store
	policies []Policy
	clock    func() time.Time
	shelves  map[string]Shelf
	trail    Trail
	namings  sync.Map // rememberedNaming by namingKey
}

// Options of a Service; the zero value works.
type Options struct {
	Policies []Policy         // in the order they are asked
	Clock    func() time.Time // default time.Now
	Shelves  map[string]Shelf // by the names of their resource types
	Trail    Trail            // of the store; without it, older externalIds are nobody's own
}

// New makes a Service over a store.
func New(store Store, o Options) *Service {
	if o.Clock == nil {
		o.Clock = func() time.Time { return time.Now() }
	}
	return &Service{store: store, policies: o.Policies, clock: o.Clock, shelves: o.Shelves, trail: o.Trail}
}

// Over is the service that decides as this one does and works on another store, which is
// made over this one's.
func (s *Service) Over(store func(Store) Store) *Service {
	return New(store(s.store), Options{Policies: s.policies, Clock: s.clock, Shelves: s.shelves, Trail: s.trail})
}

// Read calls fn with a snapshot, which also has the resources that are read only.
func (s *Service) Read(ctx context.Context, fn func(Reader) error) error {
	now := s.Now()
	return s.store.View(ctx, func(r Reader) error { return fn(catalogue{r, now, s}) })
}

// Preview decides on a change without making it. A Reader cannot write.
func (s *Service) Preview(ctx context.Context, req Request) (p *Plan, err error) {
	at := s.stamp()
	req = prepare(req, at)
	err = s.store.View(ctx, func(r Reader) error {
		p, err = s.plan(ctx, r, req, at)
		return err
	})
	if err == nil {
		p.After = p.view.show(p.After)
	}
	return p, err
}

// Execute makes a change, all of it or nothing. The error is a refusal, an
// *scim.Error, or one of this package's.
func (s *Service) Execute(ctx context.Context, req Request) (*Plan, error) {
	at := s.stamp()
	req = prepare(req, at)
	p, err := s.execute(ctx, req, at)
	if isLast(err) && p != nil && p.Err() == nil {
		// The store's own index or limit refused what the rules had not seen: plan
		// once more, so that the answer is the rule's own.
		p, err = s.execute(ctx, req, at)
	}
	return p, err
}

func (s *Service) execute(ctx context.Context, req Request, at stamp) (p *Plan, err error) {
	var refused error
	err = s.store.Update(ctx, func(tx Tx) (err error) {
		if p, refused, err = s.within(ctx, tx, req, at); err != nil || refused == nil {
			return err
		}
		if p.Instead == nil {
			return refused
		}
		return p.Instead.apply(ctx, tx)
	})
	if err == nil && refused == nil {
		s.committed(p)
	}
	if err == nil {
		err = refused
	}
	return p, err
}

// committed notes what was written with a plan that others need to know.
func (s *Service) committed(p *Plan) {
	if p.naming.Version > 0 {
		s.remember(p.Org, p.Type, p.naming)
	}
}

// within decides on a change in a transaction and writes it, unless it is refused.
func (s *Service) within(ctx context.Context, tx Tx, req Request, at stamp) (p *Plan, refused, err error) {
	if p, err = s.plan(ctx, tx, req, at); err != nil {
		return p, nil, err
	}
	if refused = p.Err(); refused != nil {
		return p, refused, nil
	}
	if err = p.apply(ctx, tx); err != nil {
		return p, nil, err
	}
	err = p.memberships(ctx, tx, req)
	p.After = p.view.show(p.After)
	return p, nil, err
}

// stamp fixes ids and time before a transaction, so that running it again
// gives the same result.
type stamp struct {
	now      time.Time
	resource string
	event    string
}

// Now is the time by the service's clock, as it is kept.
func (s *Service) Now() time.Time { return scim.Now(s.clock) }

func (s *Service) stamp() stamp {
	return stamp{now: s.Now(), resource: newID(), event: newID()}
}

// documentID is an id made from that of an event, so that planning again gives
// the same one. It begins with the event's time, so that documents that are made one
// after another lie side by side in the stores, as resources do; the rest is a hash
// (RFC 9562 section 5.8).
func documentID(event, purpose string) string {
	space, err := uuid.Parse(event)
	if err != nil {
		panic(err) // events have ids of newID
	}
	id := uuid.NewHash(sha256.New(), space, []byte(purpose), 8)
	copy(id[:6], space[:6])
	return id.String()
}

// NewID is an id for a document that the draft writes; the same purpose gives
// the same id.
func (d *Draft) NewID(purpose string) string { return documentID(d.ID, purpose) }

func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err) // the system's random source failed; nothing can go on
	}
	return id.String()
}
