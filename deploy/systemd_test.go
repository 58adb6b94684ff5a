package deploy_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const systemd = "it comes with systemd"

// systemd accepts every line of the unit, with the program where it looks for it.
func TestUnitIsAccepted(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze", systemd)
	unit := strings.ReplaceAll(read(t, "systemd/usher.service"), "/usr/local/bin/usher", program(t))
	path := write(t, filepath.Join(t.TempDir(), "usher.service"), unit)
	if out := output(t, analyze, "verify", "--man=no", "--generators=no", path); strings.Contains(out, "usher.service") {
		t.Errorf("systemd complains:\n%s", out)
	}
}

// systemd's own measure of what a service could do, from 0 to 100.
func TestUnitIsHardened(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze", systemd)
	output(t, analyze, "security", "--no-pager", "--offline=true", "--threshold=15", "systemd/usher.service")
}

func TestUnitRunsACommandOfTheProgram(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/usher (.*)$`).FindStringSubmatch(read(t, "systemd/usher.service"))
	if found == nil {
		t.Fatal("the unit does not start usher")
	}
	understood(t, "usher.service", strings.Fields(found[1]))
}
