package scim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Resource is a SCIM resource as decoded JSON: map[string]any, []any, string,
// bool, nil, and numbers as float64 or, with UseNumber, json.Number.
type Resource = map[string]any

// ApplyPatch applies operations in their order to a copy of the resource (RFC
// 7644 section 3.5.2); all of them or, with an error, none. r is not changed.
// changed says whether the result differs from r, apart from what is null in one
// and absent in the other. Every error is an *Error with status 400 and a type of
// RFC 7644 table 9.
//
// It is lenient where clients differ and the meaning is plain; doc.go lists how.
func ApplyPatch(r Resource, ops []Operation) (out Resource, changed bool, err error) {
	out, _ = clone(r).(map[string]any)
	if out == nil {
		out = make(map[string]any)
	}
	for i, op := range ops {
		if err := apply(out, op); err != nil {
			return nil, false, located(err, i, op)
		}
	}
	return out, !same(map[string]any(r), out), nil
}

// located says which operation an error is about.
func located(err error, i int, op Operation) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	path, _, _ := strings.Cut(op.Path, "[") // without the filter, which may name people
	what := strings.TrimSpace(strings.ToLower(op.Op) + " " + path)
	return &Error{Status: e.Status, ScimType: e.ScimType, Detail: fmt.Sprintf("Operation %d (%s): %s", i+1, what, e.Detail)}
}

// refuse is a 400 with its type.
func refuse(scimType, format string, args ...any) error {
	return &Error{Status: 400, ScimType: scimType, Detail: fmt.Sprintf(format, args...)}
}

// The operations, as they are compared.
const (
	opAdd     = "add"
	opRemove  = "remove"
	opReplace = "replace"
)

// apply applies one operation in place.
func apply(r map[string]any, op Operation) error {
	word := strings.ToLower(strings.TrimSpace(op.Op))
	if word != opAdd && word != opRemove && word != opReplace {
		return refuse(TypeInvalidSyntax, "op must be add, remove or replace")
	}
	path, err := ParsePath(strings.TrimSpace(op.Path))
	if strings.TrimSpace(op.Path) == "" {
		path, err = Path{}, nil
	}
	if err != nil {
		return err
	}
	value := clone(op.Value)
	if value == nil && word == opAdd {
		return refuse(TypeInvalidValue, "add needs a value")
	}
	required := requiredNames(r)
	if path == (Path{}) {
		err = applyObject(r, word, value)
	} else {
		err = applyAt(r, edit{op: word, path: path, value: value})
	}
	if err != nil {
		return err
	}
	for _, name := range required {
		if empty(get(r, name)) {
			return refuse(TypeMutability, "%s is required and cannot be taken away", name)
		}
	}
	return nil
}

// requiredNames are the required attributes that the resource has: userName, and
// displayName of a group (RFC 7643 sections 4.1.1 and 4.2).
func requiredNames(r map[string]any) []string {
	var names []string
	if !empty(get(r, "userName")) {
		names = append(names, "userName")
	}
	if isGroup(r) && !empty(get(r, "displayName")) {
		names = append(names, "displayName")
	}
	return names
}

func isGroup(r map[string]any) bool {
	meta, _ := get(r, "meta").(map[string]any)
	return hasSchema(r, SchemaGroup) || get(meta, "resourceType") == "Group"
}

