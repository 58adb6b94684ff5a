package filter

import (
	"strings"

	"github.com/usher-scim/usher/scim"
)

// Expr is a parsed filter whose names are not bound yet.
type Expr interface {
	// String writes the filter so that Parse gives the same again.
	String() string
}

type (
	andExpr  struct{ parts []Expr }
	orExpr   struct{ parts []Expr }
	notExpr  struct{ part Expr }
	elemExpr struct {
		path  string
		inner Expr
		sub   string // after the bracket, in filters: a[x].sub eq …
		rest  *compareExpr
		at    int
	}
	compareExpr struct {
		path string
		op   Op
		lit  literal
		at   int
	}
)

// literal is a comparison value as written.
type literal struct {
	kind litKind
	text string
}

type litKind uint8

const (
	litString litKind = iota
	litNumber
	litBool
	litNull
	litBare // unquoted text
)

func (e andExpr) String() string { return join(e.parts, " and ") }
func (e orExpr) String() string  { return "(" + join(e.parts, " or ") + ")" }
func (e notExpr) String() string { return "not (" + e.part.String() + ")" }
func (e elemExpr) String() string {
	s := e.path + "[" + e.inner.String() + "]"
	if e.rest != nil {
		s += "." + e.sub + e.rest.tail()
	}
	return s
}
func (e compareExpr) String() string { return e.path + e.tail() }

func (e compareExpr) tail() string {
	if e.op == Present {
		return " pr"
	}
	lit := e.lit.text
	switch e.lit.kind {
	case litString, litBare:
		lit = string(scim.AppendString(nil, e.lit.text))
	case litNull:
		lit = "null"
	}
	return " " + e.op.String() + " " + lit
}

func join(parts []Expr, sep string) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.String()
	}
	return strings.Join(texts, sep)
}

// Parse reads a filter (RFC 7644 section 3.4.2.2). The limits on length, depth
// and terms hold before and while it is read. Errors are *scim.Error of type
// invalidFilter.
func Parse(src string, dialect scim.Quirks) (Expr, scim.Quirks, error) {
	p, err := newParser(src, dialect)
	if err != nil {
		return nil, 0, err
	}
	e, err := p.or()
	if err == nil && p.tok.kind != tokEnd {
		err = p.fail("something that does not belong there")
	}
	if err != nil {
		return nil, 0, err
	}
	return e, p.met, nil
}

type parser struct {
	lexer
	tok     token
	depth   int
	terms   int
	dialect scim.Quirks
	met     scim.Quirks
}

func newParser(src string, dialect scim.Quirks) (*parser, error) {
	if len(src) > scim.MaxFilter {
		return nil, scim.Errorf(scim.InvalidFilter, "The filter is longer than %d bytes.", scim.MaxFilter)
	}
	p := &parser{lexer: lexer{src: src}, dialect: dialect}
	return p, p.advance()
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *parser) fail(what string) error { return p.lexer.fail(p.tok.at, what) }

// enter guards every recursion.
func (p *parser) enter() error {
	if p.depth++; p.depth > scim.MaxDepth {
		return scim.Errorf(scim.InvalidFilter, "The filter is nested more than %d levels deep.", scim.MaxDepth)
	}
	return nil
}

// keyword takes the next token if it is the word, in any letter case.
func (p *parser) keyword(word string) (bool, error) {
	if p.tok.kind != tokWord || !scim.EqualName(p.tok.text, word) {
		return false, nil
	}
	if p.tok.text != word {
		p.met |= scim.MixedCase
	}
	return true, p.advance()
}

func (p *parser) or() (Expr, error) {
	return p.series("or", p.and, func(parts []Expr) Expr { return orExpr{parts} })
}

func (p *parser) and() (Expr, error) {
	return p.series("and", p.term, func(parts []Expr) Expr { return andExpr{parts} })
}

func (p *parser) series(word string, part func() (Expr, error), make func([]Expr) Expr) (Expr, error) {
	var parts []Expr
	for {
		e, err := part()
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
		more, err := p.keyword(word)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return make(parts), nil
}

func (p *parser) term() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch p.tok.kind {
	case tokOpen:
		return p.group()
	case tokWord:
		if scim.EqualName(p.tok.text, "not") {
			return p.not()
		}
		return p.comparison()
	case tokEnd:
		return nil, p.fail("an end where a comparison belongs")
	}
	return nil, p.fail("something else where a comparison belongs")
}

func (p *parser) group() (Expr, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	e, err := p.or()
	if err == nil && p.tok.kind != tokClose {
		err = p.fail("no closing parenthesis")
	}
	if err != nil {
		return nil, err
	}
	return e, p.advance()
}

func (p *parser) not() (Expr, error) {
	if _, err := p.keyword("not"); err != nil {
		return nil, err
	}
	if p.tok.kind != tokOpen {
		return nil, p.fail("no parenthesis after not")
	}
	e, err := p.group()
	return notExpr{e}, err
}

// comparison reads `path op value`, `path pr` or `path[…]`.
func (p *parser) comparison() (Expr, error) {
	if p.terms++; p.terms > scim.MaxFilterTerms {
		return nil, scim.Errorf(scim.InvalidFilter, "The filter has more than %d comparisons.", scim.MaxFilterTerms)
	}
	path, at := p.tok.text, p.tok.at
	if !validPath(path) {
		return nil, p.fail("something that is not an attribute")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokOpenElem {
		return p.element(path, at)
	}
	return p.operator(path, at)
}

func (p *parser) operator(path string, at int) (*compareExpr, error) {
	if p.tok.kind != tokWord {
		return nil, p.fail("no operator where one belongs")
	}
	for i, name := range opNames {
		if !scim.EqualName(name, p.tok.text) {
			continue
		}
		if _, err := p.keyword(name); err != nil {
			return nil, err
		}
		c := &compareExpr{path: path, op: Op(i), at: at}
		if c.op == Present {
			return c, nil
		}
		return c, p.literal(&c.lit)
	}
	return nil, p.fail("an operator that SCIM does not have")
}

func (p *parser) literal(lit *literal) error {
	lit.text = p.tok.text
	switch {
	case p.tok.kind == tokString:
		lit.kind = litString
	case p.tok.kind == tokNumber:
		lit.kind = litNumber
	case p.tok.kind != tokWord:
		return p.fail("no value to compare with")
	case p.tok.text == "null":
		lit.kind = litNull
	case scim.EqualName(p.tok.text, "true"), scim.EqualName(p.tok.text, "false"):
		lit.kind = litBool
	case p.tok.text[0] == '\'':
		return p.fail("single quotation marks where double ones belong")
	case p.dialect.Has(scim.UnquotedLiteral):
		p.met |= scim.UnquotedLiteral
		lit.kind = litBare
	default:
		return p.fail("a text without quotation marks")
	}
	return p.advance()
}

// element reads the part in brackets and what follows it.
func (p *parser) element(path string, at int) (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokCloseElem {
		return nil, p.fail("no closing bracket")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	e := elemExpr{path: path, inner: inner, at: at}
	if p.tok.kind != tokSubElement {
		return e, nil
	}
	if e.sub = p.tok.text[1:]; !validPath(e.sub) {
		return nil, p.fail("something that is not an attribute")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokEnd {
		return e, nil // a path; filters refuse it when they are bound
	}
	e.rest, err = p.operator(e.sub, at)
	return e, err
}

func validPath(s string) bool {
	if s == "" || len(s) > 512 || !(s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z' || s[0] == '$') {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_-.:$", c) >= 0) {
			return false
		}
	}
	return true
}
