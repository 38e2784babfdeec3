//go:build integration

package scim

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// onOps changes the operations of a case, each into none or several.
func onOps(change func(Operation) []Operation) func(*question) {
	return func(q *question) {
		var ops []Operation
		for _, op := range q.ops {
			ops = append(ops, change(op)...)
		}
		q.ops = ops
	}
}

// running is onOps with the resource as it is before each operation.
func running(change func(r map[string]any, op Operation) []Operation) func(*question) {
	return func(q *question) {
		r := q.resource
		onOps(func(op Operation) []Operation {
			ops := change(r, op)
			if out, _, err := ApplyPatch(r, []Operation{op}); err == nil {
				r = out
			}
			return ops
		})(q)
	}
}

var (
	traitNames = trait{"case of names",
		`RFC 7643 section 2.1: "Attribute names are case insensitive"`,
		onOps(func(op Operation) []Operation {
			if p, err := ParsePath(op.Path); err == nil && op.Path != "" {
				op.Path = p.String()
			}
			return []Operation{op}
		})}
	traitPathless = trait{"operations without a path",
		`RFC 7644 section 3.5.2.1: "If omitted, the target location is assumed to be the resource itself. The 'value' parameter contains a set of attributes to be added to the resource": each as if it were the target`,
		onOps(func(op Operation) []Operation {
			object, ok := op.Value.(map[string]any)
			if op.Path != "" || !ok {
				return []Operation{op}
			}
			var ops []Operation
			for _, k := range sortedKeys(object) {
				if extension, ok := object[k].(map[string]any); ok && strings.HasPrefix(k, "urn:") {
					for _, name := range sortedKeys(extension) {
						ops = append(ops, Operation{Op: op.Op, Path: k + ":" + name, Value: extension[name]})
					}
					continue
				}
				ops = append(ops, Operation{Op: op.Op, Path: k, Value: object[k]})
			}
			return ops
		})}
	traitAlone = trait{"one value without its list",
		`RFC 7643 section 2.4: a multi-valued attribute contains "a list of elements"; one that is sent alone is a list of one`,
		onOps(func(op Operation) []Operation {
			if _, ok := op.Value.(map[string]any); ok && (op.Path == "emails" || op.Path == "members") {
				op.Value = []any{op.Value}
			}
			return []Operation{op}
		})}
	traitBoolean = trait{"booleans as text",
		`RFC 7643 section 2.3.2: "The literal 'true' or 'false'", which Entra sends as text; the meaning is plain`,
		onOps(func(op Operation) []Operation {
			if b, ok := toBool(op.Value); ok && (op.Path == "active" || strings.HasSuffix(op.Path, "primary")) {
				op.Value = b
			}
			return []Operation{op}
		})}
	traitPrimary = trait{"one primary value",
		`RFC 7644 section 3.5.2: "a PATCH operation that sets a value's 'primary' sub-attribute to 'true' SHALL cause the server to automatically set 'primary' to 'false' for any other values in the array"`,
		func(q *question) {
			withoutSub(q, "primary")
			q.ops = slices.DeleteFunc(q.ops, func(op Operation) bool { return strings.HasSuffix(op.Path, "primary") })
		}}
	traitDisplay = trait{"what makes a value the same",
		`RFC 7644 section 3.5.2.1: "If the target location already contains the value specified, no changes SHOULD be made to the resource"; a member is its value (RFC 7643 section 4.2), others their type and value (section 2.4), and display is a label`,
		func(q *question) {
			withoutSub(q, "display")
			q.ops = slices.DeleteFunc(q.ops, func(op Operation) bool { return strings.HasSuffix(op.Path, ".display") })
		}}
	traitSameValue = trait{"values that differ in case only",
		`RFC 7643 section 8.7.1 has caseExact false for emails.value, so that it is the same value`,
		func(q *question) { lowerAll(q) }}
	traitReplaceValue = trait{"replace of matched values",
		`RFC 7644 section 3.5.2.3: "all matching record values SHALL be replaced"`,
		onOps(func(op Operation) []Operation {
			if op.Op == opReplace && strings.HasSuffix(op.Path, "]") {
				return nil
			}
			return []Operation{op}
		})}
	traitGone = trait{"removal of what is not there",
		`Table 9 of RFC 7644 allows noTarget for a filter without a match. We say it is done, on purpose: a removal that is sent again must not fail, and what section 3.5.2.2 asks for, that "the attribute SHALL be considered unassigned", is so`,
		running(func(r map[string]any, op Operation) []Operation {
			if _, changed, err := ApplyPatch(r, []Operation{op}); strings.EqualFold(op.Op, opRemove) && err == nil && !changed {
				return nil
			}
			return []Operation{op}
		})}
	traitTwice = trait{"the same value twice",
		`RFC 7643 section 2.4: services "SHOULD NOT return the same (type, value) combination more than once per Attribute"`,
		running(func(r map[string]any, op Operation) []Operation {
			out, _, err := ApplyPatch(r, []Operation{op})
			if err == nil && strings.Contains(op.Path, "[") && op.Op != opRemove && len(elements(out["emails"])) < len(elements(r["emails"])) {
				return nil // it made two values one
			}
			return []Operation{op}
		})}
	traitThere = trait{"add who is there already",
		`RFC 7644 section 3.5.2.1: "If the target location already contains the value specified, no changes SHOULD be made to the resource"`,
		running(func(r map[string]any, op Operation) []Operation {
			if !strings.EqualFold(op.Op, opAdd) || op.Path != "members" {
				return []Operation{op}
			}
			op.Value = slices.DeleteFunc(elements(op.Value), func(v any) bool {
				return slices.ContainsFunc(elements(r["members"]), func(m any) bool { return same(asObject(m)["value"], asObject(v)["value"]) })
			})
			return []Operation{op}
		})}
	traitAllValues = trait{"a sub-attribute of all values",
		`RFC 7644 section 3.5.2: a path is "attributeName.subAttribute" as well; without a filter, all values are meant`,
		func(q *question) {
			q.ops = slices.DeleteFunc(q.ops, func(op Operation) bool { return op.Path == "emails.type" })
		}}
	traitTypes = trait{"values of the wrong type",
		`RFC 7644 table 9, invalidValue: "A required value was missing, or the value specified was not compatible with the operation or attribute type"`,
		func(q *question) {
			q.ops = slices.DeleteFunc(q.ops, func(op Operation) bool {
				_, _, err := ApplyPatch(map[string]any{}, []Operation{op})
				e, ok := err.(*Error)
				return ok && e.ScimType == TypeInvalidValue
			})
		}}
	traitMade = trait{"a value made from the filter",
		`RFC 7644 section 3.5.2.1: "If the target location does not exist, the attribute and value are added." A filter of nothing but eq says which, and Entra counts on it`,
		running(func(r map[string]any, op Operation) []Operation {
			p, err := ParsePath(op.Path)
			if err != nil || p.filter == nil || op.Op != opAdd || (valuePath{p.attr, p.filter}).match(r) {
				return []Operation{op}
			}
			made := make(map[string]any)
			if !describe(lookup("", p.attr.name), p.filter, made) {
				return nil
			}
			if p.attr.sub != "" {
				made[p.attr.sub] = op.Value
			}
			for k, v := range asObject(op.Value) {
				if p.attr.sub == "" {
					made[k] = v
				}
			}
			return []Operation{{Op: opAdd, Path: p.attr.name, Value: []any{made}}}
		})}
)

