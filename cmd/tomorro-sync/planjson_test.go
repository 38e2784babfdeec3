package main

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawPlanText: a plan that is written piece by piece is the document that it was.
func TestLawPlanText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plan := reconcile.Decide(reconcile.Input{Directory: &w.Directory, Current: &w.Current, Links: w.Links, Policy: &w.Policy})
		for i := range plan.Changes {
			plan.Changes[i].Cause += rapid.SampledFrom([]string{"", "\n<&>\" \u2028", `"held": []`, `"changes": []`}).Draw(t, "cause")
		}
		doc := planDocument(plan)
		if rapid.Bool().Draw(t, "requests") {
			doc.Requests = &outlook{}
		}
		var whole, pieces bytes.Buffer
		if err := writeJSON(&whole, doc); err != nil {
			t.Fatal(err)
		}
		if err := writePlan(&pieces, doc); err != nil {
			t.Fatal(err)
		}
		if whole.String() != pieces.String() {
			t.Fatalf("%s\nis not\n%s", pieces.String(), whole.String())
		}
	})
}
