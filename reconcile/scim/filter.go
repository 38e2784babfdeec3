package scim

import (
	"encoding/json"
	"strings"
)

// Filter is a parsed filter (RFC 7644 section 3.4.2.2). The zero value is not
// one: use ParseFilter.
type Filter struct{ root node }

// node is a part of a filter.
type node interface {
	match(r map[string]any) bool
	write(b *strings.Builder, inAnd bool)
}

type (
	logical struct { // two or more, none of them of the same kind
		and  bool
		list []node
	}
	not     struct{ inner node }
	compare struct {
		path  attrPath
		kind  kind   // of the values at the path
		op    string // lower case
		value any    // string, bool, nil or json.Number
	}
	present   struct{ path attrPath }
	valuePath struct { // emails[type eq "work"]
		path  attrPath
		inner node
	}
)

// Matches says whether the filter matches the resource. Where RFC 7644 section
// 3.4.2.2 leaves a choice:
//
//   - one value of a multi-valued attribute is enough, for ne as well;
//   - an attribute that the resource does not have is not equal to anything: ne
//     matches, all other operators do not. null stands for the absence of a value
//     (RFC 7643 section 2.5): eq null is the opposite of pr, ne null the same;
//   - pr wants something in it: "" and [] are nothing, false and 0 are something;
//   - a complex value without a sub-attribute is compared by its "value";
//   - booleans compare with their text as well (active eq "True");
//   - a password never matches: it cannot be guessed by filtering.
func (f *Filter) Matches(r Resource) bool { return f.root.match(r) }

// String writes the filter in a form that parses to the same filter.
func (f *Filter) String() string {
	var b strings.Builder
	f.root.write(&b, false)
	return b.String()
}

// Equality gives attribute (lower case) and value when the filter is nothing but
// attribute eq "value", so that an index can answer it.
func (f *Filter) Equality() (attribute, value string, ok bool) {
	c, isCompare := f.root.(compare)
	if !isCompare || c.op != "eq" {
		return "", "", false
	}
	value, ok = c.value.(string)
	if !ok {
		return "", "", false
	}
	return strings.ToLower(c.path.String()), value, true
}

func (l logical) match(r map[string]any) bool {
	for _, n := range l.list {
		if n.match(r) != l.and {
			return !l.and
		}
	}
	return l.and
}

func (l logical) write(b *strings.Builder, inAnd bool) {
	word := " or "
	if l.and {
		word = " and "
	}
	if inAnd {
		b.WriteByte('(')
	}
	for i, n := range l.list {
		if i > 0 {
			b.WriteString(word)
		}
		n.write(b, l.and)
	}
	if inAnd {
		b.WriteByte(')')
	}
}

// combine joins parts with and or or, without nesting the same kind.
func combine(and bool, list []node) node {
	if len(list) == 1 {
		return list[0]
	}
	flat := make([]node, 0, len(list))
	for _, n := range list {
		if l, ok := n.(logical); ok && l.and == and {
			flat = append(flat, l.list...)
			continue
		}
		flat = append(flat, n)
	}
	return logical{and: and, list: flat}
}

func (n not) match(r map[string]any) bool { return !n.inner.match(r) }

func (n not) write(b *strings.Builder, _ bool) {
	b.WriteString("not (")
	n.inner.write(b, false)
	b.WriteByte(')')
}

func (p present) match(r map[string]any) bool {
	if p.path.secret() {
		return false
	}
	if p.path.sub != "" {
		for _, v := range p.path.values(r) {
			if !empty(v) {
				return true
			}
		}
		return false
	}
	return !empty(p.path.attribute(r))
}

func (p present) write(b *strings.Builder, _ bool) { b.WriteString(p.path.String() + " pr") }

func (v valuePath) match(r map[string]any) bool {
	for _, element := range elements(v.path.attribute(r)) {
		if v.inner.match(asObject(element)) {
			return true
		}
	}
	return false
}

func (v valuePath) write(b *strings.Builder, _ bool) {
	b.WriteString(v.path.String() + "[")
	v.inner.write(b, false)
	b.WriteByte(']')
}

// elements are the values of an attribute, one or several.
func elements(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// asObject is a value as a filter in brackets sees it: a simple value has the one
// sub-attribute "value" (RFC 7643 section 2.4).
func asObject(v any) map[string]any {
	if object, ok := v.(map[string]any); ok {
		return object
	}
	return map[string]any{"value": v}
}

// secret says that the attribute is never returned (RFC 7643 section 4.1.1), so
// that nothing may be learned of it either.
func (p attrPath) secret() bool { return p.urn == "" && p.name == "password" }

func (c compare) write(b *strings.Builder, _ bool) {
	b.WriteString(c.path.String() + " " + c.op + " ")
	switch v := c.value.(type) {
	case string:
		b.WriteString(Quote(v))
	case bool:
		if v {
			b.WriteString("true")
		} else {
			b.WriteString("false")
		}
	case json.Number:
		b.WriteString(v.String())
	default:
		b.WriteString("null")
	}
}