// withoutSub takes a sub-attribute out of all values.
func withoutSub(q *question, name string) {
	strip := func(v any) any {
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				delete(v, name)
				for _, e := range v {
					walk(e)
				}
			case []any:
				for _, e := range v {
					walk(e)
				}
			}
		}
		walk(v)
		return v
	}
	strip(q.resource)
	for i := range q.ops {
		q.ops[i].Value = strip(q.ops[i].Value)
	}
}

// lowerAll takes the case out of all texts but the names.
func lowerAll(q *question) {
	q.resource, _ = lower(q.resource).(map[string]any)
	for i := range q.ops {
		q.ops[i].Value = lower(q.ops[i].Value)
	}
}

func userPatchCase(library string) func(*rand.Rand) question {
	return func(r *rand.Rand) question {
		q := question{library: library, resource: patchUser(r)}
		for range 1 + r.IntN(3) {
			q.ops = append(q.ops, userOperation(r))
		}
		return q
	}
}

func patchEmails(r *rand.Rand) []any {
	var list []any
	seen := make(map[string]bool)
	for range r.IntN(4) {
		e := map[string]any{"value": pick(r, "a@x", "b@x", "A@x", "c@y"), "type": pick(r, "work", "home")}
		if r.IntN(4) == 0 {
			e["primary"] = len(list) == 0
		}
		if id := identity(lookup("", "emails"), e); !seen[id] {
			seen[id] = true
			list = append(list, e)
		}
	}
	return list
}

func patchUser(r *rand.Rand) map[string]any {
	u := map[string]any{"id": "u1"}
	if emails := patchEmails(r); emails != nil {
		u["emails"] = emails
	}
	for _, name := range []string{"title", "nickName"} {
		if r.IntN(2) == 0 {
			u[name] = pick(r, "a", "b")
		}
	}
	if r.IntN(2) == 0 {
		u["name"] = map[string]any{"givenName": pick(r, "a", "b"), "familyName": pick(r, "a", "b")}
	}
	if r.IntN(2) == 0 {
		u["active"] = r.IntN(2) == 0
	}
	if r.IntN(3) == 0 {
		u[SchemaEnterprise] = map[string]any{"department": pick(r, "a", "b"), "division": "d"}
	}
	return u
}

