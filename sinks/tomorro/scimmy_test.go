//go:build integration

package tomorro_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
	"tomorro-sync/reconcile/reconciletest/nodetest"
	"tomorro-sync/sinks/tomorro"
)

// TestAgainstScimmy loads a company, changes ten percent of it, and ends with an
// empty plan, in each dialect that the server's standard has.
func TestAgainstScimmy(t *testing.T) {
	for _, c := range []struct {
		update, remove, contentType string
		bulk                        int
	}{
		{tomorro.UpdateByPut, tomorro.RemoveByFilter, "application/scim+json", 0},
		{tomorro.UpdateByPatch, tomorro.RemoveByPut, "application/json", 0},
		{tomorro.UpdateByPut, tomorro.RemoveByValues, "application/json", 0},
		{tomorro.UpdateByPut, tomorro.RemoveByFilter, "application/scim+json", 50},
		{tomorro.UpdateByPatch, tomorro.RemoveByValues, "application/json", 50},
	} {
		t.Run(fmt.Sprint(c.update, " ", c.remove, " ", c.bulk), func(t *testing.T) {
			client, err := tomorro.New(tomorro.Config{URL: nodetest.Scimmy(t), Token: "secret", SendExternalID: true,
				UpdateWith: c.update, MemberRemoval: c.remove, ContentType: c.contentType, PageSize: 50, Concurrency: 4, Bulk: c.bulk})
			if err != nil {
				t.Fatal(err)
			}
			d := directory()
			links := make(map[reconcile.Key]string)
			if n := syncOnce(t, client, d, links); n != 20+200+600 {
				t.Fatalf("%d changes were planned for the initial load, want 820", n)
			}
			for i := range 20 { // ten percent
				p := &d.People[i*10]
				switch i % 4 {
				case 0:
					p.LastName += " Ray"
					p.Title = "manager"
				case 1:
					p.Status = 2
				case 2:
					p.Email = "new" + p.Email
				default:
					p.Roles[0] = p.Roles[0]%20 + 2
					slices.Sort(p.Roles)
				}
			}
			if n := syncOnce(t, client, d, links); n < 20 {
				t.Errorf("%d changes were planned for ten percent", n)
			}
			sent := client.Stats().Requests
			if single := sent["POST /Users"]; c.bulk > 0 && (sent["POST /Bulk"] == 0 || single > 20) || c.bulk == 0 && single != 200 {
				t.Errorf("it took %v", sent)
			}
		})
	}
}

// TestProbeScimmy probes a server that nobody here wrote, and makes a run with what it
// found.
func TestProbeScimmy(t *testing.T) {
	cfg := tomorro.Config{URL: nodetest.Scimmy(t), Token: "secret", Timeout: 10 * time.Second}
	client, err := tomorro.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sandbox := sandboxed(t, client)
	got, err := tomorro.Probe(t.Context(), cfg, sandbox)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range got.Answers {
		t.Logf("%-24s %-10s %s %d", a.Tried, a.Answer, a.Seen, a.Number)
	}
	for tried, want := range map[string]string{reconcile.ProbeDuplicate: "refused", reconcile.ProbePut: "works", reconcile.ProbePatch: "works",
		reconcile.ProbeRename: "works", reconcile.ProbeInactive: "works", reconcile.ProbeDelete: "works", reconcile.ProbeMembersFilter: "works",
		reconcile.ProbeMembersScim1: "refused", reconcile.ProbeMembersPut: "works", reconcile.ProbeBulk: "works", reconcile.ProbeAttributes: "works"} {
		if a := got.Answer(tried); a.Answer != want {
			t.Errorf("%+v, want %s", a, want)
		}
	}
	if after := sandboxed(t, client).Current; len(after.Accounts)+len(after.Groups) > 0 {
		t.Errorf("%+v is left", after)
	}
	cfg.UpdateWith, cfg.MemberRemoval, cfg.ContentType, cfg.PageSize = got.Update, got.MemberRemoval, got.ContentType, got.PageSize
	cfg.Bulk, cfg.BulkBytes, cfg.Attributes = got.Bulk, got.BulkBytes, got.Attributes
	if client, err = tomorro.New(cfg); err != nil {
		t.Fatal(err)
	}
	d := directory()
	syncOnce(t, client, d, make(map[reconcile.Key]string))
	for i := range d.People {
		d.People[i].Roles = slices.Delete(d.People[i].Roles, 0, 1)
	}
	if p := converge(t, client, d); !p.Empty() {
		t.Errorf("with the profile, %d changes are left, first %+v", len(p.Changes), p.Changes[0])
	}
}

// syncOnce plans, applies, and wants the next plan to be empty. It gives the number
// of changes.
func syncOnce(t *testing.T, client *tomorro.Client, d *reconcile.Directory, links map[reconcile.Key]string) int {
	t.Helper()
	policy := &reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, CreateGroups: true}
	plan := func() reconcile.Plan {
		current, err := client.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Links: links, Policy: policy})
		return reconcile.Guard(reconcile.Confirm(p, reconciletest.Testify(d, p.ToConfirm()), policy), policy)
	}
	first := plan()
	fenced := reconcile.WithFence(t.Context(), func() error { return nil }) // as a run's writes are
	result, err := reconcile.Apply(fenced, first, client, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: client.AtOnce()})
	if err != nil || len(result.Problems) > 0 {
		t.Fatalf("apply: %v, %d problems, first %+v", err, len(result.Problems), result.Problems[:min(1, len(result.Problems))])
	}
	for _, l := range append(first.Links, result.Links...) {
		links[l.Key] = l.Account
	}
	if second := plan(); !second.Empty() || len(second.Held) > 0 {
		t.Fatalf("the second plan has %d changes and %d holds, first %+v", len(second.Changes), len(second.Held), second.Changes[:min(3, len(second.Changes))])
	}
	return len(first.Changes)
}
