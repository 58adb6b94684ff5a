package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/config"
)

var fileProblems = []struct {
	name string
	in   string
	want []string
}{
	{"near miss", "limits:\n  bodybytes: 1MiB\n", []string{
		"usher.yaml:2: limits.bodybytes is not a known key; did you mean limits.body_bytes?",
	}},
	{"forgotten section", "max_page-size: 10\n", []string{
		"usher.yaml:1: max_page-size is not a known key; did you mean limits.max_page_size?",
	}},
	{"misspelt section", "\nlimit:\n  queue: 1\n", []string{
		"usher.yaml:2: limit is not a known key; did you mean limits?",
	}},
	{"secret in place of its file", "bootstrap_token: " + canary, []string{
		"usher.yaml:1: bootstrap_token is not a known key; did you mean bootstrap_token_file?",
	}},
	{"says more", "data_dir: x\nlimits: {queue_length: 1}\n", []string{
		"usher.yaml:1: data_dir is not a known key; did you mean data?",
		"usher.yaml:2: limits.queue_length is not a known key; did you mean limits.queue?",
	}},
	{"far miss", "colour: blue\n\"a\\nb\": 1\n", []string{
		"usher.yaml:1: colour is not a known key; remove it, or check it against the list of keys.",
		`usher.yaml:2: "a\nb" is not a known key; remove it, or check it against the list of keys.`,
	}},
	{"issuer key", "issuers:\n- {issuer: 'https://a.example', audience: [a], organisation: x, connection: c}\n", []string{
		"usher.yaml:2: issuers[0].organisation is not a known key; did you mean issuers[0].organization?",
		"usher.yaml:2: issuers[0].organization is empty; name the organization that the token acts in.",
	}},
	{"twice", "data: a\nlisten: 127.0.0.1:1\ndata: b\n", []string{
		"usher.yaml:3: data is set twice, first on line 1; keep one.",
	}},
	{"no value", "listen:\nlimits: {queue: ~}\n", []string{
		"usher.yaml:1: listen has no value; write one, or remove the line.",
		"usher.yaml:2: limits.queue has no value; write one, or remove the line.",
	}},
	{"kinds", "limits: {queue: many, body_bytes: 1MB, drain: 30}\nlog: {level: warning, format: xml}\n", []string{
		"usher.yaml:1: limits.queue is not a whole number; write digits only, such as 100.",
		"usher.yaml:1: limits.body_bytes is not a size; write a number of bytes, or a whole number of KiB, MiB or GiB such as 4MiB.",
		"usher.yaml:1: limits.drain is not a duration; write a number with its unit, such as 500ms, 30s or 1h30m.",
		"usher.yaml:2: log.level must be debug, info, warn or error; did you mean warn?",
		"usher.yaml:2: log.format must be json or text; write one of them.",
	}},
	{"choice, nearly", "log: {level: Warn}\n", []string{
		"usher.yaml:1: log.level must be debug, info, warn or error; did you mean warn?",
	}},
	{"shapes", "listen: [a]\ntls: x\nschemas: {a: b}\nissuers: x\ndata: \"a\\nb\"\n", []string{
		"usher.yaml:1: listen is a list or a section; write a single value.",
		"usher.yaml:2: tls is a section; write its keys below it, indented.",
		"usher.yaml:3: schemas is a section; write a list such as [a, b].",
		"usher.yaml:4: issuers is not a list; begin each issuer with a dash.",
		"usher.yaml:5: data contains a control character; write one plain line.",
	}},
	{"issuer shapes", "issuers:\n- x\n- issuer: https://a.example\n  audience: [a]\n  organization: o\n  connection: c\n  claims: [x]\n  allow_private: yes\n", []string{
		"usher.yaml:2: issuers[0] is not an issuer; write keys such as issuer and audience.",
		"usher.yaml:7: issuers[1].claims is not a set of claims; write them such as {tid: value}.",
		"usher.yaml:8: issuers[1].allow_private is not true or false; write one of the two.",
	}},
	{"YAML tricks", "data: &a x\nlisten: *a\nbase_url: !!str x\n<<: {data: y}\n[a]: b\n", []string{
		"usher.yaml:1: data uses a YAML alias, anchor or tag; write the plain value.",
		"usher.yaml:2: listen uses a YAML alias, anchor or tag; write the plain value.",
		"usher.yaml:3: base_url uses a YAML alias, anchor or tag; write the plain value.",
		"usher.yaml:4: A key here is not plain text; write a name, and repeat values rather than merging them.",
		"usher.yaml:5: A key here is not plain text; write a name, and repeat values rather than merging them.",
	}},
	{"not YAML", "data: x\nlisten: [" + canary + "\n", []string{
		"usher.yaml:1: The file is not valid YAML near this line; correct the indentation, quotes or brackets.",
	}},
	{"unknown alias", "bootstrap_token_file: *" + canary + "\n", []string{
		"usher.yaml: The file is not valid YAML; correct the indentation, quotes or brackets.",
	}},
	{"two documents", "data: x\n---\ndata: y\n", []string{
		"usher.yaml: The file has more after the end of its first YAML document; keep a single document.",
	}},
	{"not a mapping", "- a\n", []string{
		"usher.yaml:1: The file does not consist of keys and values; write lines such as listen: 127.0.0.1:8080.",
	}},
}

