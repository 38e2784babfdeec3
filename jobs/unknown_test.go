package jobs_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
)

// TestUnknownIsNotWrittenDown: whom neither side knows is told to who asked, and stays out of
// the journal, where no id leads to the name, by which it could be erased.
func TestUnknownIsNotWrittenDown(t *testing.T) {
	r := newRig(t)
	r.runner.User = "dan@x.io"
	if _, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes); !errors.Is(err, jobs.ErrUnknown) || !strings.Contains(err.Error(), "dan@x.io") {
		t.Errorf("%v", err)
	}
	ends := 0
	err := r.store.Scan(t.Context(), time.Time{}, func(e jobs.Entry) bool {
		text, _ := json.Marshal(e)
		if strings.Contains(string(text), "dan@") {
			t.Errorf("in the journal: %s", text)
		}
		if e.Kind == jobs.EntryEnd && len(e.Report.Errors) == 1 {
			ends++
		}
		return true
	})
	if err != nil || ends != 1 {
		t.Errorf("%d runs have ended with a reason: %v", ends, err)
	}
}
