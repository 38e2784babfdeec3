//go:build integration

package scim

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// rewrite changes the comparisons of a filter.
func rewrite(n node, change func(node) node) node {
	switch n := n.(type) {
	case logical:
		list := make([]node, len(n.list))
		for i, part := range n.list {
			list[i] = rewrite(part, change)
		}
		return combine(n.and, list)
	case not:
		return not{rewrite(n.inner, change)}
	case valuePath:
		return valuePath{n.path, rewrite(n.inner, change)}
	}
	return change(n)
}

func onCompare(change func(compare) node) func(*question) {
	return func(q *question) {
		q.filter = rewrite(q.filter, func(n node) node {
			if c, ok := n.(compare); ok {
				return change(c)
			}
			return n
		})
	}
}

var (
	traitCase = trait{"case of values",
		`RFC 7643 section 8.7.1 has caseExact false for userName, name, title, emails; RFC 7644 section 3.4.2.2: "case sensitivity ... SHALL be determined by the attribute's 'caseExact' characteristic"`,
		func(q *question) {
			q.resource, _ = lower(q.resource).(map[string]any)
			onCompare(func(c compare) node { c.value = lower(c.value); return c })(q)
		}}
	traitNe = trait{"ne of an absent attribute",
		`RFC 7644 table 3, ne: "The attribute and operator values are not identical." What is absent is not identical to a value`,
		onCompare(func(c compare) node {
			if c.op != "ne" {
				return c
			}
			c.op = "eq"
			return not{c}
		})}
	traitNull = trait{"null",
		`RFC 7643 section 2.5: "Unassigned attributes, the null value, or empty array ... SHALL be considered to be equivalent in 'state'"`,
		onCompare(func(c compare) node {
			if c.value == nil {
				c.value = "zzz"
			}
			return c
		})}
	traitEmpty = trait{"pr of an empty value",
		`RFC 7644 table 3, pr: "If the attribute has a non-empty or non-null value, or if it contains a non-empty node for complex attributes, there is a match."`,
		func(q *question) {
			q.resource, _ = withoutEmpty(q.resource).(map[string]any)
		}}
	traitDate = trait{"instants",
		`RFC 7644 table 3, gt: "if it is a DateTime type, the comparison is based on a chronological order"`,
		func(q *question) {
			q.resource, _ = utc(q.resource).(map[string]any)
			onCompare(func(c compare) node { c.value = utc(c.value); return c })(q)
		}}
	traitValue = trait{"a complex value without its sub-attribute",
		`RFC 7643 section 2.4: "value: The attribute's significant value"; RFC 7644 figure 2 compares emails so: emails co "example.com"`,
		onCompare(func(c compare) node {
			if c.path.sub == "" && (c.path.name == "emails" || c.path.name == "members") {
				c.path.sub = "value"
			}
			return c
		})}
	traitOneValue = trait{"conditions on one value",
		`RFC 7644 section 3.4.2.2: "expressions MUST be applied to the same value of a parent attribute specified immediately before the left square bracket"`,
		func(q *question) {
			if emails := elements(q.resource["emails"]); len(emails) > 1 {
				q.resource["emails"] = emails[:1]
			}
		}}
	traitNotOver = trait{"not before several conditions",
		`RFC 7644 table 4, not: "The entire expression is a 'match' if the expression evaluates to false"`,
		func(q *question) { q.filter = pushNot(q.filter, false, false) }}
	traitNotOfValues = trait{"not and ne of several values or of none",
		`RFC 7644 table 4, not: "The entire expression is a 'match' if the expression evaluates to false": no value may match, and a value path is an expression as well`,
		func(q *question) {
			one := map[string]any{"value": "zzz", "type": "zzz", "primary": false}
			if emails := elements(q.resource["emails"]); len(emails) > 0 {
				maps.Copy(one, asObject(emails[0]))
			}
			q.resource["emails"] = []any{one}
			q.filter = pushNot(q.filter, false, true)
		}}
	traitGroups = trait{"or in brackets before and",
		`RFC 7644 table 5: "Boolean expressions MAY be grouped using parentheses to change the standard order of operations, i.e., to evaluate a logical 'or' operator before a logical 'and' operator"`,
		func(q *question) { q.filter = distribute(q.filter) }}
	traitPart = trait{"parts of an absent value",
		`RFC 7644 table 3, co: "The entire operator value must be a substring of the attribute value for a match." What is absent has no substring, not even ""`,
		onCompare(func(c compare) node {
			if c.value == "" && (c.op == "co" || c.op == "sw" || c.op == "ew") {
				c.value = "zzz"
			}
			return c
		})}
	traitAbsent = trait{"complex attributes that are absent",
		`RFC 7643 section 2.5: an attribute without a value is "equivalent in 'state'" to an empty one, so a filter over it is no error`,
		func(q *question) {
			for name, none := range map[string]any{"emails": []any{}, "name": map[string]any{}, "meta": map[string]any{}} {
				if q.resource[name] == nil {
					q.resource[name] = none
				}
			}
		}}
	traitEscape = trait{"escapes in text",
		`RFC 7644 figure 1: compValue is a string with the "rules from JSON (RFC 7159)"`,
		func(q *question) {
			q.resource, _ = plain(q.resource).(map[string]any)
			onCompare(func(c compare) node { c.value = plain(c.value); return c })(q)
		}}
)

