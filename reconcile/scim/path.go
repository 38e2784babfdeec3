package scim

import "strings"

// Path is where a PATCH operation works (RFC 7644 section 3.5.2): an attribute,
// an attribute with a filter over its values, each with a sub-attribute or
// without, or a whole extension. The zero value is the whole resource.
type Path struct {
	attr   attrPath
	filter node // nil when all values are meant
}

// ParsePath reads a PATCH path. The error is an *Error, 400 invalidPath.
func ParsePath(text string) (Path, error) {
	p := parser{text: text}
	path, err := p.path()
	if err != nil {
		return Path{}, &Error{Status: 400, ScimType: TypeInvalidPath, Detail: "The path cannot be read: " + err.Error()}
	}
	return path, nil
}

// String writes the path in a form that parses to the same path.
func (p Path) String() string {
	if p.filter == nil {
		return p.attr.String()
	}
	var b strings.Builder
	b.WriteString(attrPath{urn: p.attr.urn, name: p.attr.name}.String())
	b.WriteByte('[')
	p.filter.write(&b, false)
	b.WriteByte(']')
	if p.attr.sub != "" {
		b.WriteString("." + p.attr.sub)
	}
	return b.String()
}

// attrPath names an attribute: attrPath in the grammar of RFC 7644 figure 1.
type attrPath struct {
	urn  string // key of the extension, "" for the core schema
	name string // "" with a urn: the whole extension
	sub  string
}

func (p attrPath) String() string {
	text := p.name
	if p.sub != "" {
		text += "." + p.sub
	}
	switch {
	case p.urn != "" && text != "":
		return p.urn + ":" + text
	case p.urn != "":
		return p.urn
	case text == "":
		return SchemaUser // the whole resource has no other name
	}
	return text
}

// known is what the schema says of the path's last part.
func (p attrPath) known() attribute {
	a := lookup(p.urn, p.name)
	if p.sub != "" {
		return a.sub(p.sub)
	}
	return a
}

// parseAttrPath reads an attribute path and gives its names their canonical case.
func parseAttrPath(text string) (attrPath, bool) {
	urn, rest, known := splitKnownURN(text)
	if known && rest == "" {
		return attrPath{urn: urn}, true
	}
	if !known {
		if i := strings.LastIndexByte(text, ':'); i >= 0 {
			urn, rest = text[:i], text[i+1:]
			if !isURN(urn) {
				return attrPath{}, false
			}
		}
	}
	name, sub, dotted := strings.Cut(rest, ".")
	if !isName(name) || dotted && !isName(sub) {
		return attrPath{}, false
	}
	a := lookup(urn, name)
	p := attrPath{urn: urn, name: a.name}
	if dotted {
		p.sub = a.sub(sub).name
	}
	return p, true
}

// splitKnownURN takes a known schema URN, in any case, off the text. Some clients
// put a dot behind it.
func splitKnownURN(text string) (urn, rest string, known bool) {
	rest = text
	longest := 0
	for candidate, leads := range schemaURNs {
		n := len(candidate)
		if n < longest || n > len(text) || !strings.EqualFold(text[:n], candidate) {
			continue
		}
		tail := text[n:]
		if tail != "" && (tail[0] != ':' && tail[0] != '.' || strings.Contains(tail[1:], ":") || len(tail) == 1) {
			continue
		}
		longest, urn, known = n, leads, true
		rest = strings.TrimLeft(tail, ":.")
	}
	return urn, rest, known
}

func isURN(text string) bool {
	if len(text) < len("urn:x") || !strings.EqualFold(text[:4], "urn:") {
		return false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || strings.IndexByte(`"()[]\<>{}|^`, c) >= 0 {
			return false
		}
	}
	return true
}

// isName is ATTRNAME of the grammar, with the $ of $ref.
func isName(text string) bool {
	for i, c := range []byte(text) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') && (i == 0 || c != '-') && c != '_' && c != '$' {
			return false
		}
	}
	return text != ""
}

// values gives what the resource has at the path: the simple values, or of
// complex values without a sub-attribute their "value".
func (p attrPath) values(r map[string]any) []any {
	found := p.attribute(r)
	if found == nil {
		return nil
	}
	list, many := found.([]any)
	if !many {
		list = []any{found}
	}
	sub := p.sub
	if sub == "" {
		sub = "value"
	}
	out := make([]any, 0, len(list))
	for _, v := range list {
		switch v := v.(type) {
		case map[string]any:
			if leaf := get(v, sub); leaf != nil {
				out = append(out, leaf)
			}
		case nil:
		default:
			if p.sub == "" || strings.EqualFold(p.sub, "value") && many {
				out = append(out, v)
			}
		}
	}
	return out
}

// attribute is what the resource has under the path's name, its sub-attribute
// apart.
func (p attrPath) attribute(r map[string]any) any {
	if p.urn == "" {
		return get(r, p.name)
	}
	if extension, ok := get(r, p.urn).(map[string]any); ok {
		if p.name == "" {
			return extension
		}
		return get(extension, p.name)
	}
	if p.name == "" {
		return nil
	}
	return get(r, p.urn+":"+p.name) // the name is part of an unknown URN
}
