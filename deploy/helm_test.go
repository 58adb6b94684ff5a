package deploy_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/usher-scim/usher/config"
)

var update = flag.Bool("update", false, "write the goldens of the chart anew")

const (
	fromModule = "build it with: go build -C deploy/internal/tools -o FOLDER/helm helm.sh/helm/v3/cmd/helm, and put FOLDER into PATH"
	chart      = "helm/usher"
	kubernetes = "1.30.0" // the oldest that the chart supports
)

// cases are the files of values, each with a golden beside it.
func cases(t *testing.T) []string {
	t.Helper()
	var names []string
	all, err := filepath.Glob("helm/testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if !strings.HasSuffix(path, ".golden.yaml") {
			names = append(names, strings.TrimSuffix(path, ".yaml"))
		}
	}
	if len(names) < 3 {
		t.Fatalf("only %d cases", len(names))
	}
	return names
}

func TestChartLints(t *testing.T) {
	t.Parallel()
	helm := tool(t, "helm", fromModule)
	for _, name := range cases(t) {
		output(t, helm, "lint", "--strict", "--quiet", chart, "-f", name+".yaml")
	}
}

func TestChartRendersItsGoldens(t *testing.T) {
	t.Parallel()
	helm := tool(t, "helm", fromModule)
	for _, name := range cases(t) {
		got := output(t, helm, "template", "usher", chart, "--namespace", "identity", "--kube-version", kubernetes, "-f", name+".yaml")
		if *update {
			if err := os.WriteFile(name+".golden.yaml", []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(read(t, name+".golden.yaml"), got); diff != "" {
			t.Errorf("%s differs (go test ./deploy -update writes it anew):\n%s", name, diff)
		}
	}
}

// What cannot work is refused before it reaches the cluster.
func TestChartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	helm := tool(t, "helm", fromModule)
	for what, set := range map[string]string{
		"baseURL":                          "baseURL=",
		"/bootstrap/existingSecret":        "bootstrap.existingSecret=",
		"/store/mongodb/existingSecret":    "store.kind=mongodb",
		"/store/kind":                      "store.kind=postgres",
		"networkPolicy.monitoring":         "serviceMonitor.enabled=true",
		"propertyName 'listen'":            "config.listen=:80",
		"propertyName 'uri'":               "config.store.uri=mongodb://u:p@db/usher",
		"additional properties 'replica'":  "replica=3",
		"kubeVersion: >=1.30":              "",
		"additional properties 'password'": "store.mongodb.password=x",
	} {
		args := []string{"template", "usher", chart, "-f", "helm/testdata/sqlite.yaml", "--kube-version", kubernetes, "--set", set}
		if set == "" {
			args = []string{"template", "usher", chart, "-f", "helm/testdata/sqlite.yaml", "--kube-version", "1.29.0"}
		}
		out, err := exec.Command(helm, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), what) {
			t.Errorf("%s: %v\n%s", set, err, out)
		}
	}
}

// workload is what of a Deployment or StatefulSet is checked here; the rest is
// compared with the goldens, and those with Kubernetes' own types in internal/tools.
type workload struct {
	Kind string
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct {
				Grace          int `yaml:"terminationGracePeriodSeconds"`
				InitContainers []container
				Containers     []container
			}
		}
	}
}

type container struct {
	Args      []string
	Env       []struct{ Name, Value string }
	Lifecycle struct {
		PreStop struct{ Sleep struct{ Seconds int } }
	}
}

func golden(t *testing.T, name string) (all []workload) {
	t.Helper()
	for part := range strings.SplitSeq(read(t, name+".golden.yaml"), "\n---\n") {
		var w workload
		if err := yaml.Unmarshal([]byte(part), &w); err != nil {
			if w.Kind == "" {
				t.Fatal(err)
			}
			continue // another kind of object
		}
		all = append(all, w)
	}
	return all
}

// A pod is given more time than it sleeps and drains, and runs what the program
// understands.
func TestPodsAreGivenTimeToStop(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		pods := 0
		for _, w := range golden(t, name) {
			spec := w.Spec.Template.Spec
			for _, c := range append(spec.InitContainers, spec.Containers...) {
				understood(t, name, c.Args)
			}
			for _, c := range spec.Containers {
				pods++
				for _, e := range c.Env {
					if e.Name != "USHER_LIMITS_DRAIN" {
						continue
					}
					drain, err := time.ParseDuration(e.Value)
					sleep := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
					if err != nil || time.Duration(spec.Grace)*time.Second < sleep+drain+5*time.Second {
						t.Errorf("%s: %v: %d s are too few for a sleep of %v and a drain of %v", name, err, spec.Grace, sleep, drain)
					}
				}
			}
		}
		if pods != 1 {
			t.Errorf("%s has %d kinds of pods", name, pods)
		}
	}
}

func TestChartConfigurationLoads(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		found := false
		for _, w := range golden(t, name) {
			if w.Kind != "ConfigMap" {
				continue
			}
			found = true
			path := write(t, filepath.Join(t.TempDir(), "usher.yaml"), w.Data["usher.yaml"])
			if _, err := config.Load(config.Sources{File: path}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !found {
			t.Errorf("%s has no configuration", name)
		}
	}
}