// applyObject is an operation without a path: each member of the value is an
// attribute, with a path as its name. schemas is left alone: it follows from the
// extensions that the resource has.
func applyObject(r map[string]any, op string, value any) error {
	if op == opRemove {
		return refuse(TypeNoTarget, "remove needs a path")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return refuse(TypeInvalidValue, "without a path, the value must be an object of attributes")
	}
	for _, name := range sortedKeys(object) {
		v := object[name]
		path, err := ParsePath(name)
		switch {
		case err != nil:
			return refuse(TypeInvalidPath, "a name in the value is not an attribute")
		case path == Path{}:
			err = applyObject(r, op, v)
		case path.attr == attrPath{name: "schemas"}, v == nil && op == opAdd:
		default:
			err = applyAt(r, edit{op: op, path: path, value: v})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// edit is an operation at a path.
type edit struct {
	op    string
	path  Path
	value any
}

// applyAt finds the object that has the attribute: the resource, or an extension
// of it.
func applyAt(r map[string]any, e edit) error {
	urn := e.path.attr.urn
	if urn == "" {
		return e.attribute(r)
	}
	if whole, is := wholeExtension(r, e); is {
		return applyExtension(r, whole, e)
	}
	k, exists := key(r, urn)
	if !exists {
		k = urn
	}
	extension, ok := r[k].(map[string]any)
	if exists && !ok && r[k] != nil {
		return refuse(TypeInvalidPath, "the extension is not an object in this resource")
	}
	if extension == nil {
		extension = make(map[string]any)
	}
	if err := e.attribute(extension); err != nil {
		return err
	}
	setExtension(r, k, extension)
	return nil
}

// wholeExtension says whether the path is the URN of an extension. Of a URN that
// is not known here, what follows the last colon may be an attribute or part of
// the URN: what the resource has decides, else a version before it and an object
// as the value (urn:acme:2.0:User).
func wholeExtension(r map[string]any, e edit) (string, bool) {
	p := e.path.attr
	if p.name == "" {
		return p.urn, true
	}
	if lookup(p.urn, p.name).kind != kindUnknown || p.sub != "" || e.path.filter != nil {
		return "", false
	}
	full := p.urn + ":" + p.name
	if k, ok := key(r, full); ok {
		return k, true
	}
	_, object := e.value.(map[string]any)
	version := p.urn[strings.LastIndexByte(p.urn, ':')+1:]
	return full, object && strings.Trim(version, "0123456789.") == ""
}

// applyExtension works on an extension as a whole.
func applyExtension(r map[string]any, urn string, e edit) error {
	if k, ok := key(r, urn); ok {
		urn = k
	}
	if e.op == opRemove || e.value == nil {
		setExtension(r, urn, nil)
		return nil
	}
	object, ok := e.value.(map[string]any)
	if !ok {
		return refuse(TypeInvalidValue, "an extension is an object")
	}
	extension, _ := r[urn].(map[string]any)
	if extension == nil {
		extension = make(map[string]any)
	}
	for _, name := range sortedKeys(object) {
		p, ok := parseAttrPath(name)
		if !ok || p.urn != "" {
			return refuse(TypeInvalidPath, "a name in the value is not an attribute")
		}
		v := object[name]
		if v == nil && e.op == opAdd {
			continue
		}
		p.urn, p.name = urn, lookup(urn, p.name).name
		if err := (edit{op: e.op, path: Path{attr: p}, value: v}).attribute(extension); err != nil {
			return err
		}
	}
	setExtension(r, urn, extension)
	return nil
}

// setExtension stores an extension, or takes it away when nothing is in it, and
// lets schemas say so (RFC 7643 section 3: schemas names the extensions in use).
func setExtension(r map[string]any, urn string, extension map[string]any) {
	if len(extension) == 0 {
		delete(r, urn)
	} else {
		r[urn] = extension
	}
	k, _ := key(r, "schemas")
	schemas, ok := r[k].([]any)
	switch has := hasSchema(r, urn); {
	case !ok:
	case len(extension) == 0 && has:
		r[k] = slices.DeleteFunc(schemas, func(s any) bool { return isText(s, urn) })
	case len(extension) > 0 && !has:
		r[k] = append(schemas, urn)
	}
}

func hasSchema(r map[string]any, urn string) bool {
	return slices.ContainsFunc(elements(get(r, "schemas")), func(s any) bool { return isText(s, urn) })
}

func isText(v any, text string) bool {
	s, ok := v.(string)
	return ok && strings.EqualFold(s, text)
}

// Scim1Members translates the members of a SCIM 1.1 PATCH into operations:
// "operation": "delete" removes a member, anything else adds it.
func Scim1Members(members []Member) []Operation {
	var ops []Operation
	for _, m := range members {
		word, value := opAdd, map[string]any{"value": m.Value}
		if strings.EqualFold(m.Operation, "delete") {
			word = opRemove
		} else if m.Type != "" {
			value["type"] = m.Type
		}
		if n := len(ops); n > 0 && ops[n-1].Op == word {
			list, _ := ops[n-1].Value.([]any)
			ops[n-1].Value = append(list, value)
			continue
		}
		ops = append(ops, Operation{Op: word, Path: "members", Value: []any{value}})
	}
	return ops
}
