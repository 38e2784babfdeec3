package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/check"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestCheckCommand: exit codes, both outputs, and that nothing is written.
func TestCheckCommand(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 20, groups: 3, seed: 6, plain: true}, "domains: [acme.example]\n")
	before := o.lab.tomorro.State()
	text := o.must(exitDone, "check")
	for _, want := range []string{"Step 2: SCIM provisioning", "  pass  scimusername comes from the e-mail", "  warn  tomorro.default_substitute is not set", "0 failures, 1 warning, "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	o.must(exitError, "check", "--strict")
	o.lab.onelogin.Edit(func(w *onelogintest.World) { w.App.UserName = "username" })
	var doc checkJSON
	if err := json.Unmarshal([]byte(o.must(exitError, "check", "--output", "json")), &doc); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(doc.Results, func(r check.Result) bool { return r.Status == check.Fail })
	if doc.Exit != exitError || doc.Summary[check.Fail] != 1 || i < 0 || doc.Results[i].ID != "onelogin.scimusername" || doc.Profile != nil {
		t.Errorf("%+v", doc)
	}
	if o.writes(before) > 0 {
		t.Error("check has written")
	}
	o.must(exitUsage, "check", "surplus")
	o.must(exitUsage, "check", "--probe-writes", "--probe-account", "nobody")
	o.edit("domains: [acme.example]", "min_admins: 1")
	o.must(exitUsage, "check", "--probe-writes") // at which domain?
}

// TestCheckProbes: what the probe finds settles what the configuration leaves open,
// for runs and for plans, and only for this Tomorro.
func TestCheckProbes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 20, groups: 3, seed: 6, plain: true}, "domains: [acme.example]\n")
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.FilterPathOnly = true })
	o.must(exitDone, "reconcile", "--yes")
	o.lab.onelogin.Edit(func(w *onelogintest.World) { w.People[4].RoleIDs = w.People[4].RoleIDs[1:] })
	o.must(exitSomeFailed, "reconcile", "--yes") // the default dialect does nothing here
	before := o.lab.tomorro.State()
	text := o.must(exitDone, "check", "--probe-writes", "--all")
	if !strings.Contains(text, "tomorro.member_removal: filter, as probed") {
		t.Errorf("the probe does not tell\n%s", text)
	}
	after := o.lab.tomorro.State()
	if len(after.Users) != len(before.Users) || len(after.Groups) != len(before.Groups) {
		t.Error("the probe left something behind")
	}
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	for _, w := range o.lab.tomorro.Writes()[before.Writes+before.Idle:] {
		if strings.HasPrefix(w.Who, probeName) == strings.HasPrefix(w.Who, "Tomorro ") {
			t.Errorf("somebody else was written: %+v", w)
		}
	}
	taken := o.world.People[2].Email
	if text := o.must(exitError, "check", "--probe-writes", "--probe-account", taken); !strings.Contains(text, "has the externalId of somebody") {
		t.Errorf("a probe on somebody's account:\n%s", text)
	}
}

// TestCheckProbesAlone: no probe is made beside a run.
func TestCheckProbesAlone(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 5, groups: 1, seed: 6, plain: true}, "domains: [acme.example]\n")
	store, err := redisstore.Open(t.Context(), "redis://"+o.redis.Addr()+"/0", redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	before := o.lab.tomorro.State()
	err = store.Do(t.Context(), "the nightly run", func(context.Context, jobs.Lease) error {
		if text := o.must(exitError, "check", "--probe-writes"); !strings.Contains(text, "the nightly run") {
			t.Errorf("the probe does not say who is at work\n%s", text)
		}
		return nil
	})
	if err != nil || o.writes(before) > 0 {
		t.Errorf("%v, %d writes", err, o.writes(before))
	}
}

