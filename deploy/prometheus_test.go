package deploy_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// scraping runs Prometheus with its file and its rules, on a server instead of the
// replicas of the composition, and returns its address.
func scraping(t *testing.T, ops string) string {
	t.Helper()
	rules, err := filepath.Abs("prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const replicas = "[usher1:9090, usher2:9090]"
	file := read(t, "prometheus/prometheus.yaml")
	if !strings.Contains(file, replicas) {
		t.Fatalf("the file does not name %s", replicas)
	}
	file = strings.NewReplacer(replicas, "["+ops+"]", "- alerts.yaml", "- "+rules, "15s", "1s").Replace(file)
	dir, address := t.TempDir(), freePort(t)
	cmd := exec.Command(tool(t, "prometheus", fromDebian), "--config.file", write(t, filepath.Join(dir, "prometheus.yaml"), file),
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address, "--log.level=warn")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("Prometheus ended with %v", err)
		}
	})
	return address
}

// prometheus asks for something of the API, which has no answer while it starts.
func prometheus[T any](t *testing.T, address, path string) (answer struct{ Data T }, there bool) {
	t.Helper()
	got, err := http.Get("http://" + address + "/api/v1/" + path)
	if err != nil {
		return answer, false
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return answer, false
	}
	if err := json.NewDecoder(got.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer, true
}

// vector is the answer to a query: a time and a value of each series.
type vector struct{ Result []struct{ Value [2]any } }

// shown reports whether a query gives anything that can be drawn.
func (v vector) shown() bool {
	for _, series := range v.Result {
		if series.Value[1] != "NaN" {
			return true
		}
	}
	return false
}

// ruling is how the rules fare.
type ruling struct {
	Groups []struct {
		Rules []struct{ Name, Health, State, LastError string }
	}
}

// A Prometheus that reads a running server under load has something to show in every
// panel, can work out every rule, and does not say that the server is down.
func TestPanelsShowData(t *testing.T) {
	t.Parallel()
	ops, ask := monitored(t)
	address, missing := scraping(t, ops), panels(t, "10s")
	for began := time.Now(); len(missing) > 0 && time.Since(began) < time.Minute; time.Sleep(200 * time.Millisecond) {
		ask()
		for where, expr := range missing {
			if answer, there := prometheus[vector](t, address, "query?query="+url.QueryEscape(expr)); there && answer.Data.shown() {
				delete(missing, where)
			}
		}
	}
	for where, expr := range missing {
		t.Errorf("%s shows nothing: %s", where, expr)
	}
	fine := func() bool {
		answer, there := prometheus[ruling](t, address, "rules")
		if !there || len(answer.Data.Groups) == 0 {
			return false
		}
		for _, r := range answer.Data.Groups[0].Rules {
			if r.Health != "ok" || slices.Contains([]string{"UsherDown", "UsherReplicaDown"}, r.Name) && r.State != "inactive" {
				t.Logf("%s: %s %s %s", r.Name, r.Health, r.State, r.LastError)
				return false
			}
		}
		return len(answer.Data.Groups[0].Rules) == len(alerts(t))
	}
	for began := time.Now(); !fine(); time.Sleep(200 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("not all rules are worked out, or a server that is ready is down")
		}
	}
}
