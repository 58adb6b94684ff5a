package directory

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/usher-scim/usher/scim"
)

// aliases are domains that deliver to the same mailboxes as another.
var aliases = map[string]string{"googlemail.com": "gmail.com"}

// dotless are domains that ignore dots before the @.
var dotless = map[string]bool{"gmail.com": true}

// MailKey is the form in which addresses are compared for the block list (S1-24,
// K67): folded, without what follows a plus sign, with the domain in ASCII and
// its aliases resolved. Text that is not an address is folded alone.
func MailKey(address string) string {
	key := strings.TrimSpace(scim.Key(address))
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return key
	}
	local, domain := key[:at], DomainOf(key)
	if domain == "" {
		domain = strings.TrimRight(key[at+1:], ".")
	}
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	if to, ok := aliases[domain]; ok {
		domain = to
	}
	if dotless[domain] {
		local = strings.ReplaceAll(local, ".", "")
	}
	return local + "@" + domain
}

// Spellings is a filter that finds whoever has an address, however it is written; what
// it finds beside them has another MailKey. Every part of it is one that an index
// answers.
func Spellings(address string) string {
	key := MailKey(address)
	wanted := map[string]string{key: "eq", scim.Fold(strings.TrimSpace(address)): "eq"}
	if at := strings.LastIndexByte(key, '@'); at > 0 {
		local, domain := key[:at], key[at+1:]
		wanted[local+"+"] = "sw"
		if shown, err := idna.ToUnicode(domain); err == nil {
			wanted[local+"@"+shown] = "eq"
		}
		for alias, to := range aliases {
			if to == domain {
				wanted[local+"@"+alias] = "eq"
			}
		}
		if dotless[domain] { // the first dot comes after the first letter, or later
			first := []rune(local)
			wanted[string(first[:1])+"."] = "sw"
			wanted[string(first[:min(2, len(first))])] = "sw"
		}
	}
	var parts []string
	for text, op := range wanted {
		quoted := string(scim.AppendString(nil, text))
		parts = append(parts, "userName "+op+" "+quoted, "emails.value "+op+" "+quoted)
	}
	return strings.Join(parts, " or ")
}

// DomainOf is the domain of an address in the form in which domains are
// compared; "" when the text is not one plain address, so that nothing dubious
// is ever taken for a member of a verified domain (K27).
func DomainOf(address string) string {
	local, domain, ok := strings.Cut(strings.TrimSpace(address), "@")
	if !ok || local == "" || strings.ContainsAny(address, "\"<>(),;: \t\r\n") || strings.Contains(domain, "@") {
		return ""
	}
	if plainDomain(domain) {
		return strings.ToLower(domain)
	}
	domain, err := idna.Lookup.ToASCII(strings.ToLower(domain))
	if err != nil || !strings.Contains(domain, ".") || slices.Contains(strings.Split(domain, "."), "") {
		return ""
	}
	return domain
}

// plainDomain reports whether a domain needs no look at its letters: the usual
// one, in ASCII.
func plainDomain(s string) bool {
	dots := 0
	for i := range len(s) {
		switch c := s[i] | 0x20; {
		case c >= 'a' && c <= 'z', s[i] >= '0' && s[i] <= '9', s[i] == '-' && i > 0:
		case s[i] == '.' && i > 0 && i < len(s)-1 && s[i-1] != '.':
			dots++
		default:
			return false
		}
	}
	return dots > 0 && !strings.Contains(strings.ToLower(s), "xn--")
}
