package scim

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a filter may cost: longer or deeper ones are refused.
const (
	maxFilterBytes = 8192
	maxFilterDepth = 32 // brackets within brackets
)

// FilterError says where a filter cannot be read, and what was expected there.
// It does not quote from the filter, which may hold personal data.
type FilterError struct {
	Position int    // bytes from the start of the text
	Expected string // for people, such as: an operator (eq, ne, …)
	Found    string // for people, what kind of thing stands there
}

// Error says where and what.
func (e *FilterError) Error() string {
	return fmt.Sprintf("at character %d: expected %s, found %s", e.Position+1, e.Expected, e.Found)
}

// Unwrap gives the answer for the client: 400 invalidFilter.
func (e *FilterError) Unwrap() error {
	return &Error{Status: 400, ScimType: TypeInvalidFilter, Detail: "The filter cannot be read: " + e.Error()}
}

// ParseFilter reads a filter of at most 8 KiB, with the grammar of RFC 7644
// figure 1. Beyond it, a comparison may follow a value path, as clients write it:
// emails[type eq "work"].value eq "x". The error is a *FilterError, and errors.As
// finds an *Error in it.
func ParseFilter(text string) (*Filter, error) {
	p := parser{text: text}
	root, err := p.filter()
	if err == nil && p.peek() != 0 {
		err = p.fail("and, or, or the end")
	}
	if err != nil {
		return nil, err
	}
	return &Filter{root: root}, nil
}

// parser reads filters and paths by recursive descent.
type parser struct {
	text   string
	pos    int
	depth  int
	parent *attribute // whose values the filter is over, between [ and ]
}

func (p *parser) fail(expected string) error {
	return &FilterError{Position: p.pos, Expected: expected, Found: p.found()}
}

// found names what stands at the position without quoting it.
func (p *parser) found() string {
	switch c := p.at(); {
	case p.pos >= len(p.text):
		return "the end"
	case strings.IndexByte(`()[].`, c) >= 0:
		return string(c)
	case c == '"':
		return "a text in quotes"
	case c == ' ' || c == '\t':
		return "a space"
	}
	word := p.text[p.pos : p.pos+p.wordLength()]
	if comparisons[strings.ToLower(word)] || isKeyword(word) {
		return word
	}
	return "something else"
}

func isKeyword(word string) bool {
	return strings.EqualFold(word, "and") || strings.EqualFold(word, "or") || strings.EqualFold(word, "not") || strings.EqualFold(word, "pr")
}

// at is the byte at the position, 0 at the end.
func (p *parser) at() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

// peek is the next byte that is not a space, 0 at the end.
func (p *parser) peek() byte {
	for p.at() == ' ' || p.at() == '\t' {
		p.pos++
	}
	if p.pos < len(p.text) && p.text[p.pos] == 0 {
		return 1 // a NUL is not the end
	}
	return p.at()
}

func (p *parser) wordLength() int {
	n := strings.IndexAny(p.text[p.pos:], " \t()[]\"")
	if n < 0 {
		n = len(p.text) - p.pos
	}
	return n
}

// keyword takes the word when it comes next.
func (p *parser) keyword(word string) bool {
	p.peek()
	n := p.wordLength()
	if n == len(word) && strings.EqualFold(p.text[p.pos:p.pos+n], word) {
		p.pos += n
		return true
	}
	return false
}

// filter reads FILTER: terms with and, those with or.
func (p *parser) filter() (node, error) {
	switch {
	case len(p.text) > maxFilterBytes:
		return nil, &FilterError{Position: maxFilterBytes, Expected: fmt.Sprintf("at most %d bytes", maxFilterBytes), Found: "more"}
	case !utf8.ValidString(p.text):
		return nil, &FilterError{Expected: "UTF-8", Found: "other bytes"}
	case p.depth >= maxFilterDepth:
		return nil, p.fail(fmt.Sprintf("at most %d brackets within each other", maxFilterDepth))
	}
	p.depth++
	defer func() { p.depth-- }()
	var either []node
	for {
		var all []node
		for {
			term, err := p.term()
			if err != nil {
				return nil, err
			}
			all = append(all, term)
			if !p.keyword("and") {
				break
			}
		}
		either = append(either, combine(true, all))
		if !p.keyword("or") {
			return combine(false, either), nil
		}
	}
}

// term reads one condition, or several in brackets.
func (p *parser) term() (node, error) {
	if p.peek() == '(' {
		return p.bracketed('(', ')')
	}
	start := p.pos
	if p.keyword("not") {
		if p.peek() != '(' {
			return nil, p.fail("( after not")
		}
		inner, err := p.bracketed('(', ')')
		return not{inner}, err
	}
	n := p.wordLength()
	path, ok := parseAttrPath(p.text[p.pos : p.pos+n])
	if !ok || path.name == "" {
		return nil, p.fail("the name of an attribute")
	}
	p.pos += n
	if p.at() == '[' {
		return p.valuePath(path, start)
	}
	if p.parent != nil && path.urn == "" {
		path.name = p.parent.sub(path.name).name
	}
	return p.condition(path)
}

// bracketed reads a filter between brackets.
func (p *parser) bracketed(open, shut byte) (node, error) {
	if p.peek() != open {
		return nil, p.fail(string(open))
	}
	p.pos++
	inner, err := p.filter()
	if err == nil && p.peek() != shut {
		err = p.fail("and, or, or " + string(shut))
	}
	if err != nil {
		return nil, err
	}
	p.pos++
	return inner, nil
}

