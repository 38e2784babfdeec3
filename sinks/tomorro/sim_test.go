package tomorro_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

var _ jobs.Target = (*tomorro.Client)(nil)

type rig struct {
	sim    *tomorrotest.Server
	flaky  *flaky.Handler
	client *tomorro.Client
	close  func() // of its server; at the end of the test at the latest
}

func newRig(t *testing.T, knobs tomorrotest.Knobs, edit func(*tomorro.Config)) *rig {
	t.Helper()
	return newRigOf(t, tomorrotest.Options{Knobs: knobs, Substitute: "sub@x.io"}, edit)
}

// newPacedRig is a rig whose simulator sees one request a second more than it allows,
// however fast or slow they come, so that what is refused does not depend on the
// machine.
func newPacedRig(t *testing.T, knobs tomorrotest.Knobs, edit func(*tomorro.Config)) *rig {
	t.Helper()
	var looks atomic.Int64
	now := func() time.Time { return time.UnixMilli(1000 * looks.Add(1) / int64(knobs.RatePerSecond+1)) }
	return newRigOf(t, tomorrotest.Options{Knobs: knobs, Substitute: "sub@x.io", Now: now}, edit)
}

func newRigOf(t *testing.T, o tomorrotest.Options, edit func(*tomorro.Config)) *rig {
	t.Helper()
	r := &rig{sim: tomorrotest.New(o)}
	r.flaky = flaky.New(r.sim)
	server := httptest.NewServer(r.flaky)
	r.close = sync.OnceFunc(server.Close)
	t.Cleanup(r.close)
	cfg := tomorro.Config{URL: server.URL + "/scim/v2", Token: "tomorro-token", SendExternalID: true,
		Retries: 2, Backoff: time.Millisecond, Timeout: 10 * time.Second, MaxWait: 3 * time.Second}
	if edit != nil {
		edit(&cfg)
	}
	client, err := tomorro.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.client = client
	return r
}

// fill makes users p0, p1, … and groups g0, … with every i-th user a member.
func (r *rig) fill(t *testing.T, users, groups int) (ids []string) {
	t.Helper()
	for i := range users {
		ids = append(ids, r.sim.AddUser(tomorrotest.User{UserName: fmt.Sprintf("p%d@x.io", i), GivenName: "G", FamilyName: "F", UserType: "user", Active: i%7 != 0}))
	}
	for g := range groups {
		r.sim.AddGroup(fmt.Sprintf("g%d", g))
		var names []string
		for i := 0; i < users; i += g + 2 {
			names = append(names, fmt.Sprintf("p%d@x.io", i))
		}
		if err := r.sim.Members(fmt.Sprintf("g%d", g), names, nil); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// check reads through the client and compares with the service's own state.
func (r *rig) check(t *testing.T) reconcile.Current {
	t.Helper()
	c, err := r.client.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := r.sim.State()
	if len(c.Accounts) != len(state.Users) || len(c.Groups) != len(state.Groups) || c.MembersUnknown {
		t.Fatalf("%d accounts and %d groups, want %d and %d; members unknown %v", len(c.Accounts), len(c.Groups), len(state.Users), len(state.Groups), c.MembersUnknown)
	}
	byID := make(map[string]reconcile.Account)
	for _, a := range c.Accounts {
		byID[a.ID] = a
	}
	for _, u := range state.Users {
		want := reconcile.Account{ID: u.ID, UserName: u.UserName, GivenName: u.GivenName, FamilyName: u.FamilyName, UserType: reconcile.UserType(u.UserType), Active: u.Active, ExternalID: u.ExternalID}
		if byID[u.ID] != want {
			t.Fatalf("%+v, want %+v", byID[u.ID], want)
		}
	}
	for _, want := range state.Groups {
		i := slices.IndexFunc(c.Groups, func(g reconcile.Group) bool { return g.ID == want.ID })
		var members []string
		for _, id := range c.Groups[i].Members {
			members = append(members, byID[id].UserName)
		}
		slices.Sort(members)
		if !slices.Equal(members, want.Members) {
			t.Fatalf("members of %s: %v, want %v", want.DisplayName, members, want.Members)
		}
	}
	return c
}

func TestReadVariants(t *testing.T) {
	for name, k := range map[string]tomorrotest.Knobs{
		"plain": {}, "pages of 20": {PageCap: 20}, "no totals": {NoTotals: true}, "no totals, past the end repeats": {NoTotals: true, PastEndRepeats: true, PageCap: 30},
		"totals move once": {MovingTotals: 1}, "members by id": {Members: tomorrotest.MembersByID}, "members from users": {Members: tomorrotest.MembersByUser},
		"empty members left out": {Members: tomorrotest.MembersNonEmpty}, "scim+json": {AnswersScim: true}, "active as text": {ActiveAsText: true},
		"roles in capitals": {TypeInCapitals: true},
	} {
		for _, attributes := range []string{tomorrotest.AttributesPassedOver, tomorrotest.AttributesKept, tomorrotest.AttributesBare, tomorrotest.AttributesRefused} {
			for _, compared := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", attributes, " ", compared), func(t *testing.T) {
					k.Attributes = attributes
					r := newRig(t, k, func(c *tomorro.Config) { c.Attributes = compared })
					r.fill(t, 130, 5)
					r.check(t)
				})
			}
		}
	}
	empty := newRig(t, tomorrotest.Knobs{}, nil)
	if c := empty.check(t); len(c.Accounts)+len(c.Groups) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestReadIsCompleteOrAnError(t *testing.T) {
	for name, c := range map[string]struct {
		knobs tomorrotest.Knobs
		fault flaky.Fault
		says  string
	}{
		"totals keep moving": {knobs: tomorrotest.Knobs{MovingTotals: 1000, PageCap: 50}, says: "announces"},
		"page 2 broken":      {fault: flaky.Fault{Path: "/scim/v2/Users", Query: map[string]string{"startIndex": "101"}, Kind: flaky.KindStatus, Status: 502}, says: "users from Tomorro, from number 101"},
		"wrong token":        {fault: flaky.Fault{Path: "/scim/v2/Groups", Kind: flaky.KindStatus, Status: 401}, says: "check tomorro.token"},
		"login page":         {fault: flaky.Fault{Path: "/scim/v2/Users", Kind: flaky.KindHTML200}, says: "check tomorro.url"},
		"not SCIM":           {fault: flaky.Fault{Path: "/scim/v2/Users", Kind: flaky.KindEmpty, Body: `{"hello":"world"}`}, says: "no SCIM list"},
		"no ids":             {fault: flaky.Fault{Path: "/scim/v2/Users", Kind: flaky.KindEmpty, Body: `{"totalResults":1,"Resources":[{"userName":"x"}]}`}, says: "has no id"},
	} {
		r := newRig(t, c.knobs, nil)
		r.fill(t, 130, 3)
		if c.fault.Path != "" {
			r.flaky.Add(c.fault)
		}
		got, err := r.client.Read(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) || len(got.Accounts) != 0 {
			t.Errorf("%s: %v and %d accounts; want %q and none", name, err, len(got.Accounts), c.says)
		}
	}
}

