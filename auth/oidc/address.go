package oidc

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// reach is how far from the public internet an issuer may be.
type reach struct {
	private  bool // also loopback and plain http
	loopback bool // also plain http to loopback
}

func reachOf(private, loopback bool) reach { return reach{private, private || loopback} }

func prefixes(list ...string) []netip.Prefix {
	p := make([]netip.Prefix, len(list))
	for i, s := range list {
		p[i] = netip.MustParsePrefix(s)
	}
	return p
}

var (
	// forbidden is where no issuer is: this network, link-local with the metadata
	// service of clouds, multicast, reserved, and forms that hide an IPv4 address.
	forbidden = prefixes("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "192.0.0.0/24",
		"100.100.100.200/32", "::/128", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128",
		"64:ff9b:1::/48", "2001::/32", "2002::/16", "::/96", "100::/64")
	// inside are the networks of one's own, and those that exist in books only.
	inside = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7",
		"198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)

// nat64 is how a network without IPv4 spells an IPv4 address (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// plain returns the address that is meant.
func plain(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if b := ip.As16(); nat64.Contains(ip) {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}

// allows refuses an address that is out of reach (K21).
func (r reach) allows(ip netip.Addr) error {
	ip = plain(ip)
	if ip.IsLoopback() {
		if r.loopback {
			return nil
		}
		return fmt.Errorf("the loopback address %s is not allowed for an issuer", ip)
	}
	for _, p := range forbidden {
		if p.Contains(ip) {
			return fmt.Errorf("the special address %s is never allowed for an issuer", ip)
		}
	}
	for _, p := range inside {
		if p.Contains(ip) && !r.private {
			return fmt.Errorf("the private address %s is not allowed for this issuer", ip)
		}
	}
	return nil
}

// control looks at the address that is about to be dialled: the names of hosts
// resolve to anything, and not to the same twice.
func (r reach) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %s: %w", address, err)
	}
	return r.allows(at.Addr())
}

// checkURL refuses an address that must not be fetched, as far as its spelling
// tells.
func checkURL(raw string, r reach) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the address of the issuer or its keys is not a URL")
	case u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%s is not an absolute URL without user and fragment; correct it", u.Redacted())
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	if literal {
		if err := r.allows(ip); err != nil {
			return err
		}
	}
	local := literal && ip.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
	if u.Scheme == "https" || u.Scheme == "http" && (r.private || r.loopback && local) {
		return nil
	}
	return fmt.Errorf("%s is not an https URL; keys fetched without TLS could be anybody's", raw)
}
