package scim

import "slices"

// attribute applies the edit to the object that has the attribute.
func (e edit) attribute(object map[string]any) error {
	a := lookup(e.path.attr.urn, e.path.attr.name)
	k, ok := key(object, a.name)
	if !ok {
		k = a.name
	}
	existing := object[k]
	if a.readOnly {
		return e.readOnly(a, existing)
	}
	list, many := existing.([]any)
	var after any
	var err error
	switch {
	case e.path.filter != nil || e.path.attr.sub != "" && (a.multi || many):
		after, err = e.selected(a, existing)
	case e.path.attr.sub != "":
		after, err = e.subAttribute(a, existing)
	case e.op == opRemove:
		after, err = e.remove(a, existing)
	case a.multi || many:
		if list == nil {
			list = elements(existing)
		}
		after, err = e.values(a, list)
	default:
		after, err = e.single(a, existing)
	}
	if err != nil {
		return err
	}
	if unassigned(after) {
		delete(object, k)
		return nil
	}
	object[k] = after
	return nil
}

// readOnly lets an edit pass that says what is already so: services send id along
// with a new displayName.
func (e edit) readOnly(a attribute, existing any) error {
	v, ok := conform(a, e.value)
	whole := e.path.filter == nil && e.path.attr.sub == ""
	if ok && whole && e.op != opRemove && (same(v, existing) || unassigned(v) && unassigned(existing)) {
		return nil
	}
	return refuse(TypeMutability, "%s is read-only", a.name)
}

// conformed is the value in the shape of the attribute.
func (e edit) conformed(a attribute) (any, error) {
	v, ok := conform(a, e.value)
	if !ok {
		return nil, refuse(TypeInvalidValue, "the value does not fit %s", a.name)
	}
	return v, nil
}

// single is add or replace of an attribute with one value. Of complex values,
// the sub-attributes that are given are set, and the others stay (sections
// 3.5.2.1 and 3.5.2.3).
func (e edit) single(a attribute, existing any) (any, error) {
	v, err := e.conformed(a)
	if err != nil {
		return nil, err
	}
	object, isObject := v.(map[string]any)
	into, wasObject := existing.(map[string]any)
	switch {
	case isObject && wasObject:
		e.merge(into, object)
		return into, nil
	case isObject:
		tidy(object)
	case v == nil && e.op == opAdd: // an empty list for one value
		return existing, nil
	}
	if list, many := v.([]any); many {
		joined, touched := join(a, nil, list)
		onePrimary(joined, touched)
		return joined, nil
	}
	return v, nil
}

// merge sets the given sub-attributes. What is null is taken away by replace and
// left alone by add.
func (e edit) merge(into, given map[string]any) {
	for _, name := range sortedKeys(given) {
		k, ok := key(into, name)
		if !ok {
			k = name
		}
		switch v := given[name]; {
		case !unassigned(v):
			into[k] = v
		case e.op == opReplace:
			delete(into, k)
		}
	}
}

// subAttribute works on a sub-attribute of an attribute with one value.
func (e edit) subAttribute(a attribute, existing any) (any, error) {
	object, ok := existing.(map[string]any)
	if a.kind != kindUnknown && a.kind != kindComplex || existing != nil && !ok {
		return nil, refuse(TypeInvalidPath, "%s has no sub-attributes", a.name)
	}
	if object == nil {
		object = make(map[string]any)
	}
	return object, e.setSub(a, object)
}

// setSub sets or removes the path's sub-attribute in a complex value.
func (e edit) setSub(a attribute, object map[string]any) error {
	sub := a.sub(e.path.attr.sub)
	k, ok := key(object, sub.name)
	if !ok {
		k = sub.name
	}
	if e.op == opRemove {
		delete(object, k)
		return nil
	}
	v, err := e.conformed(sub)
	if err != nil {
		return err
	}
	if a.references() && sub.name != "display" && ok && !same(object[k], v) {
		return refuse(TypeMutability, "%s.%s is immutable: remove the value and add another", a.name, sub.name)
	}
	if unassigned(v) {
		delete(object, k)
		return nil
	}
	object[k] = v
	return nil
}

// values is add or replace of a multi-valued attribute as a whole.
func (e edit) values(a attribute, existing []any) (any, error) {
	v, err := e.conformed(a)
	if err != nil {
		return nil, err
	}
	if e.op == opReplace {
		existing = nil
	}
	list, touched := join(a, existing, elements(v))
	onePrimary(list, touched)
	return list, nil
}