func userOperation(r *rand.Rand) Operation {
	op := Operation{Op: pick(r, opAdd, opReplace, opRemove)}
	word := func() any { return pick(r, "a", "b", "c") }
	switch r.IntN(11) {
	case 0:
		op.Path, op.Value = pick(r, "title", "nickName", "TITLE"), word()
	case 1:
		op.Path, op.Value = pick(r, "name.givenName", "name.middleName"), word()
	case 2:
		op.Path, op.Value = "name", map[string]any{"givenName": word()}
	case 3:
		op.Path, op.Value = "active", pick[any](r, true, false, "True", "False", "perhaps")
	case 4:
		op.Path, op.Value = "emails", patchEmails(r)
	case 5:
		op.Path, op.Value = "emails", map[string]any{"value": pick(r, "a@x", "d@x"), "type": pick(r, "work", "home")}
	case 6:
		op.Path = pick(r, `emails[type eq "work"]`, `emails[value eq "a@x"]`, `emails[value co "b@" and type eq "home"]`)
		op.Value = map[string]any{"value": pick(r, "a@x", "e@x"), "type": pick(r, "work", "home")}
	case 7:
		op.Path = pick(r, `emails[type eq "work"].value`, `emails[type eq "home" and value eq "b@x"].display`, `emails[type eq "other"].value`)
		op.Value = pick(r, "a@x", "f@x")
	case 8:
		op.Path, op.Value = pick(r, SchemaEnterprise+":department", SchemaUser+":title"), word()
	case 9:
		op.Path, op.Value = pick(r, `emails[type eq "work"].primary`, "emails.type"), pick[any](r, "True", "work")
		if op.Path != "emails.type" {
			op.Value = "True"
		}
	default:
		op.Op = pick(r, opAdd, opReplace)
		op.Value = map[string]any{"title": word(), "name": map[string]any{"familyName": word()}, "emails": patchEmails(r),
			SchemaEnterprise: map[string]any{"department": word()}}
	}
	if op.Op == opRemove && !(op.Path == "emails" && r.IntN(2) == 0) {
		op.Value = nil
	}
	return op
}

// groupPatchCase is what clients do to groups, which removes people's access when
// it goes wrong.
func groupPatchCase(library string) func(*rand.Rand) question {
	return func(r *rand.Rand) question {
		g := map[string]any{"id": "g1", "displayName": pick(r, "Team", "Board")}
		if members := patchMembers(r, 5, true); members != nil {
			g["members"] = members
		}
		q := question{library: library, resource: g}
		for range 1 + r.IntN(4) {
			q.ops = append(q.ops, groupOperation(r))
		}
		return q
	}
}

func patchMembers(r *rand.Rand, most int, stored bool) []any {
	var list []any
	for _, i := range r.Perm(6)[:r.IntN(most+1)] {
		m := map[string]any{"value": "m" + string(rune('0'+i))}
		if stored && r.IntN(3) == 0 {
			m["display"] = "D"
		}
		list = append(list, m)
	}
	return list
}

func groupOperation(r *rand.Rand) Operation {
	op := Operation{Op: pick(r, opAdd, opRemove, opReplace, "Add", "Remove", "Replace"), Path: "members"}
	switch r.IntN(6) {
	case 0:
		op.Op, op.Path = pick(r, opRemove, "Remove"), `members[value eq "m`+string(rune('0'+r.IntN(6)))+`"]`
	case 1:
		op.Op, op.Path, op.Value = pick(r, opAdd, opReplace), "displayName", pick(r, "Team", "New")
	case 2:
		op.Op, op.Path, op.Value = pick(r, opAdd, opReplace), "", map[string]any{"members": append(patchMembers(r, 2, false), map[string]any{"value": "m9"})}
	case 3:
		op.Value = map[string]any{"value": "m" + string(rune('0'+r.IntN(6)))}
	default:
		op.Value = append(patchMembers(r, 2, false), map[string]any{"value": "m" + string(rune('0'+r.IntN(6)))})
		op.Value, _ = join(lookup("", "members"), nil, elements(op.Value))
	}
	return op
}

func TestUserPatchAgainstScimPatch(t *testing.T) {
	compareAll(t, 5000, []trait{traitNames, traitPathless, traitAlone, traitTypes, traitBoolean, traitPrimary, traitDisplay, traitSameValue, traitReplaceValue, traitMade, traitTwice, traitGone, traitAllValues},
		userPatchCase("scim-patch"))
}

func TestGroupPatchAgainstScimPatch(t *testing.T) {
	compareAll(t, 3000, []trait{traitAlone, traitDisplay, traitPathless, traitGone}, groupPatchCase("scim-patch"))
}

func TestGroupPatchAgainstScimmy(t *testing.T) {
	compareAll(t, 3000, []trait{traitPathless, traitThere, traitGone}, groupPatchCase("scimmy patch"))
}