// TestCheckInterrupted: whoever interrupts a probe whose cleaning up then fails reads what
// is left at Tomorro, and what becomes of it.
func TestCheckInterrupted(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 5, groups: 1, seed: 6, plain: true}, "domains: [acme.example]\n")
	o.lab.tomorroWire.Add(flaky.Fault{Method: "PUT", Path: "/scim/v2/Users/*", Kind: flaky.KindTimeout, Times: 1})
	o.lab.tomorroWire.Add(flaky.Fault{Method: "DELETE", Path: "/scim/v2/Users/*", Kind: flaky.KindStatus, Status: 403})
	ctx, interrupt := context.WithCancelCause(t.Context())
	defer interrupt(nil)
	go func() {
		for ctx.Err() == nil && len(o.lab.tomorro.State().Users) == 0 {
			time.Sleep(time.Millisecond)
		}
		interrupt(reconcile.ErrStopping)
	}()
	var out, errs bytes.Buffer
	code := run(ctx, services{}, []string{"--config", o.config, "check", "--probe-writes"}, nil, strings.NewReader(""), &out, &errs)
	if code != exitInterrupted || !strings.Contains(errs.String(), probeName+"@acme.example and the group "+probeName+", or remove them") || !strings.Contains(errs.String(), "check --probe-writes") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	o.lab.tomorroWire.Clear()
	if text := o.must(exitDone, "check"); !strings.Contains(text, "a probe that did not end left") {
		t.Errorf("check does not tell of what is left:\n%s", text)
	}
	if text := o.must(exitDone, "check", "--probe-writes"); strings.Contains(text, "a probe that did not end left") {
		t.Errorf("check tells of what it has just taken away:\n%s", text)
	}
	if left := o.lab.tomorro.State().Users; len(left) > 0 {
		t.Errorf("%+v is left", left)
	}
}

// TestCheckLeavesAGroup: where Tomorro deletes no group, whoever reads so and does what it says
// is not sent to probe once more, which makes the group anew. What was found is kept.
func TestCheckLeavesAGroup(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 5, groups: 1, seed: 6, plain: true}, "domains: [acme.example]\n")
	o.lab.tomorroWire.Add(flaky.Fault{Method: "DELETE", Path: "/scim/v2/Groups/*", Kind: flaky.KindStatus, Status: 405})
	text := o.must(exitError, "check", "--probe-writes")
	_, told, _ := strings.Cut(text, "the group "+probeName+" is still there")
	told, _, _ = strings.Cut(told, "pass")
	if !strings.Contains(told, "is kept") || strings.Contains(told, "check --probe-writes") {
		t.Errorf("the output is\n%s", text)
	}
	if text := o.must(exitDone, "check"); !strings.Contains(text, "Tomorro was probed on") {
		t.Errorf("what was found is not kept\n%s", text)
	}
}

// fakeProfiles has one profile.
type fakeProfiles struct{ profile reconcile.Profile }

func (f fakeProfiles) Profile(context.Context) (reconcile.Profile, bool, error) {
	return f.profile, true, nil
}

func (f fakeProfiles) KeepProfile(context.Context, reconcile.Profile) error { return nil }

// TestConfigurationWinsOverProbe: explicit settings stay, and another Tomorro's
// answers are not used.
func TestConfigurationWinsOverProbe(t *testing.T) {
	t.Parallel()
	c := defaultConfig()
	c.Tomorro.URL, c.Tomorro.MemberRemoval = "https://t/scim", "put"
	s := session{config: &c, log: slog.New(slog.DiscardHandler)}
	found := reconcile.Profile{Target: "https://t/scim", Update: "patch", MemberRemoval: "filter", ContentType: "application/scim+json", PageSize: 20,
		Bulk: 1000, BulkBytes: 4096, Attributes: true}
	p, err := s.profile(t.Context(), fakeProfiles{found})
	if err != nil {
		t.Fatal(err)
	}
	got := tomorroClient(s, sharedRate{}, p)
	if got.MemberRemoval != "put" || got.UpdateWith != "patch" || got.ContentType != "application/scim+json" || got.PageSize != 20 {
		t.Errorf("%+v", got)
	}
	if got.Bulk != 100 || got.BulkBytes != 4096 || !got.Attributes {
		t.Errorf("Bulk of %d and %d bytes, attributes %v", got.Bulk, got.BulkBytes, got.Attributes)
	}
	c.Tomorro.Bulk, c.Tomorro.Attributes = 1, "all"
	if got := tomorroClient(s, sharedRate{}, p); got.Bulk != 1 || got.Attributes {
		t.Errorf("Bulk of %d, attributes %v, though they are turned off", got.Bulk, got.Attributes)
	}
	found.Target = "https://old/scim"
	if p, err = s.profile(t.Context(), fakeProfiles{found}); err != nil || p.Update != "" {
		t.Errorf("another Tomorro's answers are used: %+v %v", p, err)
	}
}
