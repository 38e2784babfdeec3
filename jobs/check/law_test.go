package check

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

var (
	values    = []string{"legal", "Legal", "legal ops", "ops", "gal", "", "1", "3"}
	operators = map[string][]string{
		"title": {"=", "!=", "~", "!~", "bw", "ew", ">", "<"}, "member_of": {"=", "!=", "~", "!~", "bw", "ew"}, "has_role": {"ri", "rin"}, "last_login": {">", "<"},
	}
)

func drawRule(t *rapid.T, id int64) reconcile.Rule {
	r := reconcile.Rule{ID: id, MatchAny: rapid.Bool().Draw(t, "any"), Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"g"}}}}
	source := rapid.SampledFrom([]string{"title", "title", "member_of", "has_role", "last_login"}).Draw(t, "source")
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		c := reconcile.Condition{Source: source, Operator: rapid.SampledFrom(operators[source]).Draw(t, "operator"), Value: rapid.SampledFrom(values).Draw(t, "value")}
		if source == "has_role" || source == "last_login" {
			c.Value = rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "number")
		}
		r.Conditions = append(r.Conditions, c)
	}
	return r
}

var lawNow = time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)

// everybody is all people that conditions can tell apart.
func everybody() (people []*reconcile.Person) {
	for _, title := range values {
		people = append(people, &reconcile.Person{Title: title})
	}
	for _, a := range values {
		for _, b := range values {
			people = append(people, &reconcile.Person{MemberOf: []string{a, b}})
		}
	}
	for _, roles := range [][]int64{nil, {1}, {2}, {3}, {1, 2}, {1, 3}, {2, 3}} {
		for hours := 0; hours < 200; hours += 20 {
			people = append(people, &reconcile.Person{Roles: roles, LastLogin: lawNow.Add(-time.Duration(hours) * time.Hour), Title: "legal ops"})
		}
	}
	return people
}

// matched tells which of them a rule surely matches, where case is as the reading says.
func matched(r reconcile.Rule, people []*reconcile.Person, reading string) (yes []bool) {
	book := reconcile.CompileRules([]reconcile.Rule{r}, nil, reconcile.RuleReading{Case: reading})
	for _, p := range people {
		counts, _ := book.Count([]*reconcile.Person{p}, lawNow)
		yes = append(yes, counts[0].Matches > 0)
	}
	return yes
}

// TestContradiction goes through all pairs of conditions: a rule that is said to match
// nobody, ever, matches nobody.
func TestContradiction(t *testing.T) {
	t.Parallel()
	people, found := everybody(), 0
	for source, list := range operators {
		var all []reconcile.Condition
		for _, op := range list {
			for _, v := range values {
				if _, err := strconv.Atoi(v); (source == "has_role" || source == "last_login") && err != nil {
					continue
				}
				all = append(all, reconcile.Condition{Source: source, Operator: op, Value: v})
			}
		}
		for _, a := range all {
			for _, b := range all {
				r := reconcile.Rule{Conditions: []reconcile.Condition{a, b}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"g"}}}}
				why := contradiction(&r)
				if why == "" {
					continue
				}
				found++
				for _, reading := range []string{"sensitive", "insensitive"} {
					if i := slices.Index(matched(r, people, reading), true); i >= 0 {
						t.Fatalf("%s, but it matches %+v (%s)", why, people[i], reading)
					}
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d pairs exclude each other", found)
	}
}

// TestLawCovers: whoever matches a rule also matches one that is said to cover it.
func TestLawCovers(t *testing.T) {
	people := everybody()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRule(t, 1), drawRule(t, 2)
		if rapid.Bool().Draw(t, "alike") { // else they hardly ever cover each other
			a.Conditions = b.Conditions[:rapid.IntRange(0, len(b.Conditions)).Draw(t, "shared")]
		}
		if !covers(&a, &b) {
			return
		}
		for _, reading := range []string{"", "sensitive", "insensitive"} {
			inA, inB := matched(a, people, reading), matched(b, people, reading)
			for i, p := range people {
				if inB[i] && !inA[i] {
					t.Fatalf("%+v is covered by %+v and matches %+v (%s)", b, a, p, reading)
				}
			}
		}
	})
}
