package scim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"tomorro-sync/reconcile/scim"
)

func keysOf(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

// The words of the generated world are few, so that filters match and operations
// meet each other.
var (
	wordGen  = rapid.SampledFrom([]string{"a", "A", "b", "ab", "x@y.io", "X@y.io", "", "é", "É", `q"\`, "work", "home"})
	emailGen = rapid.Custom(func(t *rapid.T) any {
		e := map[string]any{"value": rapid.SampledFrom([]string{"a@x", "b@x", "A@x", "c@y"}).Draw(t, "email")}
		if rapid.Bool().Draw(t, "typed") {
			e["type"] = rapid.SampledFrom([]string{"work", "home"}).Draw(t, "type")
		}
		if rapid.Bool().Draw(t, "with primary") {
			e["primary"] = rapid.Bool().Draw(t, "primary")
		}
		return e
	})
	memberGen = rapid.Custom(func(t *rapid.T) any {
		return map[string]any{"value": rapid.SampledFrom([]string{"m1", "m2", "m3", "M1", "m4"}).Draw(t, "member")}
	})
)

// listGen has no value twice: what is stored is a set (RFC 7643 section 2.4).
func listGen(value *rapid.Generator[any]) *rapid.Generator[[]any] {
	return rapid.SliceOfNDistinct(value, 0, 4, func(v any) string {
		object := v.(map[string]any)
		id := fmt.Sprint(object["value"])
		if strings.Contains(id, "@") {
			id = strings.ToLower(id)
		}
		return fmt.Sprint(object["type"], id)
	})
}

// resourceGen is a resource as a service would keep it: one primary value, no
// empty lists.
var resourceGen = rapid.Custom(func(t *rapid.T) map[string]any {
	r := map[string]any{"schemas": []any{scim.SchemaUser}, "id": "u1"}
	has := func(name string) bool { return rapid.Bool().Draw(t, "has "+name) }
	for _, name := range []string{"userName", "title", "externalId", "custom"} {
		if has(name) {
			r[name] = wordGen.Draw(t, name)
		}
	}
	if has("active") {
		r["active"] = rapid.Bool().Draw(t, "active")
	}
	if has("name") {
		r["name"] = map[string]any{"givenName": wordGen.Draw(t, "given"), "familyName": wordGen.Draw(t, "family")}
	}
	if emails := listGen(emailGen).Draw(t, "emails"); len(emails) > 0 {
		primary := false
		for _, e := range emails {
			object := e.(map[string]any)
			if object["primary"] == true {
				object["primary"], primary = !primary, true
			}
		}
		r["emails"] = emails
	}
	if members := listGen(memberGen).Draw(t, "members"); len(members) > 0 {
		r["members"] = members
	}
	if has("department") {
		r[scim.SchemaEnterprise] = map[string]any{"department": wordGen.Draw(t, "department")}
		r["schemas"] = []any{scim.SchemaUser, scim.SchemaEnterprise}
	}
	if has("meta") {
		r["meta"] = map[string]any{"created": rapid.SampledFrom(instants).Draw(t, "created")}
	}
	return r
})

var instants = []string{"2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00", "2011-05-13T04:42:34.5Z", "2020-01-01T00:00:00Z"}

// literalGen is a value with the operators that may stand before it.
func conditionGen(t *rapid.T, attr string) string {
	if rapid.IntRange(0, 4).Draw(t, "pr") == 0 {
		return attr + " pr"
	}
	op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "Co"}).Draw(t, "op")
	if attr == "active" || attr == "primary" || attr == "emails.primary" {
		return attr + " " + rapid.SampledFrom([]string{"eq", "ne"}).Draw(t, "op") + " " + rapid.SampledFrom([]string{"true", "false"}).Draw(t, "literal")
	}
	if rapid.IntRange(0, 9).Draw(t, "other literal") == 0 && (op == "eq" || op == "ne") {
		return attr + " " + op + " " + rapid.SampledFrom([]string{"null", "true", "12", "-0.5e3"}).Draw(t, "literal")
	}
	word := wordGen
	if strings.HasPrefix(attr, "meta") {
		word = rapid.SampledFrom(instants)
	}
	return attr + " " + op + " " + scim.Quote(word.Draw(t, "word"))
}

// filterGen writes a filter.
func filterGen(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		kind := rapid.IntRange(0, 7).Draw(t, "kind")
		if depth == 0 {
			kind = min(kind, 4)
		}
		switch kind {
		case 5:
			return filterGen(depth-1).Draw(t, "left") + rapid.SampledFrom([]string{" and ", " or ", " AND "}).Draw(t, "join") + filterGen(depth-1).Draw(t, "right")
		case 6:
			return "(" + filterGen(depth-1).Draw(t, "inner") + ")"
		case 7:
			return "not (" + filterGen(depth-1).Draw(t, "inner") + ")"
		case 4:
			return rapid.SampledFrom([]string{"emails", "members"}).Draw(t, "list") + "[" + valueFilterGen(t) + "]"
		}
		return conditionGen(t, rapid.SampledFrom([]string{"userName", "title", "externalId", "custom", "active", "name.givenName", "emails", "emails.value",
			"emails.type", "emails.primary", "members.value", "id", "meta.created", "USERNAME", scim.SchemaEnterprise + ":department"}).Draw(t, "attr"))
	})
}

func valueFilterGen(t *rapid.T) string {
	one := func() string {
		return conditionGen(t, rapid.SampledFrom([]string{"value", "type", "primary", "Value"}).Draw(t, "sub"))
	}
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		return one() + " and " + one()
	case 1:
		return "not (" + one() + ") or " + one()
	}
	return one()
}

func mustFilter(t rapid.TB, text string) *scim.Filter {
	f, err := scim.ParseFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func TestLawFilterString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := mustFilter(t, filterGen(4).Draw(t, "filter"))
		again := mustFilter(t, f.String())
		if !reflect.DeepEqual(f, again) || f.String() != again.String() {
			t.Fatalf("%s became %s", f, again)
		}
	})
}

func TestLawFilterLogic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := filterGen(2).Draw(t, "a"), filterGen(2).Draw(t, "b")
		r := resourceGen.Draw(t, "resource")
		matches := func(text string) bool { return mustFilter(t, text).Matches(r) }
		x, y := matches("("+a+")"), matches("("+b+")")
		if matches("not ("+a+")") == x {
			t.Fatalf("%s and its opposite agree", a)
		}
		if matches("("+a+") and ("+b+")") != (x && y) || matches("("+a+") or ("+b+")") != (x || y) {
			t.Fatalf("%s, %s: and, or", a, b)
		}
		if matches("not (("+a+") and ("+b+"))") != matches("not ("+a+") or not ("+b+")") {
			t.Fatalf("%s, %s: De Morgan", a, b)
		}
		if matches(strings.ReplaceAll(a, "userName", "uSERnAME")) != matches(a) {
			t.Fatalf("%s: the case of a name matters", a)
		}
	})
}

// operationGen is an operation that a client might send; many are refused.
var operationGen = rapid.Custom(func(t *rapid.T) scim.Operation {
	path := rapid.SampledFrom([]string{"title", "custom", "active", "name", "name.givenName", "NAME.familyName", "emails", "emails.type", "members",
		"emails[type eq \"work\"]", "emails[type eq \"work\"].value", "emails[type eq \"home\"].primary", "emails[value co \"b\"].type",
		"members[value eq \"m1\"]", "", "id", "userName", scim.SchemaEnterprise + ":department", scim.SchemaEnterprise}).Draw(t, "path")
	op := scim.Operation{Op: rapid.SampledFrom([]string{"add", "replace", "remove", "Add", "Remove"}).Draw(t, "op"), Path: path}
	switch rapid.IntRange(0, 7).Draw(t, "value kind") {
	case 0:
		op.Value = listGen(memberGen).Draw(t, "value")
	case 1:
		op.Value = listGen(emailGen).Draw(t, "value")
	case 2:
		op.Value = emailGen.Draw(t, "value")
	case 3:
		op.Value = rapid.Bool().Draw(t, "value")
	case 4:
		op.Value = map[string]any{"title": wordGen.Draw(t, "title"), "name.givenName": wordGen.Draw(t, "given"), "emails": listGen(emailGen).Draw(t, "emails"),
			scim.SchemaEnterprise: map[string]any{"division": wordGen.Draw(t, "division")}}
	case 5:
		op.Value = map[string]any{"givenName": wordGen.Draw(t, "given")}
	default:
		op.Value = wordGen.Draw(t, "value")
	}
	if rapid.IntRange(0, 3).Draw(t, "bare") == 0 {
		op.Value = nil
	}
	return op
})

func TestLawPatchIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := resourceGen.Draw(t, "resource")
		ops := rapid.SliceOfN(operationGen, 1, 4).Draw(t, "ops")
		before, _ := json.Marshal([]any{r, ops})
		first, changed, err := scim.ApplyPatch(r, ops)
		second, again, errAgain := scim.ApplyPatch(r, ops)
		if after, _ := json.Marshal([]any{r, ops}); string(after) != string(before) {
			t.Fatalf("%s became %s", before, after)
		}
		if diff := cmp.Diff(first, second); diff != "" || changed != again || (err == nil) != (errAgain == nil) {
			t.Fatalf("two answers: %s", diff)
		}
		if err == nil && !changed && !reflect.DeepEqual(r, first) {
			t.Fatalf("said to be the same:\n%s", cmp.Diff(r, first))
		}
		if err == nil && changed && reflect.DeepEqual(r, first) {
			t.Fatal("said to differ")
		}
		checkStored(t, first)
	})
}

// checkStored wants the result in the form in which services keep resources.
func checkStored(t *rapid.T, r map[string]any) {
	primary := 0
	for _, e := range asList(r["emails"]) {
		object, ok := e.(map[string]any)
		if !ok || len(object) == 0 {
			t.Fatalf("an e-mail is %v", e)
		}
		if object["primary"] == true {
			primary++
		}
	}
	if primary > 1 {
		t.Fatalf("%d primary values", primary)
	}
	for k, v := range r {
		if v == nil || reflect.DeepEqual(v, []any{}) || reflect.DeepEqual(v, map[string]any{}) || strings.ContainsAny(k, "[") || k == "name.givenName" {
			t.Fatalf("%s is %v", k, v)
		}
	}
}

func asList(v any) []any { list, _ := v.([]any); return list }

func TestLawPatchIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, op := resourceGen.Draw(t, "resource"), operationGen.Draw(t, "op")
		once, _, err := scim.ApplyPatch(r, []scim.Operation{op})
		if err != nil {
			return
		}
		twice, changed, err := scim.ApplyPatch(once, []scim.Operation{op})
		var refused *scim.Error
		if err != nil {
			refused = err.(*scim.Error)
		}
		if refused != nil && refused.ScimType == scim.TypeNoTarget && strings.Contains(op.Path, "[") {
			return // the filter names what the operation replaced
		}
		if err != nil || changed {
			t.Fatalf("%+v again: %v\n%s", op, err, cmp.Diff(once, twice))
		}
	})
}

// TestLawAddThenRemove: who was added and removed leaves the group as it was, and
// a removal takes those named and nobody else.
func TestLawAddThenRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := resourceGen.Draw(t, "resource")
		given := listGen(memberGen).Draw(t, "given")
		was := asList(r["members"])
		fresh := slices.DeleteFunc(slices.Clone(given), func(m any) bool {
			return slices.ContainsFunc(was, func(w any) bool { return reflect.DeepEqual(m, w) })
		})
		out, _, err := scim.ApplyPatch(r, []scim.Operation{{Op: "add", Path: "members", Value: given}, {Op: "remove", Path: "members", Value: fresh}})
		if diff := cmp.Diff(r, out); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		out, _, err = scim.ApplyPatch(r, []scim.Operation{{Op: "remove", Path: "members", Value: given}})
		var want []any
		for _, m := range was {
			if !slices.ContainsFunc(given, func(g any) bool { return reflect.DeepEqual(g, m) }) {
				want = append(want, m)
			}
		}
		if diff := cmp.Diff(want, asList(out["members"])); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		var one []scim.Operation
		for _, m := range given {
			one = append(one, scim.Operation{Op: "remove", Path: "members[value eq " + scim.Quote(m.(map[string]any)["value"].(string)) + "]"})
		}
		byFilter, _, err := scim.ApplyPatch(r, one)
		if diff := cmp.Diff(out, byFilter); err != nil || diff != "" {
			t.Fatal("by filter", err, diff)
		}
	})
}

func TestLawProject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := resourceGen.Draw(t, "resource")
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"userName", "TITLE", "name", "name.givenName", "emails.value", "members", "id", scim.SchemaEnterprise}), 1, 3).Draw(t, "names")
		picked := scim.NewProjection(names, nil).Of(r)
		if diff := cmp.Diff(picked, scim.NewProjection(names, nil).Of(picked)); diff != "" {
			t.Fatal("not a projection", diff)
		}
		rest := scim.NewProjection(nil, names).Of(r)
		for k := range r {
			_, in := picked[k]
			_, out := rest[k]
			if !in && !out {
				t.Fatalf("%s is nowhere", k)
			}
		}
		if rest["id"] == nil || picked["schemas"] == nil {
			t.Fatal("id or schemas is missing")
		}
	})
}