func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if v[k] = withoutEmpty(e); empty(e) {
				delete(v, k)
			}
		}
	case []any:
		for i, e := range v {
			v[i] = withoutEmpty(e)
		}
	}
	return v
}

// each applies a change to the texts of a value.
func each(v any, change func(string) string) any {
	switch v := v.(type) {
	case string:
		return change(v)
	case []any:
		for i := range v {
			v[i] = each(v[i], change)
		}
	case map[string]any:
		for k := range v {
			v[k] = each(v[k], change)
		}
	}
	return v
}

func utc(v any) any {
	return each(v, func(s string) string {
		if t, ok := instant(s); ok {
			return t.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		return s
	})
}

func plain(v any) any { return each(v, strings.NewReplacer(`\`, "", `"`, "").Replace) }

// pushNot moves not down to the single conditions, those in value paths as well
// when that is wanted.
func pushNot(n node, negated, intoValues bool) node {
	switch n := n.(type) {
	case not:
		return pushNot(n.inner, !negated, intoValues)
	case logical:
		list := make([]node, len(n.list))
		for i, part := range n.list {
			list[i] = pushNot(part, negated, intoValues)
		}
		return combine(n.and != negated, list)
	case valuePath:
		if intoValues {
			return valuePath{n.path, pushNot(n.inner, negated, intoValues)}
		}
	}
	if negated {
		return not{n}
	}
	return n
}

// distribute writes a filter as one or over ands.
func distribute(n node) node {
	l, ok := n.(logical)
	if !ok {
		return n
	}
	if !l.and {
		list := make([]node, len(l.list))
		for i, part := range l.list {
			list[i] = distribute(part)
		}
		return combine(false, list)
	}
	sums := [][]node{nil}
	for _, part := range l.list {
		terms := []node{distribute(part)}
		if or, ok := terms[0].(logical); ok && !or.and {
			terms = or.list
		}
		var next [][]node
		for _, sum := range sums {
			for _, term := range terms {
				next = append(next, append(slices.Clone(sum), term))
			}
		}
		sums = next
	}
	list := make([]node, len(sums))
	for i, sum := range sums {
		list[i] = combine(true, sum)
	}
	return combine(false, list)
}

var (
	oracleWords = []string{"a", "A", "b", "ab", "aB", "x@y", "X@y", "", "é", "É", `q"\`, "work", "home"}
	oracleDates = []string{"2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00", "2011-05-13T04:42:34.500Z", "2020-01-01T00:00:00Z"}
)

// filterCase is a resource and a filter over it, deep at most depth.
func filterCase(library string, depth int, paths []string) func(*rand.Rand) question {
	return func(r *rand.Rand) question {
		return question{library: library, resource: oracleUser(r), filter: oracleFilter(r, depth, paths)}
	}
}

func oracleUser(r *rand.Rand) map[string]any {
	u := map[string]any{"id": "u1"}
	maybe := func(name string, v any) {
		if r.IntN(3) > 0 {
			u[name] = v
		}
	}
	word := func() any { return pick(r, oracleWords...) }
	maybe("userName", word())
	maybe("title", word())
	maybe("externalId", word())
	maybe("active", r.IntN(2) == 0)
	maybe("name", map[string]any{"givenName": word(), "familyName": word()})
	maybe("meta", map[string]any{"created": pick(r, oracleDates...)})
	maybe(SchemaEnterprise, map[string]any{"department": word()})
	var emails []any
	for range r.IntN(4) {
		e := map[string]any{"value": word()}
		if r.IntN(2) == 0 {
			e["type"] = pick(r, "work", "home")
		}
		if r.IntN(2) == 0 {
			e["primary"] = r.IntN(2) == 0
		}
		emails = append(emails, e)
	}
	if emails != nil {
		u["emails"] = emails
	}
	return u
}

func oracleFilter(r *rand.Rand, depth int, paths []string) node {
	if depth > 0 {
		switch r.IntN(5) {
		case 0, 1:
			return combine(r.IntN(2) == 0, []node{oracleFilter(r, depth-1, paths), oracleFilter(r, depth-1, paths)})
		case 2:
			return not{oracleFilter(r, depth-1, paths)}
		case 3:
			emails := lookup("", "emails")
			inner := node(oracleCondition(r, pick(r, "value", "type", "primary"), &emails))
			if r.IntN(2) == 0 {
				inner = combine(true, []node{inner, oracleCondition(r, pick(r, "value", "type"), &emails)})
			}
			return valuePath{attrPath{name: "emails"}, inner}
		}
	}
	return oracleCondition(r, pick(r, paths...), nil)
}

func oracleCondition(r *rand.Rand, name string, parent *attribute) node {
	path, _ := parseAttrPath(name)
	k := (&parser{parent: parent}).kind(path)
	if r.IntN(6) == 0 {
		return present{path}
	}
	op := pick(r, "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
	var value any = pick(r, oracleWords...)
	switch {
	case k == kindBoolean:
		op, value = pick(r, "eq", "ne"), r.IntN(2) == 0
	case k == kindDateTime:
		value = pick(r, oracleDates...)
	case r.IntN(12) == 0:
		op, value = pick(r, "eq", "ne"), pick[any](r, nil, json.Number("12"), true)
	}
	return compare{path: path, kind: k, op: op, value: value}
}

func TestFilterAgainstParseFilter(t *testing.T) {
	paths := []string{"userName", "title", "externalId", "active", "name.givenName", "emails", "emails.value", "emails.type", "emails.primary", "id", "meta.created",
		SchemaEnterprise + ":department"}
	compareAll(t, 5000, []trait{traitCase, traitNe, traitNull, traitEmpty, traitDate, traitValue, traitEscape, traitOneValue},
		filterCase("scim2-parse-filter", 3, paths))
}

// TestFilterAgainstScimmy leaves out extensions, whose URNs SCIMMY's filter takes
// for paths ("2.0").
func TestFilterAgainstScimmy(t *testing.T) {
	paths := []string{"userName", "title", "externalId", "active", "name.givenName", "emails.value", "emails.type", "emails.primary", "id", "meta.created"}
	compareAll(t, 4000, []trait{traitCase, traitNe, traitNull, traitEmpty, traitDate, traitEscape, traitPart, traitNotOver, traitAbsent, traitNotOfValues, traitGroups}, filterCase("scimmy filter", 2, paths))
}
