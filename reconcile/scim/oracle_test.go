//go:build integration

package scim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/reconcile/reconciletest/nodetest"
)

// question is a case, for us and for a library that nobody here wrote.
type question struct {
	library  string
	resource map[string]any
	filter   node
	ops      []Operation
}

func (q question) copy() question {
	q.resource, _ = clone(q.resource).(map[string]any)
	q.ops = slices.Clone(q.ops)
	for i := range q.ops {
		q.ops[i].Value = clone(q.ops[i].Value)
	}
	return q
}

func (q question) String() string {
	if q.filter != nil {
		return fmt.Sprintf("%s: %s of %s", q.library, (&Filter{q.filter}).String(), text(q.resource))
	}
	return fmt.Sprintf("%s: %s of %s", q.library, text(q.ops), text(q.resource))
}

func text(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

// ours is our answer: "true", "false", a resource, or "error".
func (q question) ours() string {
	if q.filter != nil {
		return fmt.Sprint(q.filter.match(q.resource))
	}
	out, _, err := ApplyPatch(q.resource, q.ops)
	if err != nil {
		return "error"
	}
	return canonical(out)
}

// canonical leaves out what is unassigned, and schemas and meta, which the
// libraries keep as they please.
func canonical(r map[string]any) string {
	r, _ = clone(r).(map[string]any)
	delete(r, "schemas")
	delete(r, "meta")
	return text(pruned(r))
}

func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if v[k] = pruned(e); unassigned(e) {
				delete(v, k)
			}
		}
	case []any:
		for i, e := range v {
			v[i] = pruned(e)
		}
	}
	return v
}

// oracle is the running process.
type oracle struct {
	in  io.Writer
	out *bufio.Reader
}

func startOracle(t *testing.T) *oracle {
	t.Helper()
	in, out := nodetest.Start(t, "TOMORRO_SYNC_SCIM_ORACLE", "oracle.mjs")
	return &oracle{in, out}
}

// ask gives the library's answer in the form of question.ours.
func (o *oracle) ask(t *testing.T, q question) string {
	t.Helper()
	if q.filter == nil && len(q.ops) == 0 {
		return canonical(q.resource)
	}
	body := map[string]any{"library": q.library, "resource": q.resource, "ops": q.ops}
	if q.filter != nil {
		body["filter"] = (&Filter{q.filter}).String()
	}
	if _, err := fmt.Fprintln(o.in, text(body)); err != nil {
		t.Fatal(err)
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Value any
		Error string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	switch v := answer.Value.(type) {
	case map[string]any:
		return canonical(v)
	case bool:
		return fmt.Sprint(v)
	}
	return "error"
}

// compareAll asks about n cases. Where the answers differ, the traits are taken
// out of the case until they agree; a difference that stays fails the test, and
// so does a trait that explains nothing.
func compareAll(t *testing.T, n int, traits []trait, generate func(*rand.Rand) question) {
	o := startOracle(t)
	random := rand.New(rand.NewPCG(7643, 7644))
	explained := make(map[string]int)
	equal, failed := 0, 0
	for range n {
		q := generate(random)
		ours, theirs := q.ours(), o.ask(t, q)
		if ours == theirs {
			equal++
			continue
		}
		names := explain(t, o, q, traits)
		if names == nil {
			failed++
			t.Errorf("%s\nours   %s\ntheirs %s", q, ours, theirs)
			if failed == 5 {
				t.FailNow()
			}
		}
		for _, name := range names {
			explained[name]++
		}
	}
	t.Logf("%d cases, %d with the same answer; differences by trait: %v", n, equal, explained)
	for _, tr := range traits {
		if explained[tr.name] == 0 {
			t.Errorf("%q explains no difference: take it off the list", tr.name)
		}
	}
}

// explain gives the fewest traits, in their order, without which both agree.
func explain(t *testing.T, o *oracle, q question, traits []trait) []string {
	agree := func(chosen []trait) bool {
		simple := q.copy()
		for _, tr := range chosen {
			tr.without(&simple)
		}
		return simple.ours() == o.ask(t, simple)
	}
	var chosen []trait
	for i := range traits {
		if chosen = traits[:i+1]; agree(chosen) {
			break
		}
		if i == len(traits)-1 {
			return nil
		}
	}
	chosen = slices.Clone(chosen)
	for i := len(chosen) - 2; i >= 0; i-- {
		if fewer := slices.Delete(slices.Clone(chosen), i, i+1); agree(fewer) {
			chosen = fewer
		}
	}
	var names []string
	for _, tr := range chosen {
		names = append(names, tr.name)
	}
	return names
}

// trait is something in a case that others see in another way than we do, with
// the sentence of the RFC that we follow.
type trait struct {
	name, rfc string
	without   func(*question) // takes it out of the case
}

// pick is one of several, each as likely.
func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// lower takes the case out of the texts of a value, dates apart.
func lower(v any) any {
	switch v := v.(type) {
	case string:
		if _, date := instant(v); !date {
			return strings.ToLower(v)
		}
	case []any:
		for i := range v {
			v[i] = lower(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = lower(v[k])
		}
	}
	return v
}
