package deploy_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

const fromDebian = "the Debian package prometheus has it"

// monitored starts a server that is soon busy. Each call of the function asks it for
// something of every kind, since a metric with labels shows nothing before.
func monitored(t *testing.T) (ops string, ask func()) {
	t.Helper()
	token := strings.Repeat("monitoring-", 4)
	scim, ops := serve(t, "--bootstrap-token-file", write(t, filepath.Join(t.TempDir(), "token"), token), "--set", "limits.concurrency=1", "--set", "limits.queue=1")
	return ops, func() {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { provoke(t, scim, token, rand.Text()) })
			all.Go(func() { provoke(t, scim, token, "ada") }) // refused, but for the first time
		}
		all.Wait()
	}
}

// metrics are those of a running server and their labels.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	ops, ask := monitored(t)
	for range 50 {
		ask()
		if text := fetch(t, ops); strings.Contains(text, "\nusher_shed_total{") && strings.Contains(text, "\nusher_quirks_total{") {
			return families(t, text)
		}
	}
	t.Fatal("no request was turned away, or no quirk was met")
	return nil
}

// provoke creates a user as a client with a quirk does.
func provoke(t *testing.T, scim, token, name string) {
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `","active":"True"}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+scim+"/scim/v2/Users", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	_ = answer.Body.Close()
}

func fetch(t *testing.T, ops string) string {
	t.Helper()
	answer, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// families lists the series by name, with the labels that each has.
func families(t *testing.T, text string) map[string][]string {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{"up": nil}
	for name, f := range all {
		labels := []string{"le", "quantile"}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
		}
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			known[name+suffix] = labels
		}
	}
	return known
}

// panels are the expressions of the dashboard, by where they stand, for rates over an
// interval.
func panels(t *testing.T, interval string) map[string]string {
	t.Helper()
	all := map[string]string{}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/usher.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	macros := strings.NewReplacer("$__rate_interval", interval, "$instance", ".*")
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all["panel "+p.Title+" "+target.RefID] = macros.Replace(target.Expr)
		}
	}
	return all
}

// expressions are those of the dashboard and of the rules, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := panels(t, "5m")
	for _, r := range alerts(t) {
		all["alert "+r.Alert] = r.Expr
	}
	if len(all) < 30 {
		t.Fatalf("only %d expressions", len(all))
	}
	return all
}

type alert struct {
	Alert, Expr string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

var (
	selector = regexp.MustCompile(`\b([a-z][a-z_]*)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"[^"]*"`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// Every metric and every label in the dashboard and the rules is one that a
// running server shows.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	known := metrics(t)
	target := []string{"job", "instance"} // what Prometheus adds
	for where, expr := range expressions(t) {
		found, labels := selector.FindAllStringSubmatch(expr, -1), []string{}
		if len(found) == 0 {
			t.Errorf("%s looks at no metric: %s", where, expr)
		}
		for _, s := range found {
			have, ok := known[s[1]]
			if !ok {
				t.Errorf("%s looks at %s, which the server does not show", where, s[1])
			}
			labels = append(labels, have...)
			for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(have, m[1]) && !slices.Contains(target, m[1]) {
					t.Errorf("%s selects by %s, which %s does not have", where, m[1], s[1])
				}
			}
			if !strings.Contains(s[2], `job="usher"`) {
				t.Errorf("%s would look at the metrics of others: %s", where, s[0])
			}
		}
		for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
			for name := range strings.SplitSeq(g[1], ", ") {
				if !slices.Contains(labels, name) && !slices.Contains(target, name) {
					t.Errorf("%s groups by %s, which there is not", where, name)
				}
			}
		}
	}
}

// Prometheus understands every expression, also those of the dashboard.
func TestExpressionsAreUnderstood(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool", fromDebian)
	rules, i := []map[string]string{}, 0
	for _, expr := range expressions(t) {
		i++
		rules = append(rules, map[string]string{"record": fmt.Sprintf("expression:%d", i), "expr": expr})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "all", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	output(t, promtool, "check", "rules", write(t, filepath.Join(t.TempDir(), "rules.yaml"), string(text)))
}

func TestPrometheusAcceptsItsFiles(t *testing.T) {
	t.Parallel()
	output(t, tool(t, "promtool", fromDebian), "check", "config", "prometheus/prometheus.yaml")
}

func TestAlertsFireWhenTheyMust(t *testing.T) {
	t.Parallel()
	output(t, tool(t, "promtool", fromDebian), "test", "rules", "prometheus/alerts_test.yaml")
}

// Each alert is proven to fire and to keep quiet, and the runbook says what to do.
func TestAlertsAreProvenAndExplained(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Rules []struct {
				Alertname string
				Expected  []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/alerts_test.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, r := range test.Rules {
			fires[r.Alertname] = fires[r.Alertname] || len(r.Expected) > 0
			quiet[r.Alertname] = quiet[r.Alertname] || len(r.Expected) == 0
		}
	}
	runbook := read(t, "../docs/operate/alerts.md")
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !quiet[a.Alert] {
			t.Errorf("%s: fires %v, quiet %v in the tests", a.Alert, fires[a.Alert], quiet[a.Alert])
		}
		if !strings.Contains(runbook, "\n## "+a.Alert+"\n") {
			t.Errorf("%s is not explained in the runbook", a.Alert)
		}
		if want := "docs/operate/alerts.md#" + strings.ToLower(a.Alert); a.Annotations["runbook"] != want {
			t.Errorf("%s leads to %s, not to %s", a.Alert, a.Annotations["runbook"], want)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s has the severity %q", a.Alert, a.Labels["severity"])
		}
	}
}

// Grafana finds the dashboard by its name, and no two panels share a number.
func TestDashboardHasDistinctPanels(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		UID, Title string
		Panels     []struct {
			ID   int
			Grid struct{ X, W int } `json:"gridPos"`
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/usher.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range dashboard.Panels {
		if seen[p.ID] || p.Grid.X+p.Grid.W > 24 {
			t.Errorf("panel %d is doubled or too wide", p.ID)
		}
		seen[p.ID] = true
	}
	if dashboard.UID != "usher" || dashboard.Title != "Usher" {
		t.Errorf("the dashboard is %q, %q", dashboard.UID, dashboard.Title)
	}
}
