package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

const (
	maxSecret   = 64 << 10
	maxPEM      = 1 << 20
	maxDocument = 4 << 20
	maxMatches  = 1000
)

// read turns the paths of all sources together into what the files hold.
func (l *loader) read() {
	l.secret("bootstrap_token_file", &l.cfg.BootstrapToken)
	l.secret("bootstrap_admin_token_file", &l.cfg.BootstrapAdminToken)
	l.secret("store.uri_file", &l.cfg.Store.URIFile)
	l.keyPair()
	l.cfg.Schemas = l.contents("schemas", l.cfg.Schemas)
	l.cfg.ResourceTypes = l.contents("resource_types", l.cfg.ResourceTypes)
}

// path resolves a path against the folder of the source that set its key.
func (l *loader) path(key, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.folder[key], path)
}

// fail reports a key that a stronger source may have set.
func (l *loader) fail(key, complaint string) { l.add(key, l.cfg.source(key), complaint) }

func (l *loader) secret(key string, s *Secret) {
	if s.file == "" {
		return
	}
	path := l.path(key, s.file)
	data, info, complaint := readFile(path, maxSecret)
	if complaint != "" {
		l.fail(key, "names a path that "+complaint)
		return
	}
	l.guard(key, info)
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		l.fail(key, "names an empty file; put the secret in it, or remove the key")
		return
	}
	*s = NewSecret(value)
	s.file = path
}

// guard warns about a secret that other accounts may read. It is no more than
// a warning, because orchestrators mount secrets that way. One that is somebody else's
// and open to its group is so for this process: Kubernetes with fsGroup, and the access
// list of systemd's credentials, which shows as the group's right.
func (l *loader) guard(key string, info fs.FileInfo) {
	mode := info.Mode().Perm()
	if runtime.GOOS == "windows" || mode&0o077 == 0 || mode&0o007 == 0 && !mine(info) {
		return
	}
	l.cfg.warnings = append(l.cfg.warnings, newProblem(key, l.cfg.source(key), fmt.Sprintf(
		"names a file that other accounts may read (mode %04o); restrict it with chmod 600", mode)))
}

// keyPair checks what the listener will load when it starts.
func (l *loader) keyPair() {
	t := &l.cfg.TLS
	t.CertFile, t.KeyFile = l.path("tls.cert_file", t.CertFile), l.path("tls.key_file", t.KeyFile)
	cert, _, certOK := l.pem("tls.cert_file", t.CertFile)
	key, info, keyOK := l.pem("tls.key_file", t.KeyFile)
	if keyOK {
		l.guard("tls.key_file", info)
	}
	if !certOK || !keyOK {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		l.fail("tls.cert_file", "and tls.key_file are not a certificate and its private key in PEM form; check that they belong together and are not swapped")
	}
}

func (l *loader) pem(key, path string) ([]byte, fs.FileInfo, bool) {
	if path == "" {
		return nil, nil, false
	}
	data, info, complaint := readFile(path, maxPEM)
	if complaint != "" {
		l.fail(key, "names a path that "+complaint)
	}
	return data, info, complaint == ""
}

// documents notes paths and patterns until all sources have been read.
func documents(paths []string) []Document {
	var out []Document
	for _, p := range paths {
		out = append(out, Document{Path: p})
	}
	return out
}

// contents reads the files that the patterns of a key name, each once.
func (l *loader) contents(key string, patterns []Document) []Document {
	var out []Document
	seen := map[string]bool{}
	for i, p := range patterns {
		item := fmt.Sprintf("%s[%d]", key, i)
		paths, complaint := expand(l.folder[key], p.Path)
		if complaint != "" {
			l.fail(item, complaint)
		}
		for _, path := range paths {
			if seen[path] {
				continue
			}
			seen[path] = true
			data, _, complaint := readFile(path, maxDocument)
			switch {
			case complaint == "":
				out = append(out, Document{Path: path, Data: data})
			case strings.ContainsAny(p.Path, glob): // so the path is real
				l.fail(item, "matches "+strconv.Quote(path)+", which "+complaint)
			default:
				l.fail(item, "names a path that "+complaint)
			}
		}
	}
	return out
}

const glob = `*?[`

// expand returns the files that a path or pattern stands for, sorted.
func expand(folder, pattern string) (paths []string, complaint string) {
	if pattern == "" {
		return nil, "is empty; write the path of a file, or remove it"
	}
	if !strings.ContainsAny(pattern, glob) {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(folder, pattern)
		}
		return []string{filepath.Clean(pattern)}, ""
	}
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(quote(folder), pattern)
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, "is not a valid pattern; close every bracket"
	}
	if len(paths) > maxMatches {
		return nil, fmt.Sprintf("matches more than %d files; narrow the pattern", maxMatches)
	}
	if len(paths) == 0 {
		return nil, "matches no file; correct the pattern, or remove it"
	}
	return paths, ""
}

// quote makes a folder match itself in a pattern.
func quote(folder string) string {
	if runtime.GOOS == "windows" { // has no escape character
		return folder
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(folder)
}

// readFile reads a regular file: a pipe could keep the server waiting. The
// complaint is the rest of a sentence and does not repeat the path, in case a
// secret was written where its path belongs.
func readFile(path string, limit int64) (data []byte, info fs.FileInfo, complaint string) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil, nil, "is a folder; name a file"
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, nil, "is a pipe or a device; name a regular file"
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err == nil {
		defer func() { _ = f.Close() }()
		data, err = io.ReadAll(io.LimitReader(f, limit+1))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, "does not exist; correct the path, or create it"
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, "this account may not read; correct its owner or mode"
	case err != nil:
		return nil, nil, "cannot be read; correct the path"
	case int64(len(data)) > limit:
		return nil, nil, "is larger than " + Size(limit).String() + "; name the right file"
	}
	return data, info, ""
}
