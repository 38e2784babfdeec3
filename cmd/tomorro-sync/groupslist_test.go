package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/roster"
)

// TestGroupsOfACompany lists a company's groups, proposes rules for what it has, and
// makes new groups, as an administrator does.
func TestGroupsOfACompany(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, "groups: {create: true}\n")
	o.must(exitDone, "reconcile", "--yes")
	code, out, _ := o.run("groups", "list", "--output", "json")
	var rows []roster.Row
	if err := json.Unmarshal([]byte(out), &rows); code != exitDone || err != nil || len(rows) != 4 {
		t.Fatalf("%d %v\n%s", code, err, out)
	}
	for _, r := range rows {
		if r.ID == "" || r.Members == 0 || len(r.Rules) == 0 || r.NobodySays != 0 {
			t.Errorf("%+v", r)
		}
	}
	name := rows[0].Name
	if code, out, _ = o.run("groups", "plan-migration"); code != exitDone || !strings.Contains(out, "exactly what they have now") || !strings.Contains(out, name) {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out, _ = o.run("groups", "create", "Brand New", strings.ToUpper(name)); code != exitDone || !strings.Contains(out, "Brand New  created") || !strings.Contains(out, name+"  exists") {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out, _ = o.run("groups", "create", "brand-NEW"); code != exitSomeFailed || !strings.Contains(out, `there is "Brand New" at Tomorro`) {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out, _ = o.run("groups", "create", "brand-NEW", "--output", "json"); code != exitSomeFailed || !json.Valid([]byte(out)) {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out, errs := o.run("groups", "create", "brand-NEW", "--near"); code != exitDone || !strings.Contains(out, "brand-NEW  created") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if code, out, _ = o.run("groups", "list"); code != exitDone || !strings.Contains(out, "Brand New  0 members, made by tomorro-sync") {
		t.Errorf("%d\n%s", code, out)
	}
}

// TestGroupBeingMade: whoever makes a group that somebody else is at, or died at, reads
// what to do, and nothing of a person.
func TestGroupBeingMade(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 2, groups: 1, plain: true}, "groups: {create: true}\n")
	store, err := redisstore.Open(t.Context(), "redis://"+o.redis.Addr()+"/0", redisstore.Options{Connection: "default"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	fresh := jobs.Subject(&reconcile.Change{Op: reconcile.OpCreateGroup, Group: "Fresh"})
	if _, err := store.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "other", Subjects: []string{fresh}, Life: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	code, out, _ := o.run("groups", "create", "Fresh", "Other")
	if code != exitSomeFailed || !strings.Contains(out, "Fresh  failed: somebody else is creating it") || !strings.Contains(out, "run this again in a minute") || !strings.Contains(out, "Other  created") {
		t.Errorf("%d\n%s", code, out)
	}
}