// TestFileProblems holds the wording of everything a file can get wrong.
func TestFileProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range fileProblems {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder, path := setup(t, tt.in)
			_, err := config.Load(config.Sources{File: path})
			if diff := cmp.Diff(tt.want, problems(t, folder, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var namedFileProblems = []struct {
	name string
	in   string
	want []string
}{
	{"secret absent", "bootstrap_token_file: " + canary, []string{
		"usher.yaml:1: bootstrap_token_file names a path that does not exist; correct the path, or create it.",
	}},
	{"secret too short", "bootstrap_token_file: short", []string{
		"usher.yaml:1: bootstrap_token_file holds a token that is too short; use at least 32 random bytes, such as openssl rand -hex 32 prints.",
	}},
	{"secret empty", "bootstrap_token_file: empty", []string{
		"usher.yaml:1: bootstrap_token_file names an empty file; put the secret in it, or remove the key.",
	}},
	{"secret of two lines", "bootstrap_token_file: spaced", []string{
		"usher.yaml:1: bootstrap_token_file holds a space, a line break or a letter outside ASCII, which no Authorization header can carry; write the token alone on one line.",
	}},
	{"documents", "schemas: [a.json, c.json, '*.xml', '[', '']\nresource_types:\n- .\n- d*\n", []string{
		"usher.yaml:1: schemas[1] names a path that does not exist; correct the path, or create it.",
		"usher.yaml:1: schemas[2] matches no file; correct the pattern, or remove it.",
		"usher.yaml:1: schemas[3] is not a valid pattern; close every bracket.",
		"usher.yaml:1: schemas[4] is empty; write the path of a file, or remove it.",
		"usher.yaml:3: resource_types[0] names a path that is a folder; name a file.",
		`usher.yaml:4: resource_types[1] matches "dir", which is a folder; name a file.`,
	}},
	{"TLS pair", "tls:\n  cert_file: cert.pem\n  key_file: token\n", []string{
		"usher.yaml:2: tls.cert_file and tls.key_file are not a certificate and its private key in PEM form; check that they belong together and are not swapped.",
	}},
	{"TLS absent", "tls:\n  cert_file: c\n  key_file: k\n", []string{
		"usher.yaml:2: tls.cert_file names a path that does not exist; correct the path, or create it.",
		"usher.yaml:3: tls.key_file names a path that does not exist; correct the path, or create it.",
	}},
}

// TestNamedFileProblems is about the files that keys refer to.
func TestNamedFileProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range namedFileProblems {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder, path := setup(t, tt.in)
			certificate(t, folder)
			if err := os.Mkdir(filepath.Join(folder, "dir"), 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(config.Sources{File: path})
			if diff := cmp.Diff(tt.want, problems(t, folder, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFileItself(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	big := write(t, folder, "big.yaml", "# "+strings.Repeat("x", 1<<20))
	for path, want := range map[string]string{
		filepath.Join(folder, "none.yaml"): "none.yaml: The configuration file does not exist; correct the path, or create it.",
		folder:                             folder + ": The configuration file is a folder; name a file.",
		big:                                "big.yaml: The configuration file is larger than 1MiB; name the right file.",
		os.DevNull:                         os.DevNull + ": The configuration file is a pipe or a device; name a regular file.",
	} {
		_, err := config.Load(config.Sources{File: path})
		if diff := cmp.Diff([]string{want}, problems(t, folder, err)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAllAtOnce mixes all sources and all stages of checking.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	folder, path := setup(t, "lissten: x\nlimits: {queue: many}\nbootstrap_token_file: short\nbase_url: ftp://x\n")
	_, err := config.Load(config.Sources{
		File: path,
		Env:  []string{"USHER_LOG_LEVEL=loud", "USHER_LIMIT_QUEUE=1", "USHER_PORT=80", "USHER_ISSUERS={", "USHER_CURSOR_LIFETIME=1ms"},
		Flags: map[string]string{
			"limits.page_size": "300", "limits.pagesize": "1", "store.readers": "-1", "nothing": "", "listen": "8080",
		},
	})
	want := []string{
		"usher.yaml:1: lissten is not a known key; did you mean listen?",
		"usher.yaml:2: limits.queue is not a whole number; write digits only, such as 100.",
		"USHER_ISSUERS: issuers is not a YAML list; write one such as [{issuer: https://login.example.com, ...}].",
		"USHER_LIMIT_QUEUE: USHER_LIMIT_QUEUE is not a variable of ours; did you mean USHER_LIMITS_QUEUE?",
		"USHER_LOG_LEVEL: log.level must be debug, info, warn or error; write one of them.",
		"USHER_PORT: USHER_PORT is not a variable of ours; unset it, or check the name against the list of keys.",
		"--limits.pagesize: limits.pagesize is not a known key; did you mean limits.page_size?",
		"--nothing: nothing is not a known key; leave it out, or check it against the list of keys.",
		"--store.readers: store.readers is out of range; choose from 0 to 1024.",
		"USHER_CURSOR_LIFETIME: cursor.lifetime is out of range; choose from 1s to 168h.",
		"--listen: listen is not an address with a port; write one such as 127.0.0.1:8080, or :8080 for every address.",
		"usher.yaml:4: base_url is not an absolute URL; write one such as https://scim.example.com.",
		"usher.yaml:3: bootstrap_token_file holds a token that is too short; use at least 32 random bytes, such as openssl rand -hex 32 prints.",
		"--limits.page_size: limits.page_size is larger than limits.max_page_size, but the default page must be an allowed one; lower it or raise limits.max_page_size.",
	}
	got := problems(t, folder, err)
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Error(diff)
	}
	if lines := strings.Split(err.Error(), "\n"); lines[0] != "the configuration has 14 problems:" || len(lines) != 15 {
		t.Errorf("error text:\n%v", err)
	}
	sentence := regexp.MustCompile(`^[A-Za-z][^\n]+; [^\n]+[.?]$`)
	for _, p := range got {
		if _, message, _ := strings.Cut(p, ": "); !sentence.MatchString(message) {
			t.Errorf("not a sentence that says what to do: %q", message)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("has no file modes")
	}
	folder, path := setup(t, `
listen: 0.0.0.0:8080
bootstrap_token_file: token
issuers: [{issuer: "https://a.example", audience: [a], organization: o, connection: c}]
`)
	if err := os.Chmod(filepath.Join(folder, "token"), 0o640); err != nil {
		t.Fatal(err)
	}
	got := texts(folder, load(t, config.Sources{File: path}).Warnings())
	want := []string{
		"usher.yaml:3: bootstrap_token_file names a file that other accounts may read (mode 0640); restrict it with chmod 600.",
		"usher.yaml:2: listen takes plain HTTP from other machines, and tokens travel in it; set tls, or end TLS in front and set base_url to its https URL.",
		"default: base_url is empty while listen takes every address, so meta.location says localhost; set it to the public URL.",
		"usher.yaml:4: issuers[0] accepts every token of its issuer and audience; narrow it with subjects or claims.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A secret that an orchestrator mounts, or that systemd hands over, is another
// account's and open to the group: nothing can be done about that, and nothing need be.
func TestMountedSecretsAreNotWarnedOf(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, nothing was checked: only root can give files away")
	}
	folder, path := setup(t, "bootstrap_token_file: token\n")
	token := filepath.Join(folder, "token")
	for mode, warned := range map[os.FileMode]bool{0o440: false, 0o444: true} {
		if err := errors.Join(os.Chmod(token, mode), os.Chown(token, 65532, 65532)); err != nil {
			t.Fatal(err)
		}
		if got := load(t, config.Sources{File: path}).Warnings(); (len(got) > 0) != warned {
			t.Errorf("%04o: %v", mode, got)
		}
	}
}

func TestTLSWithoutWarnings(t *testing.T) {
	t.Parallel()
	folder, path := setup(t, "tls: {cert_file: cert.pem, key_file: key.pem}\nlisten: 10.0.0.1:8443\nbootstrap_token_file: token\n")
	certificate(t, folder)
	got := load(t, config.Sources{File: path})
	if !got.TLS.Enabled() || len(got.Warnings()) != 0 {
		t.Errorf("TLS %v, warnings %v", got.TLS, got.Warnings())
	}
}
