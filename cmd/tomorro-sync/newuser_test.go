package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestProposalAsJSON: its names are written as all others are, and nothing is null.
func TestProposalAsJSON(t *testing.T) {
	o := newOffice(t, labOptions{users: 12, groups: 2, seed: 6, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	out := o.must(exitDone, "groups", "plan-migration", "--output", "json")
	var doc struct {
		Groups []map[string]any `json:"groups"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Groups) != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, key := range []string{"id", "name", "members", "given", "extra"} {
		if _, ok := doc.Groups[0][key]; !ok {
			t.Errorf("a group has no %q: %v", key, doc.Groups[0])
		}
	}
	if strings.Contains(out, "null") {
		t.Errorf("the document has a null:\n%s", out)
	}
}
