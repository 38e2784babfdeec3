package scim

import (
	"encoding/json"
	"maps"
	"slices"
)

// empty says that nothing is in a value: it is unassigned, or "", or nothing but
// these are in it.
func empty(v any) bool { return v == "" || hollow(v, empty) }

// unassigned says that a value is as good as absent: null, or an array or object
// without any value (RFC 7643 section 2.5). "" is a value.
func unassigned(v any) bool { return hollow(v, unassigned) }

// hollow says that a value is null, or that all within it is as part says.
func hollow(v any, part func(any) bool) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !part(e) })
	case map[string]any:
		for _, e := range v {
			if !part(e) {
				return false
			}
		}
		return true
	}
	return false
}

// same compares values: numbers by value, and an unassigned member of an object
// is as good as none.
func same(a, b any) bool {
	if x, ok := toNumber(a); ok {
		y, ok := toNumber(b)
		return ok && x.compare(y) == 0
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && covers(a, b) && covers(b, a)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case nil, bool, string:
		switch b.(type) {
		case nil, bool, string:
			return a == b
		}
	}
	return false
}

// covers says that b has every assigned member of a.
func covers(a, b map[string]any) bool {
	for k, v := range a {
		if w, ok := b[k]; ok && same(v, w) {
			continue
		}
		if !unassigned(v) || !unassigned(b[k]) {
			return false
		}
	}
	return true
}

// clone copies a JSON value in full. A value of another type, such as []Member,
// becomes the JSON that it is written as.
func clone(v any) any {
	switch v := v.(type) {
	case nil, bool, string, float64, json.Number, int, int64:
		return v
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	}
	data, err := json.Marshal(v)
	var out any
	if err != nil || json.Unmarshal(data, &out) != nil {
		return nil
	}
	return out
}

// conform gives a value the shape that the schema has for the attribute, where
// what clients send can mean one thing only: booleans and numbers as text, one
// value instead of a list of one and the other way round, a value without its
// object, names of sub-attributes in another case. ok is false when it cannot.
func conform(a attribute, v any) (out any, ok bool) {
	if a.multi {
		return conformList(a, v)
	}
	if list, many := v.([]any); many && a.kind != kindUnknown {
		if len(list) != 1 {
			return nil, len(list) == 0
		}
		v = list[0]
	}
	return conformOne(a, v)
}

func conformList(a attribute, v any) (any, bool) {
	list := elements(v)
	out := make([]any, 0, len(list))
	for _, e := range list {
		if e == nil {
			continue
		}
		e, ok := conformOne(a, e)
		if !ok {
			return nil, false
		}
		if object, isObject := e.(map[string]any); isObject {
			tidy(object)
		}
		out = append(out, e)
	}
	return out, true
}

func conformOne(a attribute, v any) (any, bool) {
	if v == nil || a.kind == kindUnknown {
		return v, true
	}
	object, isObject := v.(map[string]any)
	if a.kind == kindComplex {
		_, hasValue := a.subs["value"]
		switch {
		case isObject:
			return conformObject(a, object)
		case hasValue: // "x" for {"value": "x"}
			value, ok := conformOne(a.sub("value"), v)
			return map[string]any{"value": value}, ok
		}
		return nil, false
	}
	if isObject { // {"value": "x"} for "x"
		if k, ok := key(object, "value"); ok {
			v = object[k]
		}
	}
	switch a.kind {
	case kindBoolean:
		b, ok := toBool(v)
		return b, ok
	default:
		return toText(v)
	}
}

func toText(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case nil:
		return nil, true
	}
	if _, ok := toNumber(v); ok {
		text, err := json.Marshal(v)
		return string(text), err == nil
	}
	return nil, false
}

// conformObject gives the sub-attributes their canonical names and types. Of two
// that differ in case only, the one that sorts last counts.
func conformObject(a attribute, object map[string]any) (any, bool) {
	out := make(map[string]any, len(object))
	for _, k := range sortedKeys(object) {
		sub := a.sub(k)
		v, ok := conform(sub, object[k])
		if !ok {
			return nil, false
		}
		out[sub.name] = v
	}
	return out, true
}

// tidy takes what is unassigned out of an object.
func tidy(object map[string]any) {
	maps.DeleteFunc(object, func(_ string, v any) bool { return unassigned(v) })
}

func sortedKeys(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// identity is what makes a value of a multi-valued attribute one and the same:
// its value for references, type and value for others (RFC 7643 section 2.4),
// else all of it.
func identity(a attribute, v any) string {
	object := asObject(v)
	value, ok := get(object, "value").(string)
	if !ok {
		data, _ := json.Marshal(v) // decoded JSON: cannot fail
		return "json " + string(data)
	}
	known := a.sub("value")
	if known.kind == kindString {
		value = fold(value)
	}
	if a.references() {
		return "id " + value
	}
	kind, _ := get(object, "type").(string)
	return "value " + fold(kind) + "\x00" + value
}

// references says that the values stand for resources.
func (a attribute) references() bool { return a.name == "members" || a.name == "groups" }
