package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// file applies the YAML file.
func (l *loader) file(path string) {
	if path == "" {
		return
	}
	data, _, complaint := readFile(path, maxFile)
	if complaint != "" {
		l.problems = append(l.problems, Problem{"", path, "The configuration file " + complaint + "."})
		return
	}
	l.name, l.lines, l.base = path, true, filepath.Dir(path)
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return
	}
	if err == nil && !errors.Is(dec.Decode(&second), io.EOF) {
		l.problems = append(l.problems, Problem{"", path, "The file has more after the end of its first YAML document; keep a single document."})
	}
	if err != nil {
		line, near := lineOf(err), ""
		if line != "" {
			near = " near this line"
		}
		l.problems = append(l.problems, Problem{"", path + line, "The file is not valid YAML" + near + "; correct the indentation, quotes or brackets."})
		return
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode && !isNull(root) {
		l.problems = append(l.problems, Problem{"", l.at(root), "The file does not consist of keys and values; write lines such as listen: 127.0.0.1:8080."})
		return
	}
	l.section("", root)
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+):`)

// lineOf takes the line number, and nothing else, from a syntax error: its
// text may quote the file.
func lineOf(err error) string {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return ":" + m[1]
	}
	return ""
}

// at says where a node is.
func (l *loader) at(n *yaml.Node) string {
	if !l.lines {
		return l.name
	}
	return fmt.Sprintf("%s:%d", l.name, n.Line)
}

// section applies the keys of the whole file, or of one section of it.
func (l *loader) section(parent string, n *yaml.Node) {
	for name, value := range l.pairs(parent, n) {
		key := parent + name.Value
		group := slices.ContainsFunc(sections, func(s section) bool { return s.key == key })
		f := find(fields, key)
		switch {
		case f != nil:
			l.field(f, value)
		case group && value.Kind == yaml.MappingNode:
			l.section(key+".", value)
		case group && isNull(value): // all its keys are commented out
		case group:
			l.add(key, l.at(value), "is a section; write its keys below it, indented")
		default:
			l.unknown(parent, name, knownKeys())
		}
	}
}

func knownKeys() []string {
	out := names(fields)
	for _, s := range sections {
		out = append(out, s.key)
	}
	return out
}

// enoughHints is how many problems get a suggestion; looking for one is slow.
const enoughHints = 100

func (l *loader) unknown(parent string, name *yaml.Node, known []string) {
	key, advice := parent+name.Value, "remove it, or check it against the list of keys"
	if len(l.problems) < enoughHints {
		advice = didYouMean(key, known, advice)
	}
	l.add(key, l.at(name), "is not a known key; "+advice)
}

// pairs yields the names and values of a mapping, reporting names that are not
// plain text or come twice.
func (l *loader) pairs(parent string, n *yaml.Node) func(yield func(name, value *yaml.Node) bool) {
	return func(yield func(name, value *yaml.Node) bool) {
		first := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, value := n.Content[i], n.Content[i+1]
			if name.Kind != yaml.ScalarNode || name.Tag == "!!merge" {
				l.problems = append(l.problems, Problem{
					strings.TrimSuffix(parent, "."), l.at(name),
					"A key here is not plain text; write a name, and repeat values rather than merging them.",
				})
				continue
			}
			if line, twice := first[name.Value]; twice {
				l.add(parent+name.Value, l.at(name), l.twice(line))
				continue
			}
			first[name.Value] = name.Line
			if !yield(name, value) {
				return
			}
		}
	}
}

func (l *loader) twice(line int) string {
	if !l.lines {
		return "is set twice; keep one"
	}
	return fmt.Sprintf("is set twice, first on line %d; keep one", line)
}

func (l *loader) field(f *field[Config], n *yaml.Node) {
	if f.oneOf != nil && n.Kind == yaml.ScalarNode && !isNull(n) {
		l.claim(f.key, l.at(n))
		l.single(f.key, f.oneOf, f.at(&l.cfg), n.Value, l.at(n))
		return
	}
	l.value(f.key, f.at(&l.cfg), n)
}

// value applies a node to a place. Scalars are taken as they are written, so
// that no, 010 or 1e3 stay what the operator typed.
func (l *loader) value(key string, place any, n *yaml.Node) {
	l.claim(key, l.at(n))
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		l.add(key, l.at(n), "uses a YAML alias, anchor or tag; write the plain value")
		return
	}
	switch p := place.(type) {
	case *[]string:
		*p = l.list(key, n)
	case *[]Document:
		*p = documents(l.list(key, n))
	case *[]Issuer:
		l.issuers(key, p, n)
	case *map[string]string:
		l.claims(key, p, n)
	default:
		l.scalar(key, place, n)
	}
}

func (l *loader) scalar(key string, place any, n *yaml.Node) {
	switch {
	case isNull(n):
		l.add(key, l.at(n), "has no value; write one, or remove the line")
	case n.Kind != yaml.ScalarNode:
		l.add(key, l.at(n), notScalar)
	default:
		l.single(key, nil, place, n.Value, l.at(n))
	}
}

// list reads a list of texts; one text alone is a list of one.
func (l *loader) list(key string, n *yaml.Node) []string {
	items := n.Content
	switch {
	case isNull(n):
		return nil
	case n.Kind == yaml.ScalarNode:
		items = []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		l.add(key, l.at(n), "is a section; write a list such as [a, b]")
		return nil
	}
	out := make([]string, len(items))
	for i, item := range items {
		l.value(fmt.Sprintf("%s[%d]", key, i), &out[i], item)
	}
	return out
}

func (l *loader) claims(key string, place *map[string]string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode && !isNull(n) {
		l.add(key, l.at(n), "is not a set of claims; write them such as {tid: value}")
		return
	}
	*place = map[string]string{}
	for name, value := range l.pairs(key+".", n) {
		var text string
		l.value(key+"."+name.Value, &text, value)
		(*place)[name.Value] = text
	}
}

func (l *loader) issuers(key string, place *[]Issuer, n *yaml.Node) {
	*place = nil
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		l.add(key, l.at(n), "is not a list; begin each issuer with a dash")
		return
	}
	for i, item := range n.Content {
		one, at := newIssuer(), fmt.Sprintf("%s[%d]", key, i)
		l.cfg.origin[at] = l.at(item)
		if item.Kind != yaml.MappingNode {
			l.add(at, l.at(item), "is not an issuer; write keys such as issuer and audience")
		} else {
			l.issuer(at+".", &one, item)
		}
		*place = append(*place, one)
	}
}

func (l *loader) issuer(parent string, one *Issuer, n *yaml.Node) {
	for name, value := range l.pairs(parent, n) {
		if f := find(issuerFields, name.Value); f != nil {
			l.value(parent+f.key, f.at(one), value)
			continue
		}
		known := names(issuerFields)
		for i := range known {
			known[i] = parent + known[i]
		}
		l.unknown(parent, name, known)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
