package mongotest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A server that is named and cannot be reached is a failure, also on a laptop: a suite
// that was pointed somewhere must not look green without having been there.
func TestNamedServerMustBeThere(t *testing.T) {
	if os.Getenv("USHER_TEST_CHILD") != "" {
		URI(t)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestNamedServerMustBeThere$", "-test.v")
	child.Env = append(os.Environ(), "USHER_TEST_CHILD=1", "CI=", Variable+"=mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100")
	out, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL") || strings.Contains(string(out), "--- SKIP") {
		t.Errorf("without the server that is named: %v %s", err, out)
	}
}
