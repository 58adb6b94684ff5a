package directory_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/scim"
)

// The environment of a test binary that is to be killed: the file, and the seed.
const (
	killFile = "USHER_TEST_KILL_DB"
	killSeed = "USHER_TEST_KILL_SEED"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(killFile); path != "" {
		fmt.Println("error", runForever(path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(chosen.Suite{M: m})
}

// runForever makes random changes on many connections, and says when it has begun
// and what was acknowledged. It returns what went wrong.
func runForever(path string) error {
	ctx := context.Background()
	from, err := strconv.ParseUint(os.Getenv(killSeed), 10, 64)
	if err != nil {
		return err
	}
	m, err := newMill(ctx, path)
	if err != nil {
		return err
	}
	failed, acknowledged := make(chan error), make(chan string, 1024)
	for n := range clients {
		go func() {
			r := rand.New(rand.NewPCG(from, uint64(n)))
			for {
				a, err := m.draw(ctx, r)
				if err != nil {
					failed <- err
					return
				}
				if a.tick == 0 && a.req.Change != nil {
					var p *directory.Plan
					if p, err = m.svc.Execute(ctx, a.req); err == nil {
						m.note(a, p)
						for _, e := range p.Events {
							acknowledged <- e.ID
						}
					} else if isAnswer(err) {
						err = nil
					}
				} else {
					err = m.do(ctx, a)
				}
				if err != nil {
					failed <- fmt.Errorf("%s: %w", a.name, err)
					return
				}
			}
		}()
	}
	fmt.Println("begun")
	for {
		select {
		case err := <-failed:
			return err
		case id := <-acknowledged:
			fmt.Println("ok", id)
		}
		if over := m.store.over.Load(); over != nil {
			return fmt.Errorf("%s", *over)
		}
	}
}

// R5: a kill at any moment leaves a directory in which every invariant holds, and
// all that was acknowledged.
func TestR5InvariantsOutliveKills(t *testing.T) {
	kills := 10
	switch {
	case long:
		kills = 100
	case testing.Short():
		kills = 2
	}
	from := seed(t)
	r := rand.New(rand.NewPCG(from, 0))
	path := ""
	var c *census
	total := 0
	for n := range kills {
		if n%20 == 0 { // a new directory, or checking takes all the time
			path, c = filepath.Join(t.TempDir(), "usher.db"), &census{closed: map[string]scim.Version{}}
		}
		told := killed(t, path, from+uint64(n), time.Duration(20+r.IntN(600))*time.Millisecond)
		total += len(told)
		c.survey(t, path, told)
		if t.Failed() {
			t.Fatalf("after kill %d", n+1)
		}
	}
	if total == 0 {
		t.Fatal("nothing was acknowledged")
	}
	t.Logf("%d acknowledged changes, %d kills", total, kills)
}

// killed runs the random changes and kills them some time after they began. It
// returns the events that were acknowledged.
func killed(t *testing.T, path string, from uint64, after time.Duration) (told []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killFile+"="+path, fmt.Sprintf("%s=%d", killSeed, from))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // killed
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return told // a line that was cut off was not acknowledged
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "begun":
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		case "ok":
			told = append(told, rest)
		default:
			t.Error(line)
		}
	}
}

// survey opens what a kill left and checks all of it.
func (c *census) survey(t *testing.T, path string, told []string) {
	t.Helper()
	m, err := newMill(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.store.Close()
	if err := m.store.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.svc.Read(t.Context(), func(r directory.Reader) error { return c.take(t.Context(), r) }); err != nil {
		t.Error(err)
	}
	seen := c.history(t.Context(), t, m)
	for _, id := range told {
		if !seen[id] {
			t.Errorf("the event %s was acknowledged and is lost", id)
		}
	}
	c.report(t, m)
}
