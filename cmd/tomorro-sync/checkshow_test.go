package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"tomorro-sync/jobs/check"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestCheckProbesNobodysAccount: while it cannot be told whose the sandbox is, nothing is
// written, and why is said.
func TestCheckProbesNobodysAccount(t *testing.T) {
	t.Parallel()
	for why, spoil := range map[string]func(*office){
		"not probed: Tomorro cannot be read": func(o *office) {
			o.lab.tomorroWire.Add(flaky.Fault{Path: "/scim/v2/Groups", Kind: flaky.KindStatus, Status: http.StatusForbidden})
		},
		"not probed: only when OneLogin is read to its end": func(o *office) {
			o.lab.oneloginWire.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: http.StatusForbidden})
		},
		"not probed: Redis, which knows whose accounts are whose": func(o *office) {
			o.edit("redis://"+o.redis.Addr(), "redis://127.0.0.1:1")
		},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, labOptions{users: 40, groups: 2, seed: 6, plain: true, pageCap: 20}, "domains: [acme.example]\n")
			before := o.lab.tomorro.State()
			spoil(o)
			if text := o.must(exitError, "check", "--probe-writes"); !strings.Contains(text, why) || strings.Contains(text, "Tomorro was probed on") {
				t.Errorf("%q is not in\n%s", why, text)
			}
			if n := o.writes(before); n > 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// TestCheckProbesWithoutRedis: what was found is shown, and that no run will know it.
func TestCheckProbesWithoutRedis(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 5, groups: 1, seed: 6, plain: true}, "domains: [acme.example]\n")
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.FilterPathOnly = true })
	o.edit(`"redis://`+o.redis.Addr()+`/0"`, `""`)
	text := o.must(exitError, "check", "--probe-writes", "--all")
	for _, want := range []string{"what the probe found is not kept: redis.url is not set", "Mend what it says, and run:", "tomorro.member_removal: filter"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestCheckView: what is wrong is shown with what to do, all of an error's lines and the
// number of what is left out.
func TestCheckView(t *testing.T) {
	t.Parallel()
	report := check.Report{Results: []check.Result{
		{Step: "STEP 3", Status: check.Pass, Found: "fine", Items: []string{"a detail"}},
		{Step: "STEP 5", Status: check.Warn, Found: "first line\nsecond line", Do: "click here", Items: []string{"i1", "i2", "i3", "i4", "i5", "i6", "i7"}},
		{Step: "STEP 5", Status: check.Unseen, Found: "hidden", Do: "look there"},
		{Step: "Redis", Status: check.Fail, Found: "broken", Do: "mend it"},
	}}
	const head = "\nStep 3: people\n  pass  fine\n"
	const want = head + `
Step 5: titles and roles at Tomorro
  warn  first line
        second line
        - i1
        - i2
        - i3
        - i4
        - i5
        - and 2 more; see --all
        -> click here
    ?   hidden
        -> look there

Redis
  FAIL  broken
        -> mend it

1 failure, 1 warning, 1 pass, 1 cannot be seen.
`
	all := strings.Replace(strings.Replace(want, "        - and 2 more; see --all\n", "        - i6\n        - i7\n", 1), head, head+"        - a detail\n", 1)
	for every, want := range map[bool]string{false: want, true: all} {
		var out bytes.Buffer
		v := checkView{screen: newScreen(&out, true), all: every}
		v.show(&report)
		if out.String() != want {
			t.Errorf("--all %v:\n%s\nwant\n%s", every, out.String(), want)
		}
	}
}