// valuePath reads the filter in square brackets behind an attribute, and the
// comparison that some clients put behind it.
func (p *parser) valuePath(path attrPath, start int) (node, error) {
	if p.parent != nil || path.sub != "" {
		p.pos = start
		return nil, p.fail("no value path within a value path or a sub-attribute")
	}
	inner, err := p.valueFilter(path)
	if err != nil || p.at() != '.' {
		return valuePath{path, inner}, err
	}
	sub, err := p.subAttribute(path)
	if err != nil {
		return nil, err
	}
	a := lookup(path.urn, path.name)
	p.parent = &a
	behind, err := p.condition(attrPath{name: sub})
	p.parent = nil
	if err != nil {
		return nil, err
	}
	return valuePath{path, combine(true, []node{inner, behind})}, nil
}

func (p *parser) valueFilter(path attrPath) (node, error) {
	a := lookup(path.urn, path.name)
	p.parent = &a
	defer func() { p.parent = nil }()
	return p.bracketed('[', ']')
}

// subAttribute reads .name.
func (p *parser) subAttribute(path attrPath) (string, error) {
	p.pos++
	n := p.wordLength()
	name := p.text[p.pos : p.pos+n]
	if !isName(name) {
		return "", p.fail("the name of a sub-attribute")
	}
	p.pos += n
	return lookup(path.urn, path.name).sub(name).name, nil
}

// path reads PATH of RFC 7644 figure 7.
func (p *parser) path() (Path, error) {
	n := p.wordLength()
	attr, ok := parseAttrPath(p.text[:n])
	if !ok {
		return Path{}, p.fail("the name of an attribute")
	}
	p.pos = n
	path := Path{attr: attr}
	if p.at() == '[' {
		if attr.sub != "" || attr.name == "" {
			return Path{}, p.fail("a filter behind an attribute only")
		}
		var err error
		if path.filter, err = p.valueFilter(attr); err != nil {
			return Path{}, err
		}
		if p.at() == '.' {
			if path.attr.sub, err = p.subAttribute(attr); err != nil {
				return Path{}, err
			}
		}
	}
	if p.pos < len(p.text) {
		return Path{}, p.fail("the end of the path")
	}
	return path, nil
}

var comparisons = map[string]bool{"eq": true, "ne": true, "co": true, "sw": true, "ew": true, "gt": true, "ge": true, "lt": true, "le": true}

// condition reads the operator, and the value where it takes one.
func (p *parser) condition(path attrPath) (node, error) {
	if p.keyword("pr") {
		return present{path}, nil
	}
	p.peek()
	n := p.wordLength()
	op := strings.ToLower(p.text[p.pos : p.pos+n])
	if !comparisons[op] {
		return nil, p.fail("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)")
	}
	p.pos += n
	p.peek()
	start := p.pos
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	k := p.kind(path)
	if expected := fits(k, op, value); expected != "" {
		p.pos = start
		return nil, p.fail(expected)
	}
	return compare{path: path, kind: k, op: op, value: value}, nil
}

// kind is what the values at the path are.
func (p *parser) kind(path attrPath) kind {
	a := path.known()
	if p.parent != nil && path.urn == "" {
		a = p.parent.sub(path.name)
		if path.sub != "" {
			a = a.sub(path.sub)
		}
	}
	if a.kind == kindComplex {
		a = a.sub("value")
	}
	return a.kind
}

// fits says what the operator wants when it cannot compare such values: order is
// not defined for booleans and binary ("SHALL cause a failed response (HTTP
// status code 400) with scimType invalidFilter"), nor parts of anything but text.
func fits(k kind, op string, value any) string {
	_, text := value.(string)
	_, number := value.(json.Number)
	switch {
	case op == "eq" || op == "ne":
	case op == "co" || op == "sw" || op == "ew":
		if !text {
			return "a text in double quotes"
		}
	case k == kindBoolean || k == kindBinary:
		return "eq or ne, as this attribute has no order"
	case !text && !number:
		return "a text or a number, which have an order"
	}
	return ""
}

// literal reads compValue.
func (p *parser) literal() (any, error) {
	const expected = "a value: a text in double quotes, a number, true, false or null"
	if p.at() == '"' {
		return p.quoted()
	}
	n := p.wordLength()
	word := p.text[p.pos : p.pos+n]
	var value any
	switch {
	case strings.EqualFold(word, "true"):
		value = true
	case strings.EqualFold(word, "false"):
		value = false
	case strings.EqualFold(word, "null"):
	case word != "" && (word[0] == '-' || '0' <= word[0] && word[0] <= '9') && json.Valid([]byte(word)):
		value = json.Number(word)
	default:
		return nil, p.fail(expected)
	}
	p.pos += n
	return value, nil
}

func (p *parser) quoted() (any, error) {
	rest := p.text[p.pos:]
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			var value string
			if json.Unmarshal([]byte(rest[:i+1]), &value) != nil {
				return nil, p.fail("a text with the escapes of JSON")
			}
			p.pos += i + 1
			return value, nil
		}
	}
	p.pos = len(p.text)
	return nil, p.fail("the closing quote of a text")
}
