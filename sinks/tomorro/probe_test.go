package tomorro_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

const (
	sandboxAccount = "tomorro-sync-probe@x.io"
	sandboxGroup   = "tomorro-sync-probe"
)

// sandboxed gives the sandbox in what the service has now.
func sandboxed(t *testing.T, client *tomorro.Client) tomorro.Sandbox {
	t.Helper()
	current, err := client.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tomorro.Sandbox{Account: sandboxAccount, Group: sandboxGroup, Current: current,
		Real: func(reconcile.Account, reconcile.Group) string { return "" }}
}

func (r *rig) config(url string) tomorro.Config {
	return tomorro.Config{URL: url, Token: "tomorro-token", Backoff: time.Millisecond, Timeout: 10 * time.Second}
}

// probed probes the rig's service.
func (r *rig) probed(t *testing.T) (reconcile.Profile, error) {
	t.Helper()
	server := httptest.NewServer(r.flaky)
	defer server.Close()
	return tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandboxed(t, r.client))
}

// onlySandbox fails when a write was about anything but the sandbox, or when
// something of it is left.
func (r *rig) onlySandbox(t *testing.T, mayStay bool) {
	t.Helper()
	for _, e := range r.sim.Writes() {
		if !strings.HasPrefix(e.Who, sandboxGroup) {
			t.Errorf("%s %s is about %s", e.Method, e.Path, e.Who)
		}
	}
	state := r.sim.State()
	for _, u := range state.Users {
		if strings.HasPrefix(u.UserName, sandboxGroup) && (!mayStay || u.Active) {
			t.Errorf("%s is left, active %v", u.UserName, u.Active)
		}
	}
	for _, g := range state.Groups {
		if g.DisplayName == sandboxGroup {
			t.Errorf("the group is left with %v", g.Members)
		}
	}
}

// probeVariant is one way in which the simulator behaves, and what a probe finds.
type probeVariant struct {
	knobs tomorrotest.Knobs
	want  map[string]string // what differs
	// update, removal, content type and page size of the profile; empty: put, values, application/json, 0
	settings string
	stays    bool
}

// documented is what a probe of the simulator finds as it is by itself.
func documented() map[string]string {
	return map[string]string{reconcile.ProbeContentJSON: "works", reconcile.ProbeCreate: "works", reconcile.ProbeDuplicate: "refused", reconcile.ProbePut: "works",
		reconcile.ProbePatch: "works", reconcile.ProbePatchNoPath: "works", reconcile.ProbePatchCapital: "works", reconcile.ProbeUnknownType: "refused", reconcile.ProbeRole: "works",
		reconcile.ProbeRename: "works", reconcile.ProbeInactive: "works", reconcile.ProbeDelete: "works", reconcile.ProbeExternalID: "works",
		reconcile.ProbeMembersValues: "works", reconcile.ProbeMembersFilter: "works", reconcile.ProbeMembersScim1: "works", reconcile.ProbeMembersPut: "works",
		reconcile.ProbePageCap: "not seen", reconcile.ProbePastEnd: "works", reconcile.ProbeRate: "not seen", reconcile.ProbeBulk: "not seen", reconcile.ProbeAttributes: "ignored"}
}

