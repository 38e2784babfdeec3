package words_test

import (
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

func TestWords(t *testing.T) {
	drift := reconcile.Change{Cause: "rule Legal", Origin: reconcile.FromDrift}
	for got, want := range map[string]string{
		words.Count(1, "person", "people"):     "1 person",
		words.Count(12345, "person", "people"): "12,345 people",
		words.Changes(map[reconcile.Op]int{reconcile.OpDelete: 1, reconcile.OpCreate: 2, reconcile.OpRename: 0}): "2 new accounts, 1 deletion",
		words.Changes(nil):                  "",
		words.Because(&drift):               "rule Legal (somebody changed it at Tomorro)",
		words.Age(59 * time.Second):         "less than a minute",
		words.Age(119 * time.Minute):        "119 minutes",
		words.Age(47 * time.Hour):           "47 hours",
		words.Age(72*time.Hour + time.Hour): "3 days",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestKinds: every operation has a name.
func TestKinds(t *testing.T) {
	for _, op := range reconcile.Ops() {
		if one, many := words.Kind(op); one == "" || many == "" {
			t.Errorf("%s has none", op)
		}
	}
}
