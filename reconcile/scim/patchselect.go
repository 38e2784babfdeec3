package scim

// selected works on the values that the path's filter matches, or on all of them
// when the path has a sub-attribute only (emails.type).
func (e edit) selected(a attribute, existing any) (any, error) {
	_, many := existing.([]any)
	if !a.multi && !many && (a.kind != kindUnknown || existing != nil) {
		return nil, refuse(TypeInvalidPath, "%s has one value only", a.name)
	}
	list := elements(existing)
	matched := make([]bool, len(list))
	some := false
	for i, v := range list {
		matched[i] = e.path.filter == nil || e.path.filter.match(asObject(v))
		some = some || matched[i]
	}
	switch {
	case !some && e.op == opRemove:
		return existing, nil // it is so already
	case !some:
		return e.create(a, list)
	case e.path.attr.sub != "":
		return e.selectedSubs(a, list, matched)
	case e.op == opRemove || e.value == nil:
		return without(list, matched), nil
	}
	return e.selectedValues(a, list, matched)
}

// create makes the value that the filter describes, for add ("emails[type eq
// "work"].value" of somebody without such an address). There is nothing for
// replace (section 3.5.2.3: "the service provider SHALL indicate failure by
// returning HTTP status code 400 and a scimType error code of noTarget").
func (e edit) create(a attribute, list []any) (any, error) {
	value := make(map[string]any)
	if e.path.filter != nil {
		if e.op == opReplace || !describe(a, e.path.filter, value) || !e.path.filter.match(value) {
			return nil, refuse(TypeNoTarget, "no value of %s matches the filter", a.name)
		}
	}
	if e.value == nil {
		return list, nil
	}
	if e.path.attr.sub != "" {
		if a.kind != kindUnknown && a.kind != kindComplex {
			return nil, refuse(TypeInvalidPath, "%s has no sub-attributes", a.name)
		}
		if err := e.setSub(a, value); err != nil {
			return nil, err
		}
	} else {
		given, err := e.element(a)
		if err != nil {
			return nil, err
		}
		e.merge(value, asObject(given))
	}
	var created any = value
	if a.kind != kindUnknown && a.kind != kindComplex {
		created = value["value"]
	}
	joined, touched := join(a, list, []any{created})
	onePrimary(joined, touched)
	return joined, nil
}

// describe writes the value that a filter of nothing but eq describes.
func describe(a attribute, n node, value map[string]any) bool {
	switch n := n.(type) {
	case compare:
		if n.op != "eq" || n.value == nil || n.path.sub != "" || n.path.urn != "" {
			return false
		}
		sub := a.sub(n.path.name)
		v, ok := conform(sub, n.value)
		value[sub.name] = v
		return ok
	case logical:
		for _, part := range n.list {
			if !n.and || !describe(a, part, value) {
				return false
			}
		}
		return true
	}
	return false
}

// element is the value of an operation on single values of the attribute.
func (e edit) element(a attribute) (any, error) {
	v := e.value
	if list, many := v.([]any); many && len(list) == 1 {
		v = list[0]
	}
	one, ok := conformOne(a, v)
	if object, isObject := one.(map[string]any); isObject && e.op == opReplace {
		tidy(object)
	}
	if _, many := one.([]any); many || !ok || empty(one) {
		return nil, refuse(TypeInvalidValue, "the value does not fit one value of %s", a.name)
	}
	return one, nil
}

// selectedSubs sets or removes a sub-attribute of the matched values. A value of
// which nothing is left goes.
func (e edit) selectedSubs(a attribute, list []any, matched []bool) (any, error) {
	gone := make([]bool, len(list))
	for i, v := range list {
		if !matched[i] {
			continue
		}
		object, ok := v.(map[string]any)
		if !ok {
			return nil, refuse(TypeInvalidPath, "%s has no sub-attributes", a.name)
		}
		if err := e.setSub(a, object); err != nil {
			return nil, err
		}
		gone[i] = len(object) == 0
	}
	onePrimary(list, matched)
	if list = without(list, gone); e.op != opRemove {
		list = distinct(a, list)
	}
	return list, nil
}

// selectedValues adds to the matched values, or replaces them ("all matching
// record values SHALL be replaced").
func (e edit) selectedValues(a attribute, list []any, matched []bool) (any, error) {
	for i, v := range list {
		if !matched[i] {
			continue
		}
		given, err := e.element(a)
		if err != nil {
			return nil, err
		}
		into, wasObject := v.(map[string]any)
		from, isObject := clone(given).(map[string]any)
		if e.op == opAdd && wasObject && isObject {
			e.merge(into, from)
			continue
		}
		list[i] = clone(given)
	}
	onePrimary(list, matched)
	return distinct(a, list), nil
}

func without(list []any, gone []bool) []any {
	out := make([]any, 0, len(list))
	for i, v := range list {
		if !gone[i] {
			out = append(out, v)
		}
	}
	return out
}