func probeVariants() map[string]probeVariant {
	return map[string]probeVariant{
		"as documented":        {},
		"type becomes user":    {knobs: tomorrotest.Knobs{UnknownType: tomorrotest.TypeUser}, want: map[string]string{reconcile.ProbeUnknownType: "ignored"}},
		"type is ignored":      {knobs: tomorrotest.Knobs{UnknownType: tomorrotest.TypeIgnored}, want: map[string]string{reconcile.ProbeUnknownType: "ignored"}},
		"type is an error":     {knobs: tomorrotest.Knobs{UnknownType: tomorrotest.TypeError}},
		"duplicate is shown":   {knobs: tomorrotest.Knobs{Duplicate: tomorrotest.DuplicateExisting}, want: map[string]string{reconcile.ProbeDuplicate: "existing"}},
		"duplicate is bad":     {knobs: tomorrotest.Knobs{Duplicate: tomorrotest.DuplicateBad}},
		"inactive removes":     {knobs: tomorrotest.Knobs{InactiveRemoves: true}, want: map[string]string{reconcile.ProbeInactive: "removes", reconcile.ProbeDelete: "not tried"}},
		"inactive is ignored":  {knobs: tomorrotest.Knobs{IgnoresInactive: true}, want: map[string]string{reconcile.ProbeInactive: "ignored"}},
		"delete disables":      {knobs: tomorrotest.Knobs{DeleteDisables: true}, want: map[string]string{reconcile.ProbeDelete: "other"}, stays: true},
		"a substitute is had":  {knobs: tomorrotest.Knobs{NeedsSubstitute: true}},
		"ids are revived":      {knobs: tomorrotest.Knobs{RevivesID: true}},
		"no renames":           {knobs: tomorrotest.Knobs{RenameRefused: true}, want: map[string]string{reconcile.ProbeRename: "refused"}},
		"filter path only":     {knobs: tomorrotest.Knobs{FilterPathOnly: true}, want: map[string]string{reconcile.ProbeMembersValues: "refused", reconcile.ProbeMembersScim1: "refused"}, settings: "put filter application/json 0"},
		"values only":          {knobs: tomorrotest.Knobs{ValuesOnly: true}, want: map[string]string{reconcile.ProbeMembersFilter: "refused", reconcile.ProbeMembersScim1: "refused"}},
		"no content":           {knobs: tomorrotest.Knobs{PatchNoContent: true}},
		"capped":               {knobs: tomorrotest.Knobs{PageCap: 7}, want: map[string]string{reconcile.ProbePageCap: "seen"}, settings: "put values application/json 7"},
		"past the end repeats": {knobs: tomorrotest.Knobs{PastEndRepeats: true}, want: map[string]string{reconcile.ProbePastEnd: "other"}},
		"roles in capitals":    {knobs: tomorrotest.Knobs{TypeInCapitals: true}},
		"no totals":            {knobs: tomorrotest.Knobs{NoTotals: true}},
		"members by id":        {knobs: tomorrotest.Knobs{Members: tomorrotest.MembersByID}},
		"members by user":      {knobs: tomorrotest.Knobs{Members: tomorrotest.MembersByUser}},
		"members when filled":  {knobs: tomorrotest.Knobs{Members: tomorrotest.MembersNonEmpty}},
		"SCIM type only":       {knobs: tomorrotest.Knobs{ScimOnly: true}, want: map[string]string{reconcile.ProbeContentJSON: "refused", reconcile.ProbeContentSCIM: "works"}, settings: "put values application/scim+json 0"},
		"answers as SCIM":      {knobs: tomorrotest.Knobs{AnswersScim: true, ActiveAsText: true}},
		"nobody to take out":   {knobs: tomorrotest.Knobs{NoTarget: true, IgnoresUnknownID: true}},
		"unknown ids ignored":  {knobs: tomorrotest.Knobs{IgnoresUnknownID: true}},
		"drops externalId":     {knobs: tomorrotest.Knobs{DropsExternalID: true}, want: map[string]string{reconcile.ProbeExternalID: "ignored"}},
		"names are not kept": {knobs: tomorrotest.Knobs{IgnoresName: true}, settings: " values application/json 0",
			want: map[string]string{reconcile.ProbePut: "ignored", reconcile.ProbePatch: "ignored", reconcile.ProbePatchNoPath: "ignored", reconcile.ProbePatchCapital: "ignored"}},
		"memberships are not kept": {knobs: tomorrotest.Knobs{IgnoresMembers: true}, settings: "put  application/json 0",
			want: map[string]string{reconcile.ProbeMembersValues: "ignored", reconcile.ProbeMembersFilter: "ignored", reconcile.ProbeMembersScim1: "ignored", reconcile.ProbeMembersPut: "ignored"}},
		"roles are not kept":    {knobs: tomorrotest.Knobs{IgnoresType: true}, want: map[string]string{reconcile.ProbeRole: "ignored", reconcile.ProbeUnknownType: "refused"}},
		"Bulk":                  {knobs: tomorrotest.Knobs{Bulk: tomorrotest.Bulk{Operations: 50, Nameless: true, Silent: true}}, want: map[string]string{reconcile.ProbeBulk: "works"}},
		"Bulk is 201":           {knobs: tomorrotest.Knobs{Bulk: tomorrotest.Bulk{Operations: 50, Status: 201}}, want: map[string]string{reconcile.ProbeBulk: "works"}},
		"Bulk said":             {knobs: tomorrotest.Knobs{Bulk: tomorrotest.Bulk{Operations: 50, Refused: true}}, want: map[string]string{reconcile.ProbeBulk: "refused"}},
		"Bulk unanswered":       {knobs: tomorrotest.Knobs{Bulk: tomorrotest.Bulk{Operations: 50, Forgets: 1}}, want: map[string]string{reconcile.ProbeBulk: "refused"}},
		"attributes kept":       {knobs: tomorrotest.Knobs{Attributes: tomorrotest.AttributesKept}, want: map[string]string{reconcile.ProbeAttributes: "works"}},
		"attributes bare":       {knobs: tomorrotest.Knobs{Attributes: tomorrotest.AttributesBare}, want: map[string]string{reconcile.ProbeAttributes: "other"}},
		"attributes 400":        {knobs: tomorrotest.Knobs{Attributes: tomorrotest.AttributesRefused}, want: map[string]string{reconcile.ProbeAttributes: "refused"}},
		"Bulk of one":           {knobs: tomorrotest.Knobs{Bulk: tomorrotest.Bulk{Operations: 1}}},
		"no seat for a manager": {knobs: tomorrotest.Knobs{Seats: map[string]int{"manager": 0}}, want: map[string]string{reconcile.ProbeRole: "refused"}},
		"an admin must stay":    {knobs: tomorrotest.Knobs{KeepsLastAdmin: true, MostMembers: 1, NoViewer: true}},
	}
}

