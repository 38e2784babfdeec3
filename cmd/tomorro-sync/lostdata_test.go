package main

import (
	"strings"
	"testing"
)

// TestServeTellsOfLoss: when Redis is emptied while it is served, the log says so, with
// what to do, once, and no run is made by the schedule until somebody has looked; nobody
// loses anything by one that somebody makes.
func TestServeTellsOfLoss(t *testing.T) {
	o := newOffice(t, labOptions{users: 20, groups: 2, seed: 6, plain: true}, listenKeys)
	o.must(exitDone, "reconcile", "--yes")
	before := o.accounts()
	s := serveFile(t, talkative{}, o.config)
	eventually(t, "the process has counted", func() bool {
		for _, key := range o.redis.Keys() {
			if strings.Contains(key, ":pulse:") {
				if n, err := o.redis.Get(key); err == nil && n != "1" {
					return true
				}
			}
		}
		return false
	})
	const says = "Redis does not remember what it had confirmed"
	if strings.Contains(s.log.String(), says) {
		t.Fatalf("said before it happened:\n%s", s.log.String())
	}
	o.redis.FlushAll()
	eventually(t, "the log says so", func() bool { return strings.Contains(s.log.String(), says) })
	eventually(t, "the schedule is paused", func() bool {
		return strings.Contains(o.must(exitDone, "schedule"), "by tomorro-sync itself, because Redis lost what it had confirmed")
	})
	if out := o.must(exitDone, "alerts"); !strings.Contains(out, "Redis lost what it had confirmed") || !strings.Contains(out, "schedule resume") {
		t.Errorf("no alert:\n%s", out)
	}
	if out := strings.Join(strings.Fields(o.must(exitDone, "schedule")), " "); !strings.Contains(out, "to go on: press Reapply entitlement mappings") || !strings.Contains(out, "schedule resume") {
		t.Errorf("schedule does not say what to do:\n%s", out)
	}
	o.must(exitDone, "schedule", "resume")
	o.must(exitDone, "reconcile", "--yes")
	for id, was := range before {
		if is := o.accounts()[id]; is != was {
			t.Errorf("%s was %s and is %s", id, was, is)
		}
	}
	if n := strings.Count(s.log.String(), says); n != 1 {
		t.Errorf("said %d times:\n%s", n, s.log.String())
	}
}
