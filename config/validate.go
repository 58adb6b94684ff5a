package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Validate reports everything that is wrong, as Problems. Load has done it.
func (c Config) Validate() error {
	return c.check(nil).err()
}

// validator collects problems. Keys that could not be read are left out, and a
// rule about two keys needs both to be good: a bad value means nothing.
type validator struct {
	cfg    *Config
	unread map[string]bool
	bad    map[string]bool
	out    Problems
}

// check validates a Config of which some keys could not be read.
func (c *Config) check(unread Problems) Problems {
	v := validator{cfg: c, unread: map[string]bool{}, bad: map[string]bool{}}
	for _, p := range unread {
		v.unread[p.Key], v.bad[p.Key] = true, true
	}
	return v.run()
}

// add reports a key, unless it or the list it is part of could not be read.
func (v *validator) add(key, complaint string) {
	for part := key; ; {
		if v.unread[part] {
			return
		}
		i := strings.LastIndexAny(part, ".[")
		if i < 0 {
			break
		}
		part = part[:i]
	}
	v.bad[key] = true
	v.out = append(v.out, newProblem(key, v.cfg.source(key), complaint))
}

func (v *validator) run() Problems {
	v.ranges()
	v.addresses()
	v.baseURL()
	v.tls()
	v.token()
	v.store()
	v.order()
	v.issuers()
	return v.out
}

// ranges checks what the table says about single keys.
func (v *validator) ranges() {
	for _, f := range fields {
		place := f.at(v.cfg)
		if n, ok := number(place); ok && (n < f.lo || n > f.hi) {
			v.add(f.key, fmt.Sprintf("is out of range; choose from %s to %s",
				formatNumber(place, f.lo), formatNumber(place, f.hi)))
		}
		if f.oneOf != nil && !slices.Contains(f.oneOf, getText(place)) {
			v.add(f.key, "is not known; write "+enumerate(f.oneOf, "or"))
		}
	}
	if v.cfg.Data == "" {
		v.add("data", "is empty; name the folder of the database")
	}
}

func (v *validator) addresses() {
	for _, a := range []struct{ key, value string }{{"listen", v.cfg.Listen}, {"ops_listen", v.cfg.OpsListen}} {
		if complaint := checkAddress(a.value); complaint != "" {
			v.add(a.key, complaint)
		}
	}
	if dns := v.cfg.DNSServer; dns != "" {
		if host, port, err := net.SplitHostPort(dns); err != nil || host == "" || checkAddress(dns) != "" || port == "0" {
			v.add("dns_server", "is not an address with a port; write one such as 192.0.2.53:53")
		}
	}
	if v.bad["listen"] || v.bad["ops_listen"] {
		return
	}
	host, port, _ := net.SplitHostPort(v.cfg.Listen)
	opsHost, opsPort, _ := net.SplitHostPort(v.cfg.OpsListen)
	shared := host == opsHost || wildcard(host) || wildcard(opsHost)
	if port == opsPort && port != "0" && shared {
		v.add(v.blame("ops_listen", "listen"), "takes the same port as the other listener; give listen and ops_listen different ports")
	}
}

func checkAddress(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || strings.ContainsAny(host, "/ @") {
		return "is not an address with a port; write one such as 127.0.0.1:8080, or :8080 for every address"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "has no valid port; write a number from 0 to 65535 after the colon"
	}
	return ""
}

// blame picks which of two keys to name: the one that somebody has set.
func (v *validator) blame(key, other string) string {
	if v.cfg.source(key) == "default" && v.cfg.source(other) != "default" {
		return other
	}
	return key
}

func (v *validator) baseURL() {
	raw := v.cfg.BaseURL
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "http" && u.Scheme != "https":
		v.add("base_url", "is not an absolute URL; write one such as https://scim.example.com")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, strings.Contains(raw, "#"):
		v.add("base_url", "has a user, query or fragment, which would show in every meta.location; remove that part")
	case strings.HasSuffix(strings.ToLower(strings.TrimRight(u.Path, "/")), "/scim/v2"):
		v.add("base_url", "ends in /scim/v2, which the server adds itself; leave that part out")
	}
}

func (v *validator) tls() {
	t := v.cfg.TLS
	switch {
	case t.CertFile != "" && t.KeyFile == "" && !v.bad["tls.key_file"]:
		v.add("tls.cert_file", "is set without tls.key_file; set both, or neither for plain HTTP")
	case t.CertFile == "" && t.KeyFile != "" && !v.bad["tls.cert_file"]:
		v.add("tls.key_file", "is set without tls.cert_file; set both, or neither for plain HTTP")
	}
}

// leastToken is the shortest bootstrap token: 256 bits, one byte each (K13).
const leastToken = 32