// TestProbe probes the simulator in each variant that a probe can tell apart.
func TestProbe(t *testing.T) {
	t.Parallel()
	for name, c := range probeVariants() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.knobs, nil)
			r.fill(t, 10, 2)
			r.sim.AddUser(tomorrotest.User{UserName: "sub@x.io", GivenName: "S", FamilyName: "Ub", UserType: "admin", Active: true})
			got, err := r.probed(t)
			if err != nil {
				t.Fatal(err)
			}
			for tried, answer := range documented() {
				if c.want[tried] != "" {
					answer = c.want[tried]
				}
				if a := got.Answer(tried); a.Answer != answer {
					t.Errorf("%s: %+v, want %s", tried, a, answer)
				}
			}
			want := c.settings
			if want == "" {
				want = "put values application/json 0"
			}
			if s := fmt.Sprintf("%s %s %s %d", got.Update, got.MemberRemoval, got.ContentType, got.PageSize); s != want {
				t.Errorf("settings %q, want %q", s, want)
			}
			r.onlySandbox(t, c.stays)
		})
	}
}

func TestProbeWithoutASeat(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{Seats: map[string]int{"user": 0}}, nil)
	if p, err := r.probed(t); err == nil || !strings.Contains(err.Error(), "no seat is left") || !p.At.IsZero() {
		t.Errorf("%v %+v", err, p)
	}
	r.onlySandbox(t, false)
}

func TestProbeSeesTheRate(t *testing.T) {
	t.Parallel()
	for name, knobs := range map[string]tomorrotest.Knobs{"429 Retry-After 1s": {RatePerSecond: 20}, "429 without Retry-After": {RatePerSecond: 20, NoRetryAfter: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newPacedRig(t, knobs, nil)
			got, err := r.probed(t)
			if a := got.Answer(reconcile.ProbeRate); err != nil || a.Answer != reconcile.AnswerSeen || a.Seen != name || got.MemberRemoval != "values" {
				t.Errorf("%v %+v", err, got)
			}
			r.onlySandbox(t, false)
		})
	}
}

