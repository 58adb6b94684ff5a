package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/usher-scim/usher/config"
)

// composition is what of a compose file is checked here.
type composition struct {
	Services map[string]service
	Configs  map[string]struct{ File string }
	Secrets  map[string]struct{ File string }
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       struct{ Context, Dockerfile string }
	Command     []string
	Environment map[string]string
	Configs     []struct{ Source, Target string }
	Secrets     []string
	Volumes     []string
	Networks    []string
	Ports       []string
	ReadOnly    bool           `yaml:"read_only"`
	DependsOn   map[string]any `yaml:"depends_on"`
	StopGrace   string         `yaml:"stop_grace_period"`
}

func compose(t *testing.T) composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal([]byte(read(t, "compose/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) < 10 {
		t.Fatalf("only %d services", len(c.Services))
	}
	return c
}

// Every name in the file leads somewhere, and every file is there.
func TestComposeReferencesExist(t *testing.T) {
	t.Parallel()
	c := compose(t)
	there := func(what, path string) {
		if _, err := os.Stat(filepath.Join("compose", path)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for name, f := range c.Configs {
		there(name, f.File)
	}
	made := read(t, "compose/secrets")
	for name, f := range c.Secrets {
		if f.File != "secrets.local/"+name || !strings.Contains(made, name) {
			t.Errorf("the secret %s is not made by compose/secrets", name)
		}
	}
	for name, s := range c.Services {
		if s.Build.Context != "" {
			there(name, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		}
		for _, used := range s.Configs {
			if _, ok := c.Configs[used.Source]; !ok {
				t.Errorf("%s uses the config %s, which there is not", name, used.Source)
			}
		}
		for _, used := range s.Secrets {
			if _, ok := c.Secrets[used]; !ok {
				t.Errorf("%s uses the secret %s, which there is not", name, used)
			}
		}
		for _, used := range s.Networks {
			if _, ok := c.Networks[used]; !ok {
				t.Errorf("%s is in the network %s, which there is not", name, used)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(from, ".") {
				there(name, from)
			} else if _, ok := c.Volumes[from]; !ok {
				t.Errorf("%s mounts the volume %s, which there is not", name, from)
			}
		}
		for used := range s.DependsOn {
			if _, ok := c.Services[used]; !ok {
				t.Errorf("%s waits for %s, which there is not", name, used)
			}
		}
	}
}

func TestComposeSettingsAreUnderstood(t *testing.T) {
	t.Parallel()
	known := settings()
	for name, s := range compose(t).Services {
		if s.Image != "usher:local" {
			continue
		}
		understood(t, name, s.Command)
		for variable, value := range s.Environment {
			if _, ok := known[variable]; !ok {
				t.Errorf("%s sets %s, which the program does not know", name, variable)
			}
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok && !slices.Contains(s.Secrets, secret) {
				t.Errorf("%s reads %s, which it is not given", name, value)
			}
		}
		if !s.ReadOnly {
			t.Errorf("%s may write to its image", name)
		}
	}
	if _, err := config.Load(config.Sources{File: "compose/usher.yaml"}); err != nil {
		t.Errorf("usher.yaml: %v", err)
	}
}

// MongoDB asks for no password here, so nobody else may reach it; and what is
// published is for this machine.
func TestComposeIsClosedToOthers(t *testing.T) {
	t.Parallel()
	c := compose(t)
	if !c.Networks["data"].Internal {
		t.Error("the network of MongoDB is open")
	}
	for name, s := range c.Services {
		if strings.HasPrefix(s.Image, "mongo:") && !slices.Equal(s.Networks, []string{"data"}) {
			t.Errorf("%s is in the networks %v", name, s.Networks)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s to everybody", name, port)
			}
		}
	}
}

// keycloak is what of a realm is checked here.
type keycloak struct {
	Realm   string
	Clients []struct {
		ClientID  string
		FullScope *bool                                `json:"fullScopeAllowed"`
		Mappers   []struct{ Config map[string]string } `json:"protocolMappers"`
	}
}

func issuer(t *testing.T) (realm keycloak) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "compose/keycloak/realm.json")), &realm); err != nil {
		t.Fatal(err)
	}
	return realm
}

// The proxy asks each replica for its readiness where the replica answers it, and
// the issuer of the realm is the one that Usher trusts.
func TestComposePartsAgree(t *testing.T) {
	t.Parallel()
	c, proxy := compose(t), read(t, "compose/haproxy/haproxy.cfg")
	for name, s := range c.Services {
		if s.Image == "usher:local" && len(s.Command) > 0 && s.Command[0] == "serve" &&
			!regexp.MustCompile(`(?m)^    server `+name+` `+name+`:8080$`).MatchString(proxy) {
			t.Errorf("the proxy does not know %s", name)
		}
	}
	for _, want := range []string{"option httpchk GET /readyz", "check port 9090"} {
		if !strings.Contains(proxy, want) {
			t.Errorf("the proxy does not say %q", want)
		}
	}
	realm := issuer(t)
	cfg, err := config.Load(config.Sources{File: "compose/usher.yaml"})
	if err != nil || len(cfg.Issuers) != 1 || len(realm.Clients) != 1 {
		t.Fatalf("%v: %d issuers, %d clients", err, len(cfg.Issuers), len(realm.Clients))
	}
	// Otherwise the roles that Keycloak gives to everybody put "account" into aud, and
	// a token that is also for somebody else is refused (K19).
	if full := realm.Clients[0].FullScope; full == nil || *full {
		t.Error("the tokens of the realm are also for Keycloak's own account client")
	}
	trusted, given := cfg.Issuers[0], map[string]bool{}
	for _, m := range realm.Clients[0].Mappers {
		given[m.Config["included.custom.audience"]], given[m.Config["claim.name"]] = true, true
	}
	if want := c.Services["issuer"].Environment["KC_HOSTNAME"] + "/realms/" + realm.Realm; trusted.Issuer != want {
		t.Errorf("Usher trusts %s, the issuer is %s", trusted.Issuer, want)
	}
	if trusted.Claims["azp"] != realm.Clients[0].ClientID || !given[trusted.Audience[0]] || !given[trusted.ScopeClaim] {
		t.Errorf("Usher wants %+v, the realm gives %v to %s", trusted, given, realm.Clients[0].ClientID)
	}
}

// HAProxy accepts its file. The names of the replicas resolve only beside them.
func TestProxyAcceptsItsFile(t *testing.T) {
	t.Parallel()
	output(t, tool(t, "haproxy", "the Debian package haproxy has it"), "-c", "-f", "compose/haproxy/haproxy.cfg")
}
