package config

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// String returns the effective settings as YAML in the form of the file, with
// secrets shown as "***" and paths as they were resolved.
func (c Config) String() string { return render(&c, false) }

// Example returns a commented file with every key at its default.
func Example() []byte {
	def := Default()
	return []byte(header + render(&def, true))
}

const header = `# Configuration of Usher. Every key is here, at its default. A key may also be
# set by an environment variable named USHER_ and the key in capitals, with _
# between section and key (USHER_LIMITS_BODY_BYTES), or by a flag. A flag wins
# over a variable, a variable over this file. Paths of files to read start at
# the folder of this file.

`

// render writes the keys in the order of the table.
func render(c *Config, docs bool) string {
	var b strings.Builder
	open := ""
	for i, f := range fields {
		group, name, nested := strings.Cut(f.key, ".")
		indent := ""
		if nested {
			indent = "  "
		} else {
			group, name = "", f.key
		}
		if docs && i > 0 && (!nested || group != open) {
			b.WriteString("\n")
		}
		if nested && group != open {
			at := slices.IndexFunc(sections, func(s section) bool { return s.key == group })
			comment(&b, docs, "", sections[at].doc)
			b.WriteString(group + ":\n")
		}
		open = group
		comment(&b, docs, indent, f.doc)
		b.WriteString(indent + name + ":" + block(indent, f.at(c)) + "\n")
		if docs && f.key == "issuers" {
			b.WriteString(sampleIssuer())
		}
	}
	return b.String()
}

// comment writes a text as comment lines of at most 80 columns.
func comment(b *strings.Builder, docs bool, indent, text string) {
	if !docs {
		return
	}
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 80 {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// sampleIssuer is the part of Example that shows a list element.
func sampleIssuer() string {
	var b strings.Builder
	b.WriteString("# issuers:\n")
	for i, f := range issuerFields {
		indent, dash := "#     ", ""
		if i == 0 {
			indent, dash = "#   ", "- "
		}
		comment(&b, true, indent, f.doc)
		b.WriteString(indent + dash + f.key + ": " + f.sample + "\n")
	}
	return b.String()
}

// block returns what follows the colon of a key: a value on the same line, or
// lines below it.
func block(indent string, place any) string {
	text := marshal(node(place))
	if list, ok := place.(*[]Issuer); !ok || len(*list) == 0 {
		return " " + text
	}
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString("\n" + indent + "  " + line)
	}
	return b.String()
}

// oneLine returns the text of a value, without the quotes of YAML if single.
func oneLine(place any) string {
	if n := node(place); n.Kind != yaml.ScalarNode {
		return marshal(n)
	}
	return getText(place)
}

func marshal(n *yaml.Node) string {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return masked // a node that we built always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// node returns a value as YAML, with whatever must stay secret masked.
func node(place any) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	switch p := place.(type) {
	case *[]string:
		for _, s := range *p {
			list.Content = append(list.Content, text(s))
		}
		return list
	case *[]Document:
		for _, d := range *p {
			list.Content = append(list.Content, text(d.Path))
		}
		return list
	case *[]Issuer:
		if len(*p) > 0 {
			list.Style = 0
		}
		for i := range *p {
			list.Content = append(list.Content, issuerNode(&(*p)[i]))
		}
		return list
	case *map[string]string:
		set := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, name := range slices.Sorted(maps.Keys(*p)) {
			set.Content = append(set.Content, text(name), text((*p)[name]))
		}
		return set
	case *string:
		return text(*p)
	case *Secret:
		return secretNode(p)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: getText(place)}
}

func issuerNode(one *Issuer) *yaml.Node {
	set := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range issuerFields {
		set.Content = append(set.Content, text(f.key), node(f.at(one)))
	}
	return set
}

// secretNode shows a path once it has proved to be one, and never a value.
func secretNode(s *Secret) *yaml.Node {
	if s.file == "" || !s.IsSet() {
		return text(s.String())
	}
	n := text(s.file)
	n.LineComment = "# " + masked
	return n
}

func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: redact(s)}
}

// redact hides the user and password of anything that looks like a URL, even
// one that does not parse.
func redact(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	at := strings.LastIndex(rest, "@")
	if !ok || at < 0 {
		return s
	}
	return scheme + "://" + masked + rest[at:]
}
