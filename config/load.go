package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// prefix starts the environment variables that are read.
const prefix = "USHER_"

// Sources is where settings come from, weakest first.
type Sources struct {
	File  string            // YAML file; empty means none
	Env   []string          // NAME=value, as os.Environ returns it
	Flags map[string]string // key with dots to value
	Named map[string]string // key to what its flag is called, where that is not --key
}

// Load reads all sources over the defaults and checks the result. The error is
// Problems and lists everything that is wrong; the Config that comes with an
// error is good for its Warnings only.
//
// An empty variable counts as not set, an empty flag as set to nothing. Lists
// are separated by commas in variables and flags, except issuers, which is YAML.
func Load(src Sources) (Config, error) {
	l := &loader{cfg: Default(), folder: map[string]string{}, named: src.Named}
	l.cfg.origin = map[string]string{}
	l.file(src.File)
	l.environment(src.Env)
	l.flags(src.Flags)
	l.read()
	problems := append(l.problems, l.cfg.check(l.problems)...)
	if len(problems) == 0 {
		l.cfg.warnings = append(l.cfg.warnings, l.cfg.advise()...)
	}
	return l.cfg, problems.err()
}

// loader gathers settings and what is wrong with them, source by source.
type loader struct {
	named    map[string]string // key to flag
	cfg      Config
	problems Problems
	folder   map[string]string // key to the folder its relative paths start at

	name  string // the source being read
	lines bool   // whether its line numbers mean something
	base  string // its folder
}

// add reports a key of the source being read.
func (l *loader) add(key, source, complaint string) {
	l.problems = append(l.problems, newProblem(key, source, complaint))
}

// environment applies the variables of ours, in the order of their names.
func (l *loader) environment(env []string) {
	byName := map[string]string{}
	for _, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		if ok && strings.HasPrefix(name, prefix) {
			byName[name] = value
		}
	}
	byVariable := map[string]*field[Config]{}
	var known []string
	for i := range fields {
		byVariable[variable(fields[i].key)] = &fields[i]
		known = append(known, variable(fields[i].key))
	}
	l.base, l.lines = "", false
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		value := byName[name]
		f := byVariable[name]
		switch {
		case f != nil && value != "":
			l.name = name
			l.text(f, value)
		case f == nil && !injected(name, value):
			l.add(name, show(name), "is not a variable of ours; "+
				didYouMean(name, known, "unset it, or check the name against the list of keys"))
		}
	}
}

// serviceVariable is the shape of what Kubernetes sets in every pod for a
// Service whose name begins with usher. An operator cannot avoid those.
var serviceVariable = regexp.MustCompile(
	`^USHER_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$`)

// testing is how the variables begin that steer the program's own tests.
const testing = prefix + "TEST_"

// injected reports whether a variable was set by Kubernetes, or for tests. A bare
// ..._PORT must also hold a link, so that USHER_PORT=8080 is reported as a mistake.
func injected(name, value string) bool {
	if strings.HasPrefix(name, testing) {
		return true
	}
	link := strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
	return link || serviceVariable.MatchString(name)
}

// flags applies the flags, in the order of their keys.
func (l *loader) flags(flags map[string]string) {
	l.base, l.lines = "", false
	known := names(fields)
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		if l.name = l.named[key]; l.name == "" {
			l.name = "--" + show(key)
		}
		if f := find(fields, key); f != nil {
			l.text(f, flags[key])
			continue
		}
		l.add(key, l.name, "is not a known key; "+
			didYouMean(key, known, "leave it out, or check it against the list of keys"))
	}
}

// text applies a variable or a flag.
func (l *loader) text(f *field[Config], text string) {
	switch place := f.at(&l.cfg).(type) {
	case *[]Document:
		l.claim(f.key, l.name)
		*place = documents(splitList(text))
	case *[]Issuer:
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			l.claim(f.key, l.name)
			l.add(f.key, l.name, "is not a YAML list; write one such as [{issuer: https://login.example.com, ...}]")
			return
		}
		if len(doc.Content) == 0 {
			doc.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null"}}
		}
		l.value(f.key, place, doc.Content[0])
	default:
		l.claim(f.key, l.name)
		l.single(f.key, f.oneOf, place, text, l.name)
	}
}

// claim notes that the source being read sets a key, and so replaces whatever
// a weaker one said about it and its elements.
func (l *loader) claim(key, source string) {
	if l.cfg.origin[key] != "" && !strings.Contains(key, "[") {
		maps.DeleteFunc(l.cfg.origin, func(k, _ string) bool { return strings.HasPrefix(k, key+"[") })
	}
	l.cfg.origin[key] = source
	l.folder[key] = l.base
}

// single applies a value that is one text.
func (l *loader) single(key string, oneOf []string, place any, text, source string) {
	if oneOf != nil && !slices.Contains(oneOf, text) {
		l.add(key, source, "must be "+enumerate(oneOf, "or")+"; "+didYouMean(text, oneOf, "write one of them"))
		return
	}
	if complaint := setText(place, text); complaint != "" {
		l.add(key, source, complaint)
	}
}

// splitList splits at commas and drops empty parts.
func splitList(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
