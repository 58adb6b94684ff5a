// Package tools_test compares what is deployed with the types of those who read
// it. It is a module of its own, so that Kubernetes is not among what the program
// is built from.
package tools_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	appsv1 "k8s.io/api/apps/v1"
)

// objects decodes a golden strictly: an unknown or doubled field is an error.
func objects(t *testing.T, path string) (all []runtime.Object) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, monitoring.AddToScheme} {
		if err := add(kinds); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(kinds, serializer.EnableStrict).UniversalDeserializer()
	for _, part := range bytes.Split(data, []byte("\n---\n")) {
		object, _, err := decoder.Decode(part, nil, nil)
		if err != nil {
			t.Errorf("%s: %v\n%s", path, err, part)
			continue
		}
		all = append(all, object)
	}
	return all
}

func goldens(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../../helm/testdata/*.golden.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("%v: only %d goldens", err, len(paths))
	}
	return paths
}

func TestManifestsAreWhatKubernetesReads(t *testing.T) {
	kinds := map[string]bool{}
	for _, path := range goldens(t) {
		for _, object := range objects(t, path) {
			kinds[object.GetObjectKind().GroupVersionKind().Kind] = true
		}
	}
	for _, want := range []string{"Deployment", "StatefulSet", "Service", "Ingress", "NetworkPolicy", "PodDisruptionBudget",
		"HorizontalPodAutoscaler", "ServiceAccount", "ConfigMap", "ServiceMonitor"} {
		if !kinds[want] {
			t.Errorf("no golden has a %s", want)
		}
	}
}

// The pods keep to the restricted profile of the Pod Security Standards, and to a
// root file system that is only read.
func TestPodsAreRestricted(t *testing.T) {
	pods := 0
	for _, path := range goldens(t) {
		for _, object := range objects(t, path) {
			var spec corev1.PodSpec
			switch o := object.(type) {
			case *appsv1.Deployment:
				spec = o.Spec.Template.Spec
			case *appsv1.StatefulSet:
				spec = o.Spec.Template.Spec
			default:
				continue
			}
			pods++
			if on := spec.AutomountServiceAccountToken; on == nil || *on {
				t.Errorf("%s: the pod is given a token of Kubernetes", path)
			}
			p := spec.SecurityContext
			if p.RunAsUser == nil || *p.RunAsUser == 0 || p.SeccompProfile == nil || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: the pod runs as %v with %v", path, p.RunAsUser, p.SeccompProfile)
			}
			for _, c := range append(spec.InitContainers, spec.Containers...) {
				restricted(t, path, c)
			}
			for _, v := range spec.Volumes {
				if v.HostPath != nil {
					t.Errorf("%s: the volume %s is of the node", path, v.Name)
				}
			}
		}
	}
	if pods < 3 {
		t.Errorf("only %d pods were looked at", pods)
	}
}

func restricted(t *testing.T, path string, c corev1.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || len(s.Capabilities.Add) > 0 {
		t.Errorf("%s: %s may too much: %v", path, c.Name, s)
	}
	for _, e := range c.Env {
		if strings.Contains(e.Value, "mongodb://") || strings.Contains(strings.ToLower(e.Name), "password") {
			t.Errorf("%s: %s has a secret in %s", path, c.Name, e.Name)
		}
	}
	for _, m := range c.VolumeMounts {
		if !m.ReadOnly && m.MountPath != "/var/lib/usher" && m.MountPath != "/tmp" && m.Name != "schemas" {
			t.Errorf("%s: %s may write to %s", path, c.Name, m.MountPath)
		}
	}
}

// The Dockerfile is understood, and ends in an image with nothing but the program
// and a user who is not root.
func TestImageIsFromScratchAndNotRoot(t *testing.T) {
	f, err := os.Open("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tree, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tree.Warnings {
		t.Error(w.Short)
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := stages[len(stages)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is from %s", last.BaseName)
	}
	user := ""
	for _, command := range last.Commands {
		if u, ok := command.(*instructions.UserCommand); ok {
			user = u.User
		}
		if _, ok := command.(*instructions.RunCommand); ok {
			t.Error("scratch has nothing that could run a command")
		}
	}
	if user != "65532:65532" {
		t.Errorf("the image runs as %q", user)
	}
}
