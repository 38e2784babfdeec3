package tomorro_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestSingleIsRead: of each account and group, a single read says what Read says.
func TestSingleIsRead(t *testing.T) {
	for name, k := range map[string]tomorrotest.Knobs{
		"plain": {}, "members by id": {Members: tomorrotest.MembersByID}, "members from users": {Members: tomorrotest.MembersByUser},
		"empty members left out": {Members: tomorrotest.MembersNonEmpty}, "scim+json": {AnswersScim: true}, "active as text": {ActiveAsText: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, k, nil)
			r.fill(t, 20, 3)
			r.sim.AddGroup("empty")
			for _, want := range r.check(t).Accounts {
				for _, find := range []string{want.UserName, " " + strings.ToUpper(want.UserName)} {
					if got, err := r.client.FindAccount(t.Context(), strings.TrimSpace(find)); err != nil || got != want {
						t.Errorf("by userName: %+v %v, want %+v", got, err, want)
					}
				}
				if got, err := r.client.ReadAccount(t.Context(), want.ID); err != nil || got != want {
					t.Errorf("by id: %+v %v, want %+v", got, err, want)
				}
			}
			for _, want := range r.check(t).Groups {
				got, err := r.client.ReadGroup(t.Context(), want.ID)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%v %s", err, diff)
				}
			}
		})
	}
}

func TestSingleReadsAreOneRequest(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	ids := r.fill(t, 3, 1)
	group := r.check(t).Groups[0].ID
	r.flaky.Reset()
	_, a := r.client.ReadAccount(t.Context(), ids[0])
	_, b := r.client.FindAccount(t.Context(), "p1@x.io")
	_, c := r.client.ReadGroup(t.Context(), group)
	if err := errors.Join(a, b, c); err != nil || r.flaky.Stats().Total != 3 {
		t.Errorf("%v: %v", err, r.flaky.Stats().ByRoute)
	}
}

// reads are the three single reads, by what they read.
func reads(c *tomorro.Client, t *testing.T) map[string]func(string) error {
	return map[string]func(string) error{
		"account": func(id string) error { _, err := c.ReadAccount(t.Context(), id); return err },
		"name":    func(id string) error { _, err := c.FindAccount(t.Context(), id); return err },
		"group":   func(id string) error { _, err := c.ReadGroup(t.Context(), id); return err },
	}
}

func TestSingleGone(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	ids := r.fill(t, 3, 1)
	r.sim.RemoveUser(ids[1])
	for what, read := range reads(r.client, t) {
		for _, id := range []string{ids[1], "p1@x.io", "nobody", "", ".", "..", "a/b?c", `"quoted"`} {
			if err := read(id); !errors.Is(err, reconcile.ErrGone) {
				t.Errorf("%s %s: %v, want that it is gone", what, id, err)
			}
		}
	}
	for _, status := range []int{404, 405, 501} { // 404 also stands for a route that is not there
		r.flaky.Clear()
		r.flaky.Add(flaky.Fault{Path: "/scim/v2/Groups/*", Kind: flaky.KindStatus, Status: status})
		if g, err := r.client.ReadGroup(t.Context(), r.check(t).Groups[0].ID); err != nil || len(g.Members) != 2 {
			t.Errorf("a service without single groups, %d: %+v, %v", status, g, err)
		}
		if _, err := r.client.ReadGroup(t.Context(), "nowhere"); !errors.Is(err, reconcile.ErrGone) {
			t.Errorf("a service without single groups, %d: %v, want that it is gone", status, err)
		}
	}
}

func TestSingleRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		fault   flaky.Fault
		says    string
		refused bool
	}{
		"401":       {fault: flaky.Fault{Kind: flaky.KindStatus, Status: 401}, says: "check tomorro.token", refused: true},
		"403":       {fault: flaky.Fault{Kind: flaky.KindStatus, Status: 403}, says: "check tomorro.token", refused: true},
		"429":       {fault: flaky.Fault{Kind: flaky.KindHTML429}, says: "lower tomorro.concurrency"},
		"502":       {fault: flaky.Fault{Kind: flaky.KindStatus, Status: 502}, says: "Tomorro answered 502"},
		"html":      {fault: flaky.Fault{Kind: flaky.KindHTML200}, says: "not SCIM"},
		"truncated": {fault: flaky.Fault{Kind: flaky.KindTruncated}, says: "not SCIM"},
		"reset":     {fault: flaky.Fault{Kind: flaky.KindReset}, says: `Get "`},
		"moved":     {fault: flaky.Fault{Kind: flaky.KindStatus, Status: 302}, says: "check tomorro.url"},
	} {
		r := newRig(t, tomorrotest.Knobs{}, nil)
		ids := r.fill(t, 3, 1)
		ids = append(ids, "p1@x.io", r.check(t).Groups[0].ID)
		c.fault.Path = "/scim/v2/*"
		r.flaky.Add(c.fault)
		c.fault.Path = "/scim/v2/*/*"
		r.flaky.Add(c.fault)
		for what, id := range map[string]string{"account": ids[0], "name": ids[3], "group": ids[4]} {
			err := reads(r.client, t)[what](id)
			if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, reconcile.ErrRefused) != c.refused || errors.Is(err, reconcile.ErrGone) {
				t.Errorf("%s %s: %v; want %q, refused %v", name, what, err, c.says, c.refused)
			}
		}
	}
}

