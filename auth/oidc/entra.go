package oidc

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// entraHosts issue the tokens of every tenant of Microsoft Entra, all with the
// same keys. There the tenant in the issuer is all that tells two customers apart.
var entraHosts = []string{
	"sts.windows.net", "login.windows.net", "login.microsoftonline.com", "login.microsoft.com",
	"login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn", "sts.chinacloudapi.cn",
}

// personalAccounts is the one tenant that all personal Microsoft accounts share.
const personalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad"

var guid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// entraTenant returns the tenant of an Entra issuer, and "" for any other. It
// fails when the issuer names none, as common, organizations and consumers do.
func entraTenant(issuer string) (string, error) {
	u, err := url.Parse(issuer)
	if err != nil || !slices.Contains(entraHosts, strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")) {
		return "", nil
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !guid.MatchString(strings.ToLower(tenant)) || strings.EqualFold(tenant, personalAccounts) {
		return "", fmt.Errorf("the issuer %s is shared by many tenants, and any of them could act here; "+
			"put the id of one tenant in it", issuer)
	}
	return tenant, nil
}
