package onelogin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

func TestSetup(t *testing.T) {
	r := newRig(t, 20, nil)
	r.world.App.RoleIDs, r.world.App.NameID = []int64{400_001}, "username"
	r.world.Rules[2].Enabled = false
	got, err := r.client.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != r.world.App.Name || !got.ProvisioningShown || !got.ProvisioningEnabled || got.ProvisioningStatus != "Available" || !slices.Equal(got.RoleIDs, []int64{400_001}) {
		t.Errorf("%+v", got)
	}
	if got.Parameters["scimusername"].Source != "email" || !got.Parameters["groups"].Entitlements || got.Parameters["saml_username"].Source != "username" {
		t.Errorf("parameters %+v", got.Parameters)
	}
	if len(got.Disabled) != 2 || // the world has one of its own
		got.Disabled[0].Name != r.world.Rules[2].Name || got.DisabledWhy != "" {
		t.Errorf("switched off: %+v, %s", got.Disabled, got.DisabledWhy)
	}
	if !got.Clock.Shown || got.Clock.Ahead.Abs() > time.Minute {
		t.Errorf("clock %+v", got.Clock)
	}
	r.sim.Turn(func(k *onelogintest.Knobs) { k.LowPrivilege = true })
	r.world.App.NoParameters, r.world.App.NoProvisioning = true, true
	got, err = r.client.Setup(t.Context())
	if err != nil || got.Parameters != nil || got.ProvisioningEnabled || !strings.Contains(got.DisabledWhy, "Manage All") {
		t.Errorf("%v %+v", err, got)
	}
}

func TestSetupOfNoApp(t *testing.T) {
	r := newRig(t, 5, func(c *onelogin.Config) { c.AppID = 7 })
	if _, err := r.client.Setup(t.Context()); !errors.Is(err, reconcile.ErrGone) {
		t.Errorf("%v", err)
	}
}

// TestSetupThatBreaksOff: what could not be read of the app is no app without settings.
func TestSetupThatBreaksOff(t *testing.T) {
	app := "/api/2/apps/*"
	for name, c := range map[string]struct {
		fault flaky.Fault
		rules bool // only the rules that are switched off are not known
	}{
		"app, reset":             {flaky.Fault{Path: app, Kind: flaky.KindReset}, false},
		"app, of another shape":  {flaky.Fault{Path: app, Kind: flaky.KindStatus, Status: 200, Body: `[{"id":5}]`}, false},
		"app, odd provisioning":  {flaky.Fault{Path: app, Kind: flaky.KindStatus, Status: 200, Body: `{"id":5,"role_ids":7}`}, false},
		"rules, reset":           {flaky.Fault{Path: app + "/rules", Kind: flaky.KindReset}, true},
		"rules, without actions": {flaky.Fault{Path: app + "/rules", Kind: flaky.KindStatus, Status: 200, Body: `[{"id":1,"enabled":false}]`}, true},
	} {
		r := newRig(t, 5, nil)
		r.flaky.Add(c.fault)
		got, err := r.client.Setup(t.Context())
		if (err == nil) != c.rules || (got.DisabledWhy != "") != c.rules {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
}