// TestNobodyListens: what cannot be reached names the key to look at.
func TestNobodyListens(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, func(c *tomorro.Config) { c.URL = "http://127.0.0.1:1/scim/v2" })
	if _, err := r.client.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "check tomorro.url") {
		t.Error(err)
	}
}

func create(name string) reconcile.Write {
	return reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: name, GivenName: "G", FamilyName: "O'Neil", UserType: "user", Active: true, ExternalID: "onelogin:5"}}
}

func TestCreateUser(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	got, err := r.client.Write(t.Context(), create("o'neil+x@x.io"))
	if err != nil || got.ID == "" || got.Account.UserName != "o'neil+x@x.io" {
		t.Fatalf("%+v %v", got, err)
	}
	if u := r.sim.State().Users[0]; u.ExternalID != "onelogin:5" || !u.Active || u.UserType != "user" || u.FamilyName != "O'Neil" {
		t.Errorf("%+v", u)
	}
	r.check(t)
}

func TestCreateMeetsAnAccount(t *testing.T) {
	for _, duplicate := range []string{tomorrotest.DuplicateConflict, tomorrotest.DuplicateExisting, tomorrotest.DuplicateBad} {
		r := newRig(t, tomorrotest.Knobs{Duplicate: duplicate}, nil)
		id := r.sim.AddUser(tomorrotest.User{UserName: "A@x.io", GivenName: "Old", FamilyName: "Name", UserType: "admin", Active: false})
		_, err := r.client.Write(t.Context(), create("a@x.io"))
		exists, ok := errors.AsType[*reconcile.ExistsError](err)
		if !ok || exists.Account.ID != id || exists.Account.UserType != "admin" || exists.Account.Active {
			t.Errorf("%q: %v", duplicate, err)
		}
	}
}

