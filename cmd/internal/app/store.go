package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-scim/usher/config"
	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/scim/schemas"
)

// Store is what the program needs of a store.
type Store interface {
	directory.Store
	directory.Registry
	directory.Settings
	directory.Trail
	outbox.Queue
	// Check looks for damage.
	Check(ctx context.Context) error
	// Backup writes a copy to a file, if the store is a file.
	Backup(ctx context.Context, path string) error
	// Hold takes or prolongs a duty that one process has at a time; it reports
	// false while another has it.
	Hold(ctx context.Context, duty string, ttl time.Duration) (bool, error)
}

// Exists fails when the embedded store that the configuration names is not there.
func Exists(cfg config.Config) error {
	if cfg.Store.Shared() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, "usher.db")); err != nil {
		return fmt.Errorf("there is no usher.db in %s; name the folder with --data", cfg.Data)
	}
	return nil
}

// sharedAge is how long credentials are remembered where another replica may end
// them: a revocation must be effective everywhere within a second.
const sharedAge = 500 * time.Millisecond

// OpenStore opens the store that the configuration names: MongoDB, or the embedded
// one in the data folder. The folder is made in either case, for the control socket.
func OpenStore(ctx context.Context, cfg config.Config, types *schemas.Registry, reg prometheus.Registerer) (Store, error) {
	return openStore(ctx, cfg, types, reg, false, nil)
}

// Migrate brings the data up to this program's version and tells of what takes its
// time. Thorough looks for damage as well.
func Migrate(ctx context.Context, cfg config.Config, thorough bool, tell func(doing string)) error {
	types, err := Types(cfg)
	if err != nil {
		return err
	}
	s, err := openStore(ctx, cfg, types, nil, true, tell)
	if err != nil {
		return err
	}
	if thorough {
		tell("looking for damage")
		err = s.Check(ctx)
	}
	return errors.Join(err, s.Close())
}

// openStore opens the store; it brings the data up to date if that is wanted, or if
// it is this process's own, and tells of what takes its time.
func openStore(ctx context.Context, cfg config.Config, types *schemas.Registry, reg prometheus.Registerer, migrate bool, tell func(doing string)) (Store, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	changes := prometheus.HistogramOpts{Name: "usher_store_commit_changes", Help: "Changes that shared a commit.", Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}}
	if cfg.Store.Shared() {
		changes.Name, changes.Help = "usher_store_commit_tries", "How often a change was tried before its commit."
	}
	batch := prometheus.NewHistogram(changes)
	commit := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "usher_store_commit_duration_seconds", Help: "Time from the first change of a commit until it was durable.", Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5}})
	plans := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "usher_store_queries_total", Help: "Queries by how they were answered."}, []string{"plan"})
	if reg != nil {
		reg.MustRegister(batch, commit, plans)
	}
	onCommit := func(n int, took time.Duration) {
		batch.Observe(float64(n))
		commit.Observe(took.Seconds())
	}
	onFind := func(plan string) { plans.WithLabelValues(plan).Inc() }
	if cfg.Store.Shared() {
		s, err := mongo.Open(ctx, cfg.Store.Address(), mongo.Options{Registry: types, OnCommit: onCommit, OnFind: onFind, OnBuild: tell, Migrate: migrate})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := sqlite.Open(ctx, filepath.Join(cfg.Data, "usher.db"), sqlite.Options{Registry: types, Readers: cfg.Store.Readers, OnCommit: onCommit, OnFind: onFind, OnBuild: tell})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// SchemaVersion is the number of the layout that the data of a configuration has
// with this program.
func SchemaVersion(cfg config.Config) int {
	if cfg.Store.Shared() {
		return mongo.SchemaVersion()
	}
	return sqlite.SchemaVersion()
}
