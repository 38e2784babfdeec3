package check

import (
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
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		source := rapid.SampledFrom([]string{"title", "title", "member_of", "has_role", "last_login"}).Draw(t, "source")
		c := reconcile.Condition{Source: source, Operator: rapid.SampledFrom(operators[source]).Draw(t, "operator"), Value: rapid.SampledFrom(values).Draw(t, "value")}
		if source == "has_role" || source == "last_login" {
			c.Value = rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "number")
		}
		r.Conditions = append(r.Conditions, c)
	}
	return r
}

var lawNow = time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)

func drawPerson(t *rapid.T) *reconcile.Person {
	p := &reconcile.Person{Title: rapid.SampledFrom(values).Draw(t, "title"), MemberOf: rapid.SliceOfN(rapid.SampledFrom(values), 0, 2).Draw(t, "member of")}
	p.Roles = rapid.SliceOfNDistinct(rapid.Int64Range(1, 3), 0, 2, rapid.ID).Draw(t, "roles")
	p.LastLogin = lawNow.Add(-time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour)
	return p
}

// counted evaluates one rule for one person, where case is settled.
func counted(r reconcile.Rule, p *reconcile.Person, reading string) reconcile.RuleCount {
	counts, _ := reconcile.CompileRules([]reconcile.Rule{r}, nil, reconcile.RuleReading{Case: reading}).Count([]*reconcile.Person{p}, lawNow)
	return counts[0]
}

// TestLawContradiction: a rule that is said to match nobody, ever, matches nobody.
func TestLawContradiction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t, 1)
		why := contradiction(&r)
		if why == "" {
			return
		}
		p := drawPerson(t)
		for _, reading := range []string{"sensitive", "insensitive"} {
			if counted(r, p, reading).Matches > 0 {
				t.Fatalf("%s, but it matches %+v (%s): %+v", why, p, reading, r.Conditions)
			}
		}
	})
}

// TestLawCovers: whoever matches a rule also matches one that is said to cover it.
func TestLawCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRule(t, 1), drawRule(t, 2)
		if rapid.Bool().Draw(t, "alike") { // else they hardly ever cover each other
			a.Conditions = b.Conditions[:rapid.IntRange(0, len(b.Conditions)).Draw(t, "shared")]
		}
		if !covers(&a, &b) {
			return
		}
		p := drawPerson(t)
		for _, reading := range []string{"", "sensitive", "insensitive"} {
			if counted(b, p, reading).Matches > 0 && counted(a, p, reading).Matches == 0 {
				t.Fatalf("%+v is covered by %+v and matches %+v (%s)", b, a, p, reading)
			}
		}
	})
}
