package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

const crashEnv = "USHER_TEST_CRASH_DB"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		writeForever(path)
		return
	}
	if path := os.Getenv(buildEnv); path != "" {
		build(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// writeForever creates users on eight connections and prints each name after it
// was acknowledged.
func writeForever(path string) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	_ = s.AddOrganization(ctx, directory.Organization{ID: "a"}) // there already after the first round
	svc := directory.New(s, directory.Options{})
	rt, _ := schemas.Default.Type("User")
	var out sync.Mutex
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("u%d-%d-%d", os.Getpid(), w, i)
				r, _, err := scim.Decode(rt, []byte(`{"userName":"`+name+`","externalId":"`+name+`"}`), scim.Tolerant)
				if err == nil {
					_, err = svc.Execute(ctx, directory.Request{Org: "a", Change: directory.Create{Resource: r}})
				}
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println("ok", name)
				out.Unlock()
			}
		})
	}
	all.Wait()
}

// R5: whatever was acknowledged before kill -9 is there afterwards, findable by
// every index, and the file is sound.
func TestR5KillLosesNothingAcknowledged(t *testing.T) {
	rounds := 12
	switch {
	case long:
		rounds = 1000
	case testing.Short():
		rounds = 3
	}
	path, acknowledged, total := "", map[string]bool{}, 0
	for i := range rounds {
		if i%20 == 0 { // a new store, or checking takes all the time
			total += len(acknowledged)
			path = filepath.Join(t.TempDir(), "usher.db")
			clear(acknowledged)
		}
		for _, name := range killedAfter(t, path, time.Duration(20+rand.IntN(400))*time.Millisecond) {
			acknowledged[name] = true
		}
		if rand.IntN(3) == 0 {
			tearLog(t, path)
		}
		checkAll(t, path, acknowledged)
	}
	if total += len(acknowledged); total == 0 {
		t.Fatal("nothing was written")
	}
	t.Logf("%d acknowledged changes survived %d kills", total, rounds)
}

func killedAfter(t *testing.T, path string, d time.Duration) (names []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(d+100*time.Millisecond, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF || err != nil {
			break // a line that was cut off was not acknowledged
		}
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "ok "); ok {
			names = append(names, name)
		} else {
			t.Error(line)
		}
	}
	_ = cmd.Wait() // killed
	return names
}

// tearLog appends half a frame of rubbish to the log, as a power cut may.
func tearLog(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path+"-wal", os.O_APPEND|os.O_WRONLY, 0)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	junk := make([]byte, rand.IntN(8000))
	for i := range junk {
		junk[i] = byte(rand.Uint32())
	}
	if _, err := f.Write(junk); err != nil {
		t.Fatal(err)
	}
}

func checkAll(t *testing.T, path string, names map[string]bool) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	rt, _ := schemas.Default.Type("User")
	userName, _ := rt.Resolve("userName")
	err = s.View(t.Context(), func(r directory.Reader) error {
		for name := range names {
			if _, err := r.Owner(t.Context(), directory.UniqueKey{Org: "a", Type: rt, Attr: userName, Key: name}); err != nil {
				t.Errorf("%s was acknowledged and is lost: %v", name, err)
			}
		}
		p, err := r.Find(t.Context(), directory.Query{Org: "a", Type: rt})
		if err == nil && p.Total < len(names) {
			t.Errorf("the total is %d, with %d acknowledged", p.Total, len(names))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
