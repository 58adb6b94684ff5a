// Package config reads the settings of the server: built-in defaults, then a
// YAML file, then USHER_ environment variables, then command-line flags, each
// overriding the one before. One table describes every key; loading, checking,
// printing and documenting all walk it.
//
// Every problem is reported in one go, with the place it comes from. A value
// from any source is never repeated in a problem, because secrets are pasted
// into wrong keys; secrets themselves are only taken from files.
//
// Only the wiring of the program imports this package: it copies what it needs
// into the options of each part.
package config

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Config is everything an operator can set. The fields mirror the keys of the
// YAML file; Keys describes them.
type Config struct {
	Data           string
	Listen         string
	OpsListen      string
	BaseURL        string
	TLS            TLS
	BootstrapToken Secret
	// BootstrapAdminToken is adopted as an administrator token.
	BootstrapAdminToken Secret
	// DNSServer is asked for TXT records instead of the system's resolver.
	DNSServer     string
	Log           Log
	Limits        Limits
	Cursor        Cursor
	Schemas       []Document
	ResourceTypes []Document
	Issuers       []Issuer
	Store         Store
	Outbox        Outbox

	origin   map[string]string // key to the place that set it
	warnings []Problem
}

// TLS names the certificate of the listener; both files or neither.
type TLS struct {
	CertFile string
	KeyFile  string
}

// Enabled reports whether the listener speaks TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// Log says how much is logged, and how it is written.
type Log struct {
	Level  slog.Level
	Format string // "json" or "text"
}

// Limits bound what one request, and all of them together, may cost.
type Limits struct {
	BodyBytes         Size
	BulkBodyBytes     Size
	BulkOperations    int
	PageSize          int
	MaxPageSize       int
	HeaderBytes       Size
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	WriteTimeout      time.Duration
	IdleTimeout       time.Duration
	RequestTimeout    time.Duration
	Concurrency       int // 0 is automatic
	Queue             int
	QueueWait         time.Duration
	Drain             time.Duration
}

// Cursor sets how cursor pagination behaves.
type Cursor struct {
	Lifetime time.Duration
}

// Store says where the data is, and tunes the embedded database.
type Store struct {
	URI     string // of MongoDB; empty: the embedded database
	URIFile Secret // the same, from a file
	Readers int    // 0 is automatic
}

// Address is the address of MongoDB, which may hold a password; empty for the
// embedded database.
func (s Store) Address() string {
	if s.URIFile.IsSet() {
		return s.URIFile.Reveal()
	}
	return s.URI
}

// Shared reports whether other processes may work on the same data.
func (s Store) Shared() bool { return s.Address() != "" }

// Outbox tunes the relay of events.
type Outbox struct {
	Poll time.Duration
}

// Document is a file that another package parses: a schema (RFC 7643 section
// 7) or a resource type (section 6).
type Document struct {
	Path string
	Data []byte
}

// Default returns the settings that apply when nothing is configured.
func Default() Config {
	return Config{
		Data:      "./usher-data",
		Listen:    "127.0.0.1:8080",
		OpsListen: "127.0.0.1:9090",
		Log:       Log{Level: slog.LevelInfo, Format: "json"},
		Limits: Limits{
			BodyBytes:         1 * mebibyte,
			BulkBodyBytes:     4 * mebibyte,
			BulkOperations:    1000,
			PageSize:          100,
			MaxPageSize:       200,
			HeaderBytes:       32 * kibibyte,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      60 * time.Second,
			IdleTimeout:       120 * time.Second,
			RequestTimeout:    30 * time.Second,
			Queue:             256,
			QueueWait:         50 * time.Millisecond,
			Drain:             25 * time.Second,
		},
		Cursor: Cursor{Lifetime: time.Hour},
		Outbox: Outbox{Poll: time.Second},
	}
}

// Warnings returns what Load found questionable but not wrong.
func (c Config) Warnings() []Problem { return c.warnings }

// PublicURL returns the address clients use, without a trailing slash and
// without /scim/v2: base_url, or else the listen address.
func (c Config) PublicURL() string {
	if c.BaseURL != "" {
		return strings.TrimRight(c.BaseURL, "/")
	}
	scheme := "http://"
	if c.TLS.Enabled() {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return scheme + c.Listen
	}
	if wildcard(host) {
		host = "localhost"
	}
	return scheme + net.JoinHostPort(host, port)
}

// wildcard reports whether a listen host means every address.
func wildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// loopback reports whether a host is reachable from this machine only.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// source says where a key, or the list it is part of, was set.
func (c Config) source(key string) string {
	for {
		if s, ok := c.origin[key]; ok {
			return s
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return "default"
		}
		key = key[:i]
	}
}