// join appends the values that are not there yet ("If the target location already
// contains the value specified, no changes SHOULD be made"). A value with the same type
// and value takes over the other sub-attributes, such as primary; references stay
// as they are. touched says which values were given.
func join(a attribute, list, given []any) (out []any, touched []bool) {
	out = make([]any, 0, len(list)+len(given))
	index := make(map[string]int, len(list)+len(given))
	for i, v := range list {
		if id := identity(a, v); !contains(index, id) {
			index[id] = i
		}
		out = append(out, v)
	}
	touched = make([]bool, len(out), cap(out))
	for _, v := range given {
		id := identity(a, v)
		at, ok := index[id]
		if !ok {
			index[id] = len(out)
			out, touched = append(out, v), append(touched, true)
			continue
		}
		touched[at] = true
		into, isObject := out[at].(map[string]any)
		from, also := v.(map[string]any)
		if isObject && also && !a.references() {
			for _, name := range sortedKeys(from) {
				if name != "value" && name != "type" {
					k, _ := key(into, name)
					delete(into, k)
					into[name] = from[name]
				}
			}
		}
	}
	return out, touched
}

// distinct keeps the first of values that an edit made the same; it is primary
// when one of them is.
func distinct(a attribute, list []any) []any {
	out := make([]any, 0, len(list))
	index := make(map[string]int, len(list))
	for _, v := range list {
		id := identity(a, v)
		at, ok := index[id]
		if !ok {
			index[id] = len(out)
			out = append(out, v)
			continue
		}
		if into, ok := out[at].(map[string]any); ok && get(asObject(v), "primary") == true {
			k, _ := key(into, "primary")
			delete(into, k)
			into["primary"] = true
		}
	}
	return out
}

func contains(index map[string]int, id string) bool {
	_, ok := index[id]
	return ok
}

// onePrimary keeps one primary value: the first of those touched, when one of
// them is ("SHALL cause the server to automatically set 'primary' to 'false' for
// any other values", section 3.5.2).
func onePrimary(list []any, touched []bool) {
	chosen := -1
	for i, v := range list {
		if object, ok := v.(map[string]any); ok && touched[i] && chosen < 0 && get(object, "primary") == true {
			chosen = i
		}
	}
	if chosen < 0 {
		return
	}
	for i, v := range list {
		object, ok := v.(map[string]any)
		if !ok || i == chosen {
			continue
		}
		if k, ok := key(object, "primary"); ok && object[k] == true {
			object[k] = false
		}
	}
}

// remove takes an attribute away or, when values are given, exactly those values
// and no other: Entra and OneLogin remove members this way.
func (e edit) remove(a attribute, existing any) (any, error) {
	_, many := existing.([]any)
	if e.value == nil || !a.multi && !many {
		return nil, nil
	}
	given, ok := conformList(a, e.value)
	if !ok {
		return nil, refuse(TypeInvalidValue, "the value does not fit %s", a.name)
	}
	ids := make(map[string]int)
	var patterns []map[string]any
	items, _ := given.([]any)
	for _, v := range items {
		object, isObject := v.(map[string]any)
		switch {
		case isObject && a.references():
			if get(object, "value") == nil {
				return nil, refuse(TypeInvalidValue, "a value of %s to remove says no id", a.name)
			}
			ids[identity(a, v)]++
		case isObject && len(object) == 0:
			return nil, refuse(TypeInvalidValue, "a value of %s to remove is empty", a.name)
		case isObject:
			patterns = append(patterns, object)
		default:
			ids[identity(a, v)]++
		}
	}
	return slices.DeleteFunc(slices.Clone(elements(existing)), func(v any) bool {
		return contains(ids, identity(a, v)) || slices.ContainsFunc(patterns, func(p map[string]any) bool { return fulfils(a, asObject(v), p) })
	}), nil
}

// fulfils says that a value has all sub-attributes that are given.
func fulfils(a attribute, v, given map[string]any) bool {
	for name, want := range given {
		has := get(v, name)
		x, isText := has.(string)
		y, wantText := want.(string)
		if isText && wantText && a.sub(name).kind == kindString {
			x, y = fold(x), fold(y)
			has, want = x, y
		}
		if !same(has, want) {
			return false
		}
	}
	return true
}
