package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// keyPair is an RSA and an EC key.
type keyPair struct {
	number int
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
}

func newKeyPair(number int) keyPair {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return keyPair{number, r, e}
}

// id is the kid of the key that signs with the algorithm.
func (k keyPair) id(algorithm string) string {
	if algorithm == "ES256" {
		return fmt.Sprintf("ec-%d", k.number)
	}
	return fmt.Sprintf("rsa-%d", k.number)
}

func (k keyPair) public() []byte {
	return encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{KeyID: k.id("RS256"), Key: k.rsa.Public(), Use: "sig"},
		{KeyID: k.id("ES256"), Key: k.ec.Public(), Use: "sig", Algorithm: "ES256"},
	}})
}

// sign returns the compact form (RFC 7515 section 7.1).
func (k keyPair) sign(algorithm string, header, claims []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64(header) + "." + b64(claims)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch algorithm {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, digest[:])
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, k.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, s, e := ecdsa.Sign(rand.Reader, k.ec, digest[:])
		if err = e; err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	}
	if err != nil {
		panic(err)
	}
	return input + "." + b64(signature)
}

// PublicKey returns the RSA key that verifies the present tokens.
func (i *Issuer) PublicKey() *rsa.PublicKey { return &i.current().rsa.PublicKey }
