package scim

import "strings"

// Projection is the attributes and excludedAttributes of a request (RFC 7644 section
// 3.9): with attributes, those and no other; then without the excluded ones. id
// and schemas are always returned and a password never (RFC 7643 sections 3.1,
// 3.3 and 4.1.1). Names are attribute paths in any case, with sub-attributes and
// URNs; names that cannot be read are passed over, and a list of blanks is no
// list. The lists, which a client may make long, are read once for many resources.
type Projection struct {
	chosen, dropped choice
	nothing         bool // neither list has a name
}

// NewProjection reads the two lists.
func NewProjection(attributes, excluded []string) *Projection {
	p := &Projection{chosen: choose(attributes), dropped: choose(excluded), nothing: len(attributes)+len(excluded) == 0}
	if p.chosen != nil {
		p.chosen["id"], p.chosen["schemas"] = nil, nil
	}
	if p.dropped == nil {
		p.dropped = make(choice)
	}
	delete(p.dropped, "id")
	delete(p.dropped, "schemas")
	p.dropped["password"] = nil
	return p
}

// Of is the part of r that was asked for. It shares its values with r, or is r, which
// is not changed.
func (p *Projection) Of(r Resource) Resource {
	if p.nothing && !secret(r) {
		return r
	}
	if p.chosen != nil {
		r = p.chosen.pick(r)
	}
	return p.dropped.drop(r)
}

func secret(r Resource) bool {
	for name := range r {
		if strings.EqualFold(name, "password") {
			return true
		}
	}
	return false
}

// choice is a tree of lower-case names; nil means all that is below.
type choice map[string]choice

// choose reads a list of attribute paths; nil when it has none.
func choose(paths []string) choice {
	var c choice
	for _, text := range paths {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if c == nil {
			c = make(choice)
		}
		p, ok := parseAttrPath(text)
		switch {
		case !ok:
		case p == attrPath{}: // the URN of the core schema: all but the extensions
			for name := range core {
				c.add(name)
			}
		case p.urn == "":
			c.add(p.name, p.sub)
		default:
			c.add(p.urn, p.name, p.sub)
			if lookup(p.urn, p.name).kind == kindUnknown && p.name != "" {
				c.add(p.urn+":"+p.name, p.sub) // the name may be part of the URN
			}
		}
	}
	return c
}

// add puts a path into the tree; what is whole stays whole.
func (c choice) add(names ...string) {
	for i, name := range names {
		if name == "" {
			return
		}
		name = strings.ToLower(name)
		below, ok := c[name]
		switch last := i == len(names)-1 || names[i+1] == ""; {
		case ok && below == nil:
			return
		case last:
			c[name] = nil
			return
		case !ok:
			below = make(choice)
			c[name] = below
		}
		c = below
	}
}

// pick keeps what was chosen.
func (c choice) pick(object map[string]any) map[string]any {
	out := make(map[string]any, len(c))
	for k, v := range object {
		below, ok := c[strings.ToLower(k)]
		switch {
		case !ok:
		case below == nil:
			out[k] = v
		default:
			if v := below.each(v, below.pick); !unassigned(v) {
				out[k] = v
			}
		}
	}
	return out
}

// drop leaves out what was chosen.
func (c choice) drop(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	for k, v := range object {
		below, ok := c[strings.ToLower(k)]
		switch {
		case !ok:
			out[k] = v
		case below != nil:
			if v := below.each(v, below.drop); !unassigned(v) {
				out[k] = v
			}
		}
	}
	return out
}

// each works on a complex value, or on every one of several. A simple value
// counts as its own "value".
func (c choice) each(v any, work func(map[string]any) map[string]any) any {
	switch v := v.(type) {
	case map[string]any:
		return work(v)
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if e := c.each(e, work); !unassigned(e) {
				out = append(out, e)
			}
		}
		return out
	}
	return work(map[string]any{"value": v})["value"]
}
