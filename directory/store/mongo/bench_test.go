package mongo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/failure"
	"github.com/usher-scim/usher/directory/store/mongo/internal/journal"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// BenchmarkBare is the least that keeps the same documents with the same write
// concern: a program of the driver's calls alone, on 8 connections. It is the
// measure of this store's speed (docs/bench). USHER_BENCH_MONGODB names the server;
// otherwise one is started.
func BenchmarkBare(b *testing.B) {
	uri := os.Getenv("USHER_BENCH_MONGODB")
	if uri == "" {
		uri = mongotest.URI(b)
	}
	s, err := Open(b.Context(), uri, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	lists, err := s.lists.Read(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	p := &program{B: b, Store: s, org: directory.OrgID("bare-" + uuid.NewString()), kind: s.kinds[mustType("User")], kept: lists.Of[mustType("User")]}
	if err := s.AddOrganization(b.Context(), directory.Organization{ID: p.org}); err != nil {
		b.Fatal(err)
	}
	b.Run("create", func(b *testing.B) { p.run(b, p.create) })
	b.Run("patch", func(b *testing.B) { p.run(b, p.patch) })
	b.Run("get", func(b *testing.B) { p.run(b, p.get) })
	b.Run("filter", func(b *testing.B) { p.run(b, p.filter) })
}

func mustType(name string) *scim.ResourceType {
	rt, ok := schemas.Default.Type(name)
	if !ok {
		panic("no type " + name)
	}
	return rt
}

type program struct {
	*testing.B
	*Store
	org  directory.OrgID
	kind *record.Kind
	kept *record.Kept
	made atomic.Int64
	ids  sync.Map // number to id
}

// run shares the operations among 8 connections.
func (p *program) run(b *testing.B, op func(ctx context.Context, r *rand.Rand) error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for left.Add(-1) >= 0 {
				if err := op(b.Context(), r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// user is a person of the size that the load generator sends.
func (p *program) user(n int64, id string, version scim.Version) record.Resource {
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"ext-%d","userName":"first.last.%d@corp.example.com","name":{"formatted":"First Last","familyName":"Last%d","givenName":"First"},"displayName":"First Last %d","nickName":"fl","title":"Engineer","userType":"Employee","preferredLanguage":"en","locale":"en-US","timezone":"Europe/Paris","active":true,"emails":[{"value":"first.last.%d@corp.example.com","type":"work","primary":true},{"value":"first%d@home.example.net","type":"home"}],"phoneNumbers":[{"value":"+1 555 0100","type":"work"},{"value":"+1 555 0101","type":"mobile"}],"addresses":[{"streetAddress":"1 Main Street","locality":"Springfield","region":"IL","postalCode":"62701","country":"US","type":"work"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%d","costCenter":"4130","organization":"Corp","division":"R&D","department":"Engineering"}}`, n, n, n%5000, n, n, n, n)
	r, _, err := scim.Decode(p.kind.Type, []byte(body), scim.Tolerant)
	if err != nil {
		panic(err)
	}
	r.ID, r.Version, r.Created, r.Modified = id, version, time.Now(), time.Now()
	return p.kept.Document(p.org, r)
}

// write is a transaction with a resource, its event and a slot of the guard.
func (p *program) write(ctx context.Context, r *rand.Rand, id string, resource func(context.Context) error) error {
	for {
		err := p.once(ctx, r, id, resource)
		if !failure.Labelled(err, failure.Transient) {
			return err
		}
	}
}

func (p *program) once(ctx context.Context, r *rand.Rand, id string, resource func(context.Context) error) error {
	sess, err := p.client.StartSession()
	if err != nil {
		return err
	}
	defer sess.EndSession(ctx)
	if err := sess.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot())); err != nil {
		return err
	}
	in := driver.NewSessionContext(ctx, sess)
	event, err := journal.EventOf(directory.Event{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(), Org: p.org, Action: "user.create", Type: "User", Resource: id, After: 1,
		Changed: []string{"externalId", "userName", "name", "displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone", "active", "emails", "phoneNumbers", "addresses"},
		Effects: []directory.Effect{{Code: "seat.taken", Value: "core", Count: 1}}, Actor: directory.Actor{Kind: directory.Client, Connection: "default"}})
	if err == nil {
		err = resource(in)
	}
	if err == nil {
		_, err = p.has.event.InsertOne(in, event)
	}
	if err == nil {
		_, err = p.has.guard.UpdateOne(in, bson.D{{Key: "_id", Value: slotKey(p.org, r.IntN(slots))}, {Key: "o", Value: string(p.org)}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}, {Key: "y." + p.form.Name, Value: 1}, {Key: "c.User", Value: 1}}}})
	}
	if err != nil {
		_ = sess.AbortTransaction(ctx)
		return err
	}
	return sess.CommitTransaction(ctx)
}

func (p *program) create(ctx context.Context, r *rand.Rand) error {
	n := p.made.Add(1)
	id := uuid.Must(uuid.NewV7()).String()
	doc := p.user(n, id, 1)
	err := p.write(ctx, r, id, func(ctx context.Context) error {
		var claims []any
		for _, value := range doc.Unique {
			claims = append(claims, record.Claim{Key: record.Key(p.org, doc.Kind, value), Org: doc.Org, ID: id})
		}
		if _, err := p.has.claim.InsertMany(ctx, claims); err != nil {
			return err
		}
		_, err := p.has.resource.InsertOne(ctx, doc)
		return err
	})
	p.ids.Store(n-1, id)
	return err
}

// any is one of the users that were made.
func (p *program) any(r *rand.Rand) (int64, string) {
	for {
		n := r.Int64N(p.made.Load())
		if id, ok := p.ids.Load(n); ok {
			return n, id.(string)
		}
	}
}

func (p *program) patch(ctx context.Context, r *rand.Rand) error {
	n, id := p.any(r)
	doc := p.user(n+1, id, 2)
	return p.write(ctx, r, id, func(ctx context.Context) error {
		_, err := p.has.resource.ReplaceOne(ctx, bson.D{{Key: "_id", Value: doc.Key}, {Key: "o", Value: string(p.org)}}, doc)
		return err
	})
}

func (p *program) get(ctx context.Context, r *rand.Rand) error {
	_, id := p.any(r)
	var d record.Resource
	return p.has.resource.FindOne(ctx, bson.D{{Key: "_id", Value: record.Key(p.org, id)}, {Key: "o", Value: string(p.org)}}).Decode(&d)
}

func (p *program) filter(ctx context.Context, r *rand.Rand) error {
	n, _ := p.any(r)
	var d record.Resource
	return p.has.resource.FindOne(ctx, bson.D{{Key: "o", Value: string(p.org)}, {Key: "k", Value: "User"}, {Key: "t", Value: "userName" + record.Separator + fmt.Sprintf("first.last.%d@corp.example.com", n+1)}}).Decode(&d)
}
