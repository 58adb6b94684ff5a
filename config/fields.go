package config

import (
	"strings"
	"time"
)

// field describes one key of a T once; everything else is derived from it.
type field[T any] struct {
	key    string
	doc    string
	at     func(*T) any // where the value is kept
	lo, hi int64        // range of a number, size or duration
	oneOf  []string     // the only texts allowed
	sample string       // shown in Example where there is no default
}

// section is a key that groups others.
type section struct{ key, doc string }

var sections = []section{
	{"tls", "Certificate of the listener; both files or neither. TLS 1.2 or newer is spoken."},
	{"log", "Logging to standard error."},
	{"limits", "What one request, and all of them together, may cost."},
	{"cursor", "Cursor pagination (RFC 9865)."},
	{"store", "Where the data is: the embedded database, or MongoDB for several replicas."},
	{"outbox", "Delivery of events."},
}

const (
	millisecond = int64(time.Millisecond)
	minute      = int64(time.Minute)
	hour        = int64(time.Hour)
)

// fields is in the order of Example; the keys of a section are together.
var fields = append(append(append([]field[Config]{}, topFields...), limitFields...), lastFields...)

var topFields = []field[Config]{
	{
		key: "data", at: func(c *Config) any { return &c.Data },
		doc: "Folder of the database. A relative path starts at the working directory.",
	},
	{
		key: "listen", at: func(c *Config) any { return &c.Listen },
		doc: "Address and port that serve SCIM and the admin API.",
	},
	{
		key: "ops_listen", at: func(c *Config) any { return &c.OpsListen },
		doc: "Address and port that serve health and metrics; keep it away from clients.",
	},
	{
		key: "base_url", at: func(c *Config) any { return &c.BaseURL },
		doc: "Public URL without /scim/v2, used in meta.location. Empty means the listen address.",
	},
	{
		key: "bootstrap_token_file", at: func(c *Config) any { return &c.BootstrapToken },
		doc: "File with a token for the default connection, at least 32 bytes. Empty means none.",
	},
	{
		key: "bootstrap_admin_token_file", at: func(c *Config) any { return &c.BootstrapAdminToken },
		doc: "File with an administrator token of the default organization, at least 32 bytes. Empty means none.",
	},
	{
		key: "dns_server", at: func(c *Config) any { return &c.DNSServer },
		doc: "Address and port of the DNS server that is asked for the records that prove domains. Empty means the system's.",
	},
	{
		key: "tls.cert_file", at: func(c *Config) any { return &c.TLS.CertFile },
		doc: "PEM file with the certificate chain.",
	},
	{
		key: "tls.key_file", at: func(c *Config) any { return &c.TLS.KeyFile },
		doc: "PEM file with the private key.",
	},
	{
		key: "log.level", at: func(c *Config) any { return &c.Log.Level },
		doc:   "Least severe level that is written: debug, info, warn or error.",
		oneOf: []string{"debug", "info", "warn", "error"},
	},
	{
		key: "log.format", at: func(c *Config) any { return &c.Log.Format },
		doc:   "One JSON object per line, or text: json or text.",
		oneOf: []string{"json", "text"},
	},
}