// TestSingleOfAnother: an answer about something else is no answer.
func TestSingleOfAnother(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	ids := r.fill(t, 3, 1)
	for _, body := range []string{`{"id":"other","userName":"p0@x.io","displayName":"g0","members":[]}`, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"Resources":[{"userName":"p0@x.io"}]}`} {
		r.flaky.Clear()
		for _, path := range []string{"/scim/v2/Users/*", "/scim/v2/Groups/*"} {
			r.flaky.Add(flaky.Fault{Path: path, Kind: flaky.KindStatus, Status: 200, Body: body})
		}
		for what, read := range reads(r.client, t) {
			if err := read(ids[0]); what != "name" && (err == nil || !strings.Contains(err.Error(), "about another")) {
				t.Errorf("%s: %v", what, err)
			}
		}
		r.flaky.Add(flaky.Fault{Path: "/scim/v2/Users", Kind: flaky.KindStatus, Status: 200, Body: `{"Resources":[{"userName":"p0@x.io"}]}`})
		if _, err := r.client.FindAccount(t.Context(), "p0@x.io"); err == nil || !strings.Contains(err.Error(), "has no id") {
			t.Errorf("by userName: %v", err)
		}
	}
}

// TestAnotherIsNotFound: a service that passes over the filter, and has one account and one
// group, does not give somebody else's for what was looked for.
func TestAnotherIsNotFound(t *testing.T) {
	const all = `200 {"totalResults":1,"Resources":[{"id":"1","userName":"bob@x.io","displayName":"Sales"}]}`
	c := script{"GET /Users": all, "GET /Groups": all, "POST /Groups": "409 {}"}.client(t, nil)
	if got, err := c.FindAccount(t.Context(), "ann@x.io"); !errors.Is(err, reconcile.ErrGone) {
		t.Errorf("account %+v, %v", got, err)
	}
	if got, err := c.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "Legal"}); !errors.Is(err, reconcile.ErrUncertain) {
		t.Errorf("group %+v, %v", got, err)
	}
	if got, err := c.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "sales"}); err != nil || got.ID != "1" {
		t.Errorf("the group itself: %+v, %v", got, err)
	}
}

// TestWhoSaysNothingOfActive: an account of which the service does not say whether it is
// active has access, or a leaver's would pass for one that was taken away.
func TestWhoSaysNothingOfActive(t *testing.T) {
	for said, active := range map[string]bool{``: true, `,"active":null`: true, `,"active":true`: true, `,"active":"True"`: true, `,"active":false`: false, `,"active":"False"`: false} {
		one := `{"id":"1","userName":"bob@x.io"` + said + `}`
		c := script{"GET /Users/1": "200 " + one, "GET /Users": `200 {"totalResults":1,"Resources":[` + one + `]}`, "GET /Groups": `200 {"totalResults":0,"Resources":[]}`}.client(t, nil)
		got, err := c.ReadAccount(t.Context(), "1")
		all, failed := c.Read(t.Context())
		if errors.Join(err, failed) != nil || got.Active != active || len(all.Accounts) != 1 || all.Accounts[0].Active != active {
			t.Errorf("%s: %+v %v, of all %+v %v", said, got, err, all.Accounts, failed)
		}
	}
}

// TestOneGroupThatIsNotShown: where each group is read by itself and one of them cannot be,
// nothing is known of memberships: that group is not an empty one.
func TestOneGroupThatIsNotShown(t *testing.T) {
	for _, status := range []string{"404", "405", "501"} {
		for _, hidden := range []string{"1", "2"} {
			s := script{"GET /Users": `200 {"totalResults":1,"Resources":[{"id":"u","userName":"bob@x.io","active":true}]}`,
				"GET /Groups": `200 {"totalResults":2,"Resources":[{"id":"1","displayName":"a"},{"id":"2","displayName":"b"}]}`}
			for _, id := range []string{"1", "2"} {
				s["GET /Groups/"+id] = `200 {"id":"` + id + `","displayName":"g","members":[{"value":"u"}]}`
			}
			s["GET /Groups/"+hidden] = status + " {}"
			if got, err := s.client(t, nil).Read(t.Context()); err != nil || !got.MembersUnknown {
				t.Errorf("%s for group %s: %+v, %v", status, hidden, got, err)
			}
		}
	}
}

// TestGroupsAreNoAccounts: a group in a group is nobody's account, in whatever case that is
// said: else it would be taken out as somebody who does not belong there.
func TestGroupsAreNoAccounts(t *testing.T) {
	const one = `{"id":"g","displayName":"G","members":[{"value":"a","type":"user"},{"value":"s","type":"GROUP"},{"value":"t","type":"group"}]}`
	c := script{"GET /Groups/g": "200 " + one, "GET /Groups": `200 {"totalResults":1,"Resources":[` + one + `]}`}.client(t, nil)
	g, err := c.ReadGroup(t.Context(), "g")
	all, failed := c.ReadGroups(t.Context())
	if errors.Join(err, failed) != nil || !slices.Equal(g.Members, []string{"a"}) || !slices.Equal(all.Groups[0].Members, []string{"a"}) {
		t.Errorf("%+v %v, of all %+v %v", g, err, all.Groups, failed)
	}
}

// TestIDsAreEscaped: whatever is in an id, what is asked for or written is that account or
// group and no other.
func TestIDsAreEscaped(t *testing.T) {
	const id, escaped = "a/../b?c#d%2F", "a%2F..%2Fb%3Fc%23d%252F"
	for _, edit := range []func(*tomorro.Config){nil, func(c *tomorro.Config) { c.UpdateWith, c.MemberRemoval = tomorro.UpdateByPatch, tomorro.RemoveByPut }} {
		asked := make(map[string]bool)
		c := served(t, func(w http.ResponseWriter, r *http.Request) {
			asked[r.RequestURI] = true
			_, _ = io.WriteString(w, `{"id":"`+id+`","displayName":"G","members":[]}`)
		}, -1, func(c *tomorro.Config) {
			if edit != nil {
				edit(c)
			}
		})
		for _, op := range []reconcile.WriteOp{reconcile.WriteUpdateUser, reconcile.WriteDeleteUser, reconcile.WriteMembers, reconcile.WriteDeleteGroup} {
			if _, err := c.Write(t.Context(), reconcile.Write{Op: op, Account: reconcile.Account{ID: id, UserName: "x@x.io"}, GroupID: id, Add: []string{"u"}}); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
		_, account := c.ReadAccount(t.Context(), id)
		_, group := c.ReadGroup(t.Context(), id)
		if err := errors.Join(account, group); err != nil || len(asked) != 2 || !asked["/Users/"+escaped] || !asked["/Groups/"+escaped] {
			t.Errorf("%v, asked %v", err, asked)
		}
	}
}