// TestProbeOfAMovingList: a total that is one too large is no cap.
func TestProbeOfAMovingList(t *testing.T) {
	t.Parallel()
	for _, repeats := range []bool{false, true} {
		r := newRig(t, tomorrotest.Knobs{PastEndRepeats: repeats}, nil)
		r.fill(t, 5, 1)
		sandbox := sandboxed(t, r.client)
		r.sim.Turn(func(k *tomorrotest.Knobs) { k.MovingTotals = 1 })
		server := httptest.NewServer(r.sim)
		got, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandbox)
		server.Close()
		if a := got.Answer(reconcile.ProbePageCap); err != nil || a.Answer != reconcile.AnswerNotSeen || got.PageSize != 0 {
			t.Errorf("%v %+v", err, a)
		}
	}
}

// TestProbeSeesWhoIsTakenOutWithOthers is a service that takes no notice of whom a
// removal names.
func TestProbeSeesWhoIsTakenOutWithOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{IgnoresUnknownID: true}, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPatch && strings.Contains(q.URL.Path, "/Groups/") {
			body := new(strings.Builder)
			_ = q.Write(body)
			if strings.Contains(body.String(), `"op":"remove","path":"members","value"`) {
				_ = r.sim.Members(sandboxGroup, nil, []string{sandboxAccount})
				w.WriteHeader(http.StatusNoContent)
				return
			}
			parts := strings.SplitN(body.String(), "\r\n\r\n", 2)
			q = q.Clone(q.Context())
			q.Body = http.NoBody
			next := httptest.NewRequest(q.Method, q.URL.String(), strings.NewReader(parts[1]))
			next.Header = q.Header
			r.sim.ServeHTTP(w, next)
			return
		}
		r.sim.ServeHTTP(w, q)
	}))
	defer server.Close()
	got, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandboxed(t, r.client))
	if a := got.Answer(reconcile.ProbeMembersValues); err != nil || a.Answer != reconcile.AnswerEverybody || got.MemberRemoval != "filter" {
		t.Errorf("%v %+v, removal by %q", err, a, got.MemberRemoval)
	}
}

// TestProbeKilled ends the probe at each of its requests, and starts another one.
func TestProbeKilled(t *testing.T) {
	t.Parallel()
	for _, knobs := range []tomorrotest.Knobs{{}, {DropsExternalID: true, DeleteDisables: true}} {
		for n := 1; ; n++ {
			r := newRig(t, knobs, nil)
			r.fill(t, 3, 1)
			sandbox := sandboxed(t, r.client)
			var begun atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if begun.Add(1) > int64(n) { // the process is gone: nothing arrives any more
					panic(http.ErrAbortHandler)
				}
				r.sim.ServeHTTP(w, q)
			}))
			_, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandbox)
			server.Close()
			if err == nil {
				break // it ended before it was killed
			}
			if _, err := r.probed(t); err != nil {
				t.Fatalf("after a kill at request %d: %v", n, err)
			}
			for _, e := range r.sim.Writes() {
				if !strings.HasPrefix(e.Who, sandboxGroup) {
					t.Fatalf("after a kill at request %d: %s %s is about %s", n, e.Method, e.Path, e.Who)
				}
			}
			for _, u := range r.sim.State().Users {
				if strings.HasPrefix(u.UserName, sandboxGroup) && (u.Active || len(u.Groups) > 0 || !knobs.DeleteDisables) {
					t.Fatalf("after a kill at request %d: %+v is left", n, u)
				}
			}
			for _, g := range r.sim.State().Groups {
				if g.DisplayName == sandboxGroup && (len(g.Members) > 0 || !knobs.DropsExternalID) {
					t.Fatalf("after a kill at request %d: the group is left with %v", n, g.Members)
				}
			}
		}
	}
}

func TestProbeInterruptedCleansUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	sandbox := sandboxed(t, r.client)
	sandbox.Step = func(done, _ int) {
		if done == 6 {
			cancel()
		}
	}
	server := httptest.NewServer(r.sim)
	defer server.Close()
	if _, err := tomorro.Probe(ctx, r.config(server.URL+"/scim/v2"), sandbox); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	r.onlySandbox(t, false)
}