func TestUpdateUser(t *testing.T) {
	for _, with := range []string{tomorro.UpdateByPut, tomorro.UpdateByPatch} {
		for _, noContent := range []bool{false, true} {
			r := newRig(t, tomorrotest.Knobs{PatchNoContent: noContent}, func(c *tomorro.Config) { c.UpdateWith = with })
			ids := r.fill(t, 2, 0)
			before := r.check(t).Accounts
			i := slices.IndexFunc(before, func(a reconcile.Account) bool { return a.ID == ids[1] })
			after := before[i]
			after.UserName, after.UserType, after.FamilyName, after.Active, after.ExternalID = "new@x.io", "manager", "Ray", false, "onelogin:1"
			if _, err := r.client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteUpdateUser, Account: after, Before: before[i]}); err != nil {
				t.Fatal(err)
			}
			got := r.check(t).Accounts
			if j := slices.IndexFunc(got, func(a reconcile.Account) bool { return a.ID == ids[1] }); got[j] != after {
				t.Errorf("%s: %+v, want %+v", with, got[j], after)
			}
			_, err := r.client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: "nobody", UserName: "x@x.io"}})
			if !errors.Is(err, reconcile.ErrGone) {
				t.Errorf("an account that is gone: %v", err)
			}
		}
	}
}

func TestMembers(t *testing.T) {
	for dialect, knobs := range map[string]tomorrotest.Knobs{
		tomorro.RemoveByValues: {ValuesOnly: true}, tomorro.RemoveByFilter: {FilterPathOnly: true}, tomorro.RemoveByScim1: {}, tomorro.RemoveByPut: {},
	} {
		for _, noContent := range []bool{false, true} {
			knobs.PatchNoContent = noContent
			r := newRig(t, knobs, func(c *tomorro.Config) { c.MemberRemoval = dialect })
			ids := r.fill(t, 10, 1) // 0, 2, 4, 6, 8
			group := r.check(t).Groups[0]
			w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: group.ID, Group: group.Name, Add: []string{ids[1], ids[3]}, Remove: []string{ids[0], ids[2]}}
			for range 2 { // safe to repeat
				if _, err := r.client.Write(t.Context(), w); err != nil {
					t.Fatalf("%s: %v", dialect, err)
				}
			}
			want := []string{"p1@x.io", "p3@x.io", "p4@x.io", "p6@x.io", "p8@x.io"}
			if got := r.sim.State().Groups[0].Members; !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", dialect, got, want)
			}
		}
	}
}

// TestMembersLeaveOutTheUnknown: one person who was deleted meanwhile stops
// nobody else, and a service that takes few members at once gets few.
func TestMembersLeaveOutTheUnknown(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{MostMembers: 3}, nil)
	ids := r.fill(t, 9, 1)
	group := r.check(t).Groups[0]
	r.sim.RemoveUser(ids[5])
	got := inParts(t, r.client, group, []string{ids[1], ids[3], ids[5], ids[7]}, []string{ids[0], "nobody"})
	if left := left(&got); !slices.Equal(left, []string{ids[5]}) || !errors.Is(got.Problems[0].Err, reconcile.ErrGone) {
		t.Fatalf("%v %+v", left, got)
	}
	want := []string{"p1@x.io", "p2@x.io", "p3@x.io", "p4@x.io", "p6@x.io", "p7@x.io", "p8@x.io"}
	if members := r.sim.State().Groups[0].Members; !slices.Equal(members, want) {
		t.Errorf("%v, want %v", members, want)
	}
	_, err := r.client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteMembers, GroupID: "nowhere", Group: "x", Add: []string{ids[1]}})
	if !errors.Is(err, reconcile.ErrGone) {
		t.Errorf("a group that is gone: %v", err)
	}
}

