package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usher-scim/usher/config"
)

// canary stands for any secret; nothing may ever print it.
const canary = "canary-3b0c5f6f9e7d4a21b8c0d4e5f6a7b8c9"

// same compares what an operator can set.
var same = cmp.Options{
	cmpopts.IgnoreUnexported(config.Config{}),
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b config.Secret) bool { return a.Reveal() == b.Reveal() && a.File() == b.File() }),
}

// write puts a private file into a folder and returns its path.
func write(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// setup writes a configuration file, with files it may refer to beside it.
func setup(t testing.TB, yaml string) (folder, path string) {
	t.Helper()
	folder = t.TempDir()
	write(t, folder, "token", canary+"\n")
	write(t, folder, "short", "too-short\n")
	write(t, folder, "spaced", canary+"\nand more\n")
	write(t, folder, "empty", "\n")
	write(t, folder, "a.json", `{"a":1}`)
	write(t, folder, "b.json", `{"b":1}`)
	return folder, write(t, folder, "usher.yaml", yaml)
}

// problems returns what an error lists, without the folder of the test.
func problems(t testing.TB, folder string, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	list, ok := errors.AsType[config.Problems](err)
	if !ok {
		t.Fatalf("error is %T, want Problems", err)
	}
	return texts(folder, list)
}

func texts(folder string, list []config.Problem) []string {
	var out []string
	for _, p := range list {
		text := p.String()
		if folder != "" {
			text = strings.ReplaceAll(text, folder+string(filepath.Separator), "")
		}
		out = append(out, text)
	}
	return out
}

// load fails the test unless the sources are fine.
func load(t testing.TB, src config.Sources) config.Config {
	t.Helper()
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// certificate writes cert.pem and key.pem.
func certificate(t testing.TB, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, folder, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}