var limitFields = []field[Config]{
	{
		key: "limits.body_bytes", at: func(c *Config) any { return &c.Limits.BodyBytes },
		lo: int64(kibibyte), hi: int64(gibibyte), doc: "Largest body of a request.",
	},
	{
		key: "limits.bulk_body_bytes", at: func(c *Config) any { return &c.Limits.BulkBodyBytes },
		lo: int64(kibibyte), hi: int64(gibibyte), doc: "Largest body of a Bulk request.",
	},
	{
		key: "limits.bulk_operations", at: func(c *Config) any { return &c.Limits.BulkOperations },
		lo: 1, hi: 100_000, doc: "Most operations in a Bulk request.",
	},
	{
		key: "limits.page_size", at: func(c *Config) any { return &c.Limits.PageSize },
		lo: 1, hi: 1000, doc: "Resources on a page when the client gives no count.",
	},
	{
		key: "limits.max_page_size", at: func(c *Config) any { return &c.Limits.MaxPageSize },
		lo: 1, hi: 1000, doc: "Most resources on a page, whatever the count.",
	},
	{
		key: "limits.header_bytes", at: func(c *Config) any { return &c.Limits.HeaderBytes },
		lo: int64(kibibyte), hi: int64(mebibyte), doc: "Largest header of a request.",
	},
	{
		key: "limits.read_header_timeout", at: func(c *Config) any { return &c.Limits.ReadHeaderTimeout },
		lo: millisecond, hi: hour, doc: "Longest time a client may take to send the header.",
	},
	{
		key: "limits.read_timeout", at: func(c *Config) any { return &c.Limits.ReadTimeout },
		lo: millisecond, hi: hour, doc: "Longest time a client may take to send the whole request.",
	},
	{
		key: "limits.write_timeout", at: func(c *Config) any { return &c.Limits.WriteTimeout },
		lo: millisecond, hi: hour, doc: "Longest time from the end of the header to the end of the response.",
	},
	{
		key: "limits.idle_timeout", at: func(c *Config) any { return &c.Limits.IdleTimeout },
		lo: millisecond, hi: hour, doc: "How long a connection without requests is kept.",
	},
	{
		key: "limits.request_timeout", at: func(c *Config) any { return &c.Limits.RequestTimeout },
		lo: millisecond, hi: hour, doc: "Longest time the server works on a request.",
	},
	{
		key: "limits.concurrency", at: func(c *Config) any { return &c.Limits.Concurrency },
		hi: 100_000, doc: "Requests served at once. 0 is automatic: 64.",
	},
	{
		key: "limits.queue", at: func(c *Config) any { return &c.Limits.Queue },
		hi: 100_000, doc: "Requests that may wait for their turn; the next one is told to retry.",
	},
	{
		key: "limits.queue_wait", at: func(c *Config) any { return &c.Limits.QueueWait },
		hi: minute, doc: "Longest wait for a turn.",
	},
	{
		key: "limits.drain", at: func(c *Config) any { return &c.Limits.Drain },
		hi: hour, doc: "How long running requests may finish when the server stops.",
	},
}

var lastFields = []field[Config]{
	{
		key: "cursor.lifetime", at: func(c *Config) any { return &c.Cursor.Lifetime },
		lo: 1000 * millisecond, hi: 168 * hour, doc: "How long a cursor may be used.",
	},
	{
		key: "schemas", at: func(c *Config) any { return &c.Schemas },
		doc: "Files or globs of JSON schema documents (RFC 7643 section 7). A relative path starts at the folder of this file.",
	},
	{
		key: "resource_types", at: func(c *Config) any { return &c.ResourceTypes },
		doc: "Files or globs of JSON resource types (RFC 7643 section 6). A relative path starts at the folder of this file.",
	},
	{
		key: "issuers", at: func(c *Config) any { return &c.Issuers },
		doc: "Issuers of access tokens (JWT) that are accepted, each for one connection of one organization.",
	},
	{
		key: "store.uri", at: func(c *Config) any { return &c.Store.URI },
		doc: "Address of a MongoDB replica set, such as mongodb://db1,db2,db3/usher?replicaSet=rs0. Empty means the embedded database in the data folder.",
	},
	{
		key: "store.uri_file", at: func(c *Config) any { return &c.Store.URIFile },
		doc: "File with that address, for one with a password. Empty means none.",
	},
	{
		key: "store.readers", at: func(c *Config) any { return &c.Store.Readers },
		hi: 1024, doc: "Connections of the embedded database that read at once. 0 is automatic.",
	},
	{
		key: "outbox.poll", at: func(c *Config) any { return &c.Outbox.Poll },
		lo: millisecond, hi: hour, doc: "How often undelivered events are looked for.",
	},
}

// names lists the keys of a table.
func names[T any](table []field[T]) []string {
	out := make([]string, len(table))
	for i, f := range table {
		out[i] = f.key
	}
	return out
}

// find returns the field of a key, or nil.
func find[T any](table []field[T], key string) *field[T] {
	for i := range table {
		if table[i].key == key {
			return &table[i]
		}
	}
	return nil
}

// variable returns the environment variable of a key.
func variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Key describes one setting to people.
type Key struct {
	Name    string
	Default string
	Doc     string
	Env     string // empty for the keys of a list element
}

// Keys returns every setting in the order of Example. Those of an issuer are
// named issuers[].name; they are set through the file, or all together as YAML
// in the variable or flag of issuers.
func Keys() []Key {
	var out []Key
	def := Default()
	for _, f := range fields {
		out = append(out, Key{f.key, oneLine(f.at(&def)), f.doc, variable(f.key)})
		if f.key != "issuers" {
			continue
		}
		one := newIssuer()
		for _, sub := range issuerFields {
			out = append(out, Key{"issuers[]." + sub.key, oneLine(sub.at(&one)), sub.doc, ""})
		}
	}
	return out
}