func TestGroupsAndDeletes(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	r.sim.AddUser(tomorrotest.User{UserName: "sub@x.io", GivenName: "S", FamilyName: "U", UserType: "admin", Active: true})
	made, err := r.client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "legal \"x\""})
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "legal \"x\""})
	if err != nil || again.ID != made.ID || again.Note == "" {
		t.Errorf("the same group again: %+v %v, want %s", again, err, made.ID)
	}
	if g := r.check(t).Groups[0]; !g.Ours {
		t.Errorf("%+v is not marked as ours", g)
	}
	u, err := r.client.Write(t.Context(), create("a@x.io"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []reconcile.Write{{Op: reconcile.WriteDeleteUser, Account: reconcile.Account{ID: u.ID}}, {Op: reconcile.WriteDeleteGroup, GroupID: made.ID}} {
		for range 2 { // what is gone is deleted
			if _, err := r.client.Write(t.Context(), w); err != nil {
				t.Errorf("%s: %v", w.Op, err)
			}
		}
	}
	if st := r.sim.State(); len(st.Users) != 1 || len(st.Groups) != 0 || len(st.Transfers) != 1 {
		t.Errorf("%+v", st)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{KeepsLastAdmin: true, Seats: map[string]int{"manager": 0}}, nil)
	id := r.sim.AddUser(tomorrotest.User{UserName: "a@x.io", GivenName: "A", FamilyName: "B", UserType: "admin", Active: true})
	_, err := r.client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: id, UserName: "a@x.io", GivenName: "A", FamilyName: "B", UserType: "admin"}})
	if err == nil || errors.Is(err, reconcile.ErrRefused) || !strings.Contains(err.Error(), "the last admin cannot be removed") {
		t.Errorf("a 403 about one record: %v", err)
	}
	w := create("m@x.io")
	w.Account.UserType = "manager"
	if _, err := r.client.Write(t.Context(), w); err == nil || errors.Is(err, reconcile.ErrRefused) || !strings.Contains(err.Error(), "no seat is left") {
		t.Errorf("no seat: %v", err)
	}
	r.flaky.Add(flaky.Fault{Path: "/scim/v2/*", Kind: flaky.KindStatus, Status: 403})
	if _, err := r.client.Write(t.Context(), create("b@x.io")); !errors.Is(err, reconcile.ErrRefused) {
		t.Errorf("a 403 about everything: %v", err)
	}
	r.flaky.Clear()
	r.flaky.Add(flaky.Fault{Path: "/scim/v2/*", Kind: flaky.KindStatus, Status: 401})
	if _, err := r.client.Write(t.Context(), create("b@x.io")); !errors.Is(err, reconcile.ErrRefused) || !strings.Contains(err.Error(), "tomorro.token") {
		t.Errorf("a 401: %v", err)
	}
}

func TestThrottling(t *testing.T) {
	for _, noHeader := range []bool{false, true} {
		r := newPacedRig(t, tomorrotest.Knobs{RatePerSecond: 4, NoRetryAfter: noHeader}, func(c *tomorro.Config) { c.Concurrency, c.Retries, c.Backoff = 2, 6, 100*time.Millisecond })
		for i := range 9 {
			if _, err := r.client.Write(t.Context(), create(fmt.Sprintf("p%d@x.io", i))); err != nil {
				t.Fatalf("without Retry-After %v: %v", noHeader, err)
			}
		}
		if n := len(r.sim.State().Users); n != 9 || r.client.Stats().Throttled == 0 {
			t.Errorf("%d accounts, throttled %d times", n, r.client.Stats().Throttled)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []tomorro.Config{{}, {URL: "tomorro.com", Token: "x"}, {URL: "https://x.io/scim"}} {
		if _, err := tomorro.New(c); err == nil || !strings.Contains(err.Error(), "tomorro.") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestRetriesAskTheFence: between two tries of one write the lock can be lost.
func TestRetriesAskTheFence(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	id := r.fill(t, 1, 0)[0]
	r.flaky.Add(flaky.Fault{Method: "PUT", Path: "/scim/v2/Users/*", Kind: flaky.KindStatus, Status: 502})
	asked := 0
	lost := errors.New("the lock was lost")
	ctx := reconcile.WithFence(t.Context(), func() error {
		if asked++; asked > 2 { // one try asks before it dials, and when the body is read
			return lost
		}
		return nil
	})
	w := reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: id, UserName: "p0@x.io", GivenName: "New", UserType: "user", Active: true}}
	_, err := r.client.Write(ctx, w)
	if !errors.Is(err, reconcile.ErrUncertain) || !errors.Is(err, lost) || r.flaky.Stats().Writes != 1 {
		t.Errorf("%v, %d writes arrived; want 1", err, r.flaky.Stats().Writes)
	}
}

// TestBodyAsksTheFence: a process can be paused between the check and the wire,
// while it dials for instance. Its body does not arrive then.
func TestBodyAsksTheFence(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	id := r.fill(t, 1, 0)[0]
	before, asked := len(r.sim.Writes()), 0
	lost := errors.New("the lock was lost")
	ctx := reconcile.WithFence(t.Context(), func() error {
		if asked++; asked > 1 {
			return lost
		}
		return nil
	})
	w := reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: id, UserName: "p0@x.io", GivenName: "New", UserType: "user", Active: true}}
	if _, err := r.client.Write(ctx, w); !errors.Is(err, lost) || len(r.sim.Writes()) != before {
		t.Errorf("%v, %d writes arrived; want none", err, len(r.sim.Writes())-before)
	}
}
