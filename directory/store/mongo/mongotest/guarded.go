package mongotest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

// Who may do what on a guarded server: the administrator everything; the program
// reads and writes one database.
const (
	administrator = "root"
	Program       = "usher"
	Password      = "pass-word of tests"
)

// guard makes the node's keys, and the flags that name them.
func (n *node) guard() error {
	ca, server, key := filepath.Join(n.folder, "ca.pem"), filepath.Join(n.folder, "server.pem"), filepath.Join(n.folder, "key")
	authority, identity, err := certificates()
	if err != nil {
		return err
	}
	n.flags = append(n.flags, "--auth", "--keyFile", key, "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", server, "--tlsCAFile", ca, "--tlsAllowConnectionsWithoutCertificates")
	n.options = "&tls=true&tlsCAFile=" + ca
	return errors.Join(os.WriteFile(ca, authority, 0o600), os.WriteFile(server, identity, 0o600), os.WriteFile(key, []byte(strings.Repeat("usher", 10)), 0o600))
}

// certificates are an authority's, and the loopback's with its key.
func certificates() (authority, identity []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mongotest authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &own.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, err
	}
	identity = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), identity, nil
}

// enrol adds the administrator, whom only the first connection from the machine
// itself may add, and the program as its administrator.
func (s *Server) enrol() error {
	add := func(user string, roles bson.A) error {
		return s.ask(func(ctx context.Context, c *driver.Client) error {
			return c.Database("admin").RunCommand(ctx, bson.D{{Key: "createUser", Value: user}, {Key: "pwd", Value: Password}, {Key: "roles", Value: roles}}).Err()
		})
	}
	if err := add(administrator, bson.A{"root"}); err != nil {
		return err
	}
	s.uri = s.as(administrator, "")
	return add(Program, bson.A{bson.D{{Key: "role", Value: "readWrite"}, {Key: "db", Value: Program}}})
}

// As is the address of a database for who has a password.
func (s *Server) As(user, password, database string) string {
	server := Server{uri: s.uri}
	if _, rest, ok := strings.Cut(s.uri, "@"); ok {
		server.uri = "mongodb://" + rest
	}
	head, rest, _ := strings.Cut(server.Database(database), "://")
	return head + "://" + strings.ReplaceAll(user+":"+password, " ", "%20") + "@" + rest + "&authSource=admin"
}

func (s *Server) as(user, database string) string { return s.As(user, Password, database) }
