package main

import (
	"encoding/json"
	"strings"
	"testing"

	"tomorro-sync/jobs"
)

// TestWhoActed: the journal names whoever gave a command in one way, whatever the command
// and the environment, with the machine.
func TestWhoActed(t *testing.T) {
	t.Setenv("USER", "")
	o := newOffice(t, labOptions{users: 60, groups: 4, seed: 3, plain: true}, "approve: [delete]\n")
	o.must(exitDone, "reconcile", "--yes")
	o.suspend(1)
	o.must(exitApproval, "reconcile", "--yes")
	o.must(exitDone, "approve", o.holds()[0].ID)
	who, n := whoAmI(), 0
	if strings.HasPrefix(who, " ") || !strings.Contains(who, " on ") {
		t.Errorf("who acts is %q", who)
	}
	var doc struct{ Entries []jobs.Entry }
	if err := json.Unmarshal([]byte(o.must(exitDone, "journal", "--since", "1h", "--output", "json")), &doc); err != nil {
		t.Fatal(err)
	}
	for _, e := range doc.Entries {
		if e.Trigger == nil {
			continue
		}
		if n++; e.Trigger.Who != who {
			t.Errorf("%s says that %q acted, not %q", e.Kind, e.Trigger.Who, who)
		}
	}
	if n != 3 {
		t.Errorf("%d entries say who acted", n)
	}
}
