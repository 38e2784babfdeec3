package push

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tomorro-sync/reconcile/scim"
)

// step is one PATCH operation on one attribute: an operation without a path is
// several.
type step struct {
	op     string // add, remove, replace
	path   string // canonical
	attr   string // its attribute, in the schema's case
	filter string // what is in the brackets
	sub    string // its sub-attribute
	value  any
	valued bool // a value was given, even null
}

func (s *step) operation() scim.Operation {
	return scim.Operation{Op: s.op, Path: s.path, Value: s.value}
}

// readSteps reads the body of a PATCH: SCIM 2.0's Operations, or SCIM 1.1's
// members, which the older types of OneLogin's app send.
func (c *call) readSteps() ([]step, error) {
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	if field(body, "Operations") == nil {
		return readOldSteps(body)
	}
	list, ok := field(body, "Operations").([]any)
	if !ok || len(list) == 0 {
		return nil, syntax("Operations must be a list with at least one operation.")
	}
	var steps []step
	for _, v := range list {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, syntax("An operation must be an object.")
		}
		op, err := text(object, "op")
		if err != nil {
			return nil, err
		}
		op = strings.ToLower(strings.TrimSpace(op))
		if op != "add" && op != "remove" && op != "replace" {
			return nil, syntax("op must be add, remove or replace.")
		}
		path, isText := field(object, "path").(string)
		if !isText && field(object, "path") != nil {
			return nil, refuse(http.StatusBadRequest, scim.TypeInvalidPath, "path must be text.")
		}
		value, valued := lookUp(object, "value")
		some, err := expand(op, strings.TrimSpace(path), value, valued)
		if err != nil {
			return nil, err
		}
		steps = append(steps, some...)
	}
	return steps, nil
}

// readOldSteps reads SCIM 1.1's PATCH (its section 3.3.2): members each with their
// operation, none meaning add.
func readOldSteps(body map[string]any) ([]step, error) {
	list, ok := field(body, "members").([]any)
	if !ok || len(list) == 0 {
		return nil, syntax("A PATCH needs Operations, or members as SCIM 1.1 has them.")
	}
	var members []scim.Member
	for _, v := range list {
		ids, err := memberIDs(v)
		if err != nil {
			return nil, err
		}
		object, _ := v.(map[string]any)
		op, err := text(object, "operation")
		if err != nil {
			return nil, err
		}
		op = strings.ToLower(strings.TrimSpace(op))
		if op != "" && op != "add" && op != "delete" {
			return nil, invalid("The operation of a member must be add or delete.")
		}
		for _, id := range ids {
			members = append(members, scim.Member{Value: id, Operation: op})
		}
	}
	var steps []step
	for _, op := range scim.Scim1Members(members) {
		steps = append(steps, step{op: op.Op, path: op.Path, attr: "members", value: op.Value, valued: true})
	}
	return steps, nil
}

// expand makes steps of one operation. Without a path, each member of its value
// is an attribute, with a path as its name. A removal without a path has no
// target, but for members that it lists.
func expand(op, path string, value any, valued bool) ([]step, error) {
	parsed, err := scim.ParsePath(path)
	if path == "" {
		parsed, err = scim.Path{}, nil
	}
	if err != nil {
		return nil, err
	}
	if parsed != (scim.Path{}) {
		return []step{newStep(op, parsed.String(), value, valued)}, nil
	}
	object, ok := value.(map[string]any)
	switch {
	case op == "remove" && (len(object) != 1 || field(object, "members") == nil):
		return nil, refuse(http.StatusBadRequest, scim.TypeNoTarget, "A removal needs a path.")
	case !ok:
		return nil, invalid("An operation without a path needs an object of attributes as its value.")
	}
	var steps []step
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if strings.TrimSpace(name) == "" {
			return nil, refuse(http.StatusBadRequest, scim.TypeInvalidPath, "An attribute without a name is in the value.")
		}
		some, err := expand(op, name, object[name], true)
		if err != nil {
			return nil, err
		}
		steps = append(steps, some...)
	}
	return steps, nil
}

// newStep takes a canonical path apart: attr, attr.sub, attr[filter].sub, or the
// URN of an extension with what follows it.
func newStep(op, path string, value any, valued bool) step {
	s := step{op: op, path: path, attr: path, value: value, valued: valued}
	if strings.HasPrefix(strings.ToLower(path), "urn:") {
		return s
	}
	if i, j := strings.IndexByte(path, '['), strings.LastIndexByte(path, ']'); i >= 0 && j > i {
		s.attr, s.filter, s.sub = path[:i], path[i+1:j], strings.TrimPrefix(path[j+1:], ".")
		return s
	}
	s.attr, s.sub, _ = strings.Cut(path, ".")
	return s
}

// memberIDs reads ids of members: one or a list, as objects with a value or a $ref, or bare.
func memberIDs(v any) ([]string, error) {
	var ids []string
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, one := range list {
		if bare, ok := one.(string); ok {
			one = map[string]any{"value": bare}
		}
		object, ok := one.(map[string]any)
		if !ok {
			return nil, invalid("A member must be an object with a value.")
		}
		id, err := text(object, "value")
		if _, valued := lookUp(object, "value"); !valued {
			id = referred(object)
		}
		switch kind, _ := field(object, "type").(string); {
		case err != nil:
			return nil, err
		case strings.EqualFold(kind, "Group"):
			return nil, invalid("A member is a group; Tomorro has no groups in groups.")
		case !isID(id):
			return nil, invalid("A member has no usable id as its value.")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// referred is the id in the $ref of a member that has no value: the end of the location of
// a user, here or wherever else the client knows the service to be.
func referred(member map[string]any) string {
	ref, _ := field(member, "$ref").(string)
	at, err := url.Parse(strings.TrimSpace(ref))
	if err != nil {
		return ""
	}
	parts := strings.Split(at.EscapedPath(), "/")
	if n := len(parts); n >= 2 && parts[n-2] == "Users" {
		if id, err := url.PathUnescape(parts[n-1]); err == nil {
			return id
		}
	}
	return ""
}