// TestProbeRefuses leaves alone what looks like somebody's.
func TestProbeRefuses(t *testing.T) {
	t.Parallel()
	person := tomorrotest.User{UserName: sandboxAccount, GivenName: "Tomorro Sync", FamilyName: "Probe", UserType: "user", Active: true}
	with := func(edit func(*tomorrotest.User)) func(*rig) {
		return func(r *rig) {
			u := person
			edit(&u)
			r.sim.AddUser(u)
		}
	}
	group := func(r *rig) { r.sim.AddGroup(sandboxGroup); _ = r.sim.Members(sandboxGroup, []string{"p1@x.io"}, nil) }
	for name, set := range map[string]func(*rig){
		"another's name":       with(func(u *tomorrotest.User) { u.FamilyName = "Doe" }),
		"linked":               with(func(u *tomorrotest.User) { u.ExternalID = "onelogin:7" }),
		"an admin":             with(func(u *tomorrotest.User) { u.UserType = "admin" }),
		"the renamed one":      with(func(u *tomorrotest.User) { u.UserName = "tomorro-sync-probe-renamed@x.io"; u.GivenName = "Ann" }),
		"in a group":           func(r *rig) { r.sim.AddUser(person); _ = r.sim.Members("g0", []string{sandboxAccount}, nil) },
		"a group with members": group,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tomorrotest.Knobs{}, nil)
			r.fill(t, 3, 1)
			set(r)
			if _, err := r.probed(t); !errors.Is(err, tomorro.ErrSandbox) {
				t.Errorf("%v", err)
			}
			if w := r.sim.Writes(); len(w) > 0 {
				t.Errorf("%+v was written", w)
			}
		})
	}
	r := newRig(t, tomorrotest.Knobs{}, nil)
	sandbox := sandboxed(t, r.client)
	sandbox.Real = func(reconcile.Account, reconcile.Group) string { return "is somebody's" }
	if _, err := tomorro.Probe(t.Context(), r.config("http://127.0.0.1:1"), sandbox); !errors.Is(err, tomorro.ErrSandbox) || !strings.Contains(err.Error(), "somebody's") {
		t.Errorf("%v", err)
	}
}

// TestRunWithTheProfile makes a run where the client's default dialect does not
// converge, with and without what the probe found.
func TestRunWithTheProfile(t *testing.T) {
	t.Parallel()
	for name, knobs := range map[string]tomorrotest.Knobs{"filter path only": {FilterPathOnly: true}, "SCIM type only": {ScimOnly: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, knobs, nil)
			profile, err := r.probed(t)
			if err != nil {
				t.Fatal(err)
			}
			d := directory()
			d.People = d.People[:30]
			run := func(p reconcile.Profile) reconcile.Plan {
				server := httptest.NewServer(r.sim)
				defer server.Close()
				cfg := r.config(server.URL + "/scim/v2")
				cfg.UpdateWith, cfg.MemberRemoval, cfg.ContentType = p.Update, p.MemberRemoval, p.ContentType
				client, err := tomorro.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				return converge(t, client, d)
			}
			_ = run(profile)
			for i := range d.People { // everybody changes one role, which takes them out of a group
				d.People[i].Roles = slices.Delete(d.People[i].Roles, 0, 1)
				d.People[i].LastName += " Ray"
			}
			if p := run(reconcile.Profile{}); p.Empty() {
				t.Error("the default dialect converges as well: this shows nothing")
			}
			if p := run(profile); !p.Empty() {
				t.Errorf("with the profile, %d changes are left, first %+v", len(p.Changes), p.Changes[0])
			}
		})
	}
}

// converge makes one run and gives the next plan.
func converge(t *testing.T, client *tomorro.Client, d *reconcile.Directory) reconcile.Plan {
	t.Helper()
	policy := &reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, CreateGroups: true}
	plan := func() reconcile.Plan {
		current, err := client.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy})
		return reconcile.Guard(reconcile.Confirm(p, reconciletest.Testify(d, p.ToConfirm()), policy), policy)
	}
	if _, err := reconcile.Apply(t.Context(), plan(), client, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: 4}); err != nil {
		t.Fatal(err)
	}
	return plan()
}