func (v *validator) token() {
	v.oneToken("bootstrap_token_file", v.cfg.BootstrapToken)
	v.oneToken("bootstrap_admin_token_file", v.cfg.BootstrapAdminToken)
	if t := v.cfg.BootstrapAdminToken; t.IsSet() && t.Reveal() == v.cfg.BootstrapToken.Reveal() {
		v.add("bootstrap_admin_token_file", "holds the same token as bootstrap_token_file; administrators and provisioning clients need one each")
	}
}

func (v *validator) oneToken(key string, t Secret) {
	switch {
	case !t.IsSet() && t.file == "":
	case !t.IsSet():
		v.add(key, "names a file that was not read or is empty; put a token of at least 32 bytes in it")
	case len(t.Reveal()) < leastToken:
		v.add(key, "holds a token that is too short; use at least 32 random bytes, such as openssl rand -hex 32 prints")
	case strings.ContainsFunc(t.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
		v.add(key, "holds a space, a line break or a letter outside ASCII, which no Authorization header can carry; write the token alone on one line")
	}
}

// store checks the address of MongoDB; a password in it may only come from a file.
func (v *validator) store() {
	s := &v.cfg.Store
	const shape = "is not the address of a MongoDB; write one such as mongodb://db1,db2,db3/usher?replicaSet=rs0"
	if s.URI != "" {
		scheme, rest, ok := strings.Cut(s.URI, "://")
		rest, _, _ = strings.Cut(rest, "?")
		user, _, named := cutLast(rest, "@")
		switch {
		case !ok || !mongoScheme(scheme):
			v.add("store.uri", shape)
		case named && strings.Contains(user, ":"):
			v.add("store.uri", "holds a password, which would show in lists of processes and in logs; put the whole address into a file and name that in store.uri_file")
		case s.URIFile.file != "" && !v.bad["store.uri_file"]:
			v.add(v.blame("store.uri", "store.uri_file"), "is set beside the other of store.uri and store.uri_file; keep one")
		}
	}
	if s.URIFile.IsSet() {
		if scheme, _, ok := strings.Cut(s.URIFile.Reveal(), "://"); !ok || !mongoScheme(scheme) {
			v.add("store.uri_file", "names a file whose text "+shape)
		}
	}
}

func mongoScheme(s string) bool { return s == "mongodb" || s == "mongodb+srv" }

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// order checks pairs of which one must not exceed the other.
func (v *validator) order() {
	l := &v.cfg.Limits
	for _, p := range []struct {
		low, high         string
		lowValue, highest int64
		why               string
	}{
		{"body_bytes", "bulk_body_bytes", int64(l.BodyBytes), int64(l.BulkBodyBytes), "a Bulk request carries other requests"},
		{"page_size", "max_page_size", int64(l.PageSize), int64(l.MaxPageSize), "the default page must be an allowed one"},
		{"read_header_timeout", "read_timeout", int64(l.ReadHeaderTimeout), int64(l.ReadTimeout), "the header is part of the request"},
		{"request_timeout", "write_timeout", int64(l.RequestTimeout), int64(l.WriteTimeout), "the answer to a request that took too long must still be written"},
		{"queue_wait", "request_timeout", int64(l.QueueWait), int64(l.RequestTimeout), "waiting is part of the request"},
	} {
		low, high := "limits."+p.low, "limits."+p.high
		if p.lowValue <= p.highest || v.bad[low] || v.bad[high] {
			continue
		}
		if v.blame(low, high) == low {
			v.add(low, "is larger than "+high+", but "+p.why+"; lower it or raise "+high)
		} else {
			v.add(high, "is smaller than "+low+", but "+p.why+"; raise it or lower "+low)
		}
	}
}

// advise returns what is allowed but may surprise. It needs a valid Config.
func (c *Config) advise() []Problem {
	var out []Problem
	warn := func(key, text string) { out = append(out, newProblem(key, c.source(key), text)) }
	host, port, _ := net.SplitHostPort(c.Listen)
	if port == "0" && c.BaseURL == "" {
		warn("base_url", "is empty while listen leaves the port to the system, so meta.location has port 0; set it, or name a port")
	}
	if !loopback(host) && !c.TLS.Enabled() && !strings.HasPrefix(strings.ToLower(c.BaseURL), "https://") {
		warn("listen", "takes plain HTTP from other machines, and tokens travel in it; set tls, or end TLS in front and set base_url to its https URL")
	}
	if wildcard(host) && c.BaseURL == "" {
		warn("base_url", "is empty while listen takes every address, so meta.location says localhost; set it to the public URL")
	}
	for i, one := range c.Issuers {
		if len(one.Subjects) == 0 && len(one.Claims) == 0 {
			warn(fmt.Sprintf("issuers[%d]", i), "accepts every token of its issuer and audience; narrow it with subjects or claims")
		}
	}
	return out
}
