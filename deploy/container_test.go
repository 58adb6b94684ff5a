package deploy_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// builder is docker, or a program with its commands, as USHER_TEST_BUILDER names it.
// It is asked for, not looked for: a build takes minutes, and fetches
// golang:1.26-bookworm if need be.
type builder struct {
	t    *testing.T
	name string
}

func containers(t *testing.T) builder {
	t.Helper()
	name := os.Getenv("USHER_TEST_BUILDER")
	if name == "" {
		t.Skip("SKIPPED, no image was built: set USHER_TEST_BUILDER=docker to build and run one")
	}
	return builder{t, name}
}

func (b builder) do(args ...string) string {
	b.t.Helper()
	return strings.TrimSpace(output(b.t, b.name, args...))
}

// later undoes something, whatever became of it.
func (b builder) later(args ...string) {
	b.t.Cleanup(func() { _ = exec.Command(b.name, args...).Run() })
}

// image builds the committed state, as the header of the Dockerfile says.
func (b builder) image() string {
	b.t.Helper()
	clone, tag := b.t.TempDir(), "usher-test:"+strings.ToLower(rand.Text())
	output(b.t, "git", "clone", "-q", "..", clone)
	cmd := exec.Command(b.name, "build", "-f", "deploy/Dockerfile", "-t", tag, ".")
	cmd.Dir, cmd.Env = clone, append(os.Environ(), "DOCKER_BUILDKIT=1")
	b.later("rmi", tag)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("the image is not built: %v\n%s", err, out)
	}
	return tag
}

// start runs the image as deploy/compose and the chart do, on a volume, and returns
// the container with the addresses of SCIM and of operations once it is ready.
func (b builder) start(image, volume string) (id, scim, ops string) {
	b.t.Helper()
	id = b.do("run", "-d", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"-v", volume+":/var/lib/usher", "-p", "127.0.0.1::8080", "-p", "127.0.0.1::9090", image)
	b.later("rm", "-f", id)
	scim, ops = b.do("port", id, "8080/tcp"), b.do("port", id, "9090/tcp")
	for range 300 {
		if get(b.t, "http://"+ops+"/readyz", "") == http.StatusOK {
			return id, scim, ops
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.t.Fatalf("the container did not become ready:\n%s", b.do("logs", id))
	return "", "", ""
}

// get returns the status of an answer, or 0 when there is none.
func get(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// The image names its revision, is not root, writes nowhere but to its volume, stops
// when it is told to, and a second container goes on where the first one stopped.
func TestImage(t *testing.T) {
	b := containers(t)
	image, volume := b.image(), strings.ToLower(rand.Text())
	version, head := b.do("run", "--rm", image, "version"), strings.TrimSpace(output(t, "git", "rev-parse", "HEAD"))
	if !strings.Contains(version, head) || strings.Contains(version, "+dirty") {
		t.Errorf("the image of %s says that it is %s", head, version)
	}
	if user := b.do("inspect", "-f", "{{.Config.User}}", image); user != "65532:65532" {
		t.Errorf("the image runs as %q", user)
	}
	b.do("volume", "create", volume)
	b.later("volume", "rm", volume)

	first, scim, _ := b.start(image, volume)
	logs, err := exec.Command(b.name, "logs", first).CombinedOutput()
	token := regexp.MustCompile(`(?m)^Provisioning token .*: (\S+)$`).FindSubmatch(logs)
	if err != nil || token == nil {
		t.Fatalf("%v: the first start shows no token", err)
	}
	if got := get(t, "http://"+scim+"/scim/v2/Users", string(token[1])); got != http.StatusOK {
		t.Errorf("the token is answered %d", got)
	}
	if b.do("exec", first, "usher", "token", "list") == "" { // over the control socket in the volume
		t.Error("no token is listed in the container")
	}
	b.do("stop", first)
	if code := b.do("inspect", "-f", "{{.State.ExitCode}}", first); code != "0" {
		t.Errorf("the container ended with %s", code)
	}
	_, scim, _ = b.start(image, volume)
	if got := get(t, "http://"+scim+"/scim/v2/Users", string(token[1])); got != http.StatusOK {
		t.Errorf("after another start the token is answered %d", got)
	}
}
