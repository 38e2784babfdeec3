package jobstest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/reconcile"
)

func profile(t *testing.T, open Open) {
	a, b, other := open(t, "profile", 30*time.Second), open(t, "profile", 30*time.Second), open(t, "no-profile", 30*time.Second)
	if _, ok, err := a.Profile(t.Context()); ok || err != nil {
		t.Fatalf("before any probe: %v %v", ok, err)
	}
	want := reconcile.Profile{At: time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC), Target: "https://x/scim/v2", Update: "put", MemberRemoval: "filter",
		ContentType: "application/json", PageSize: 50,
		Answers: []reconcile.ProfileAnswer{{Tried: reconcile.ProbePageCap, Answer: reconcile.AnswerSeen, Seen: "50 of 200", Number: 50}}}
	must(t, a.KeepProfile(t.Context(), reconcile.Profile{Target: "an earlier one"}))
	must(t, a.KeepProfile(t.Context(), want))
	got, ok, err := b.Profile(t.Context())
	if !ok || err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v %v\n%s", ok, err, cmp.Diff(want, got))
	}
	if _, ok, err := other.Profile(t.Context()); ok || err != nil {
		t.Errorf("another connection: %v %v", ok, err)
	}
}
