package setup_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tomorro-sync/jobs/setup"
	"tomorro-sync/reconcile"
)

func TestCandidates(t *testing.T) {
	scim := setup.App{ID: 5, Name: "SCIM Provisioner", SCIM: true, CanProvision: true, Enabled: true}
	ours := setup.App{ID: 9, Name: "Tomorro prod", SCIM: true, CanProvision: true}
	on := setup.App{ID: 12, Name: "tomorro", SCIM: true, CanProvision: true, Enabled: true}
	mail := setup.App{ID: 1, Name: "Mail"}
	other := setup.App{ID: 2, Name: "Slack", CanProvision: true}
	unread := setup.App{ID: 3, Name: "?", Unread: "401"}
	for name, test := range map[string]struct{ in, want []setup.App }{
		"by type, then name, then switch": {[]setup.App{mail, other, scim, unread, ours, on}, []setup.App{on, ours, scim}},
		"none of a SCIM type":             {[]setup.App{unread, mail, other}, []setup.App{other, unread}},
		"nothing":                         {nil, nil},
	} {
		got := setup.Candidates(slices.Clone(test.in))
		if name == "none of a SCIM type" {
			slices.SortFunc(got, func(a, b setup.App) int { return int(a.ID - b.ID) })
		}
		if d := cmp.Diff(test.want, got); d != "" && len(test.want)+len(got) > 0 {
			t.Errorf("%s: %s", name, d)
		}
	}
	for app, want := range map[setup.App]string{mail: "not of the type", ours: "provisioning is not enabled", unread: "cannot be read", {SCIM: true, Enabled: true, UserNameSource: "username"}: "not email"} {
		if got := strings.Join(app.Remarks(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: %q lacks %q", app, got, want)
		}
	}
	if on.Remarks() != nil {
		t.Errorf("%q", on.Remarks())
	}
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		check     func(string) (string, error)
		in, want  string // want empty: refused
		wantError string
	}{
		{setup.OneLoginURL, "acme", "https://acme.onelogin.com", ""},
		{setup.OneLoginURL, "Acme.OneLogin.com", "https://acme.onelogin.com", ""},
		{setup.OneLoginURL, "https://acme.onelogin.com/admin2/apps/7/edit?x=1", "https://acme.onelogin.com", ""},
		{setup.OneLoginURL, "http://127.0.0.1:80", "http://127.0.0.1:80", ""},
		{setup.OneLoginURL, "http://acme.onelogin.com", "", "in the clear"},
		{setup.OneLoginURL, "https://u:geheim@acme.onelogin.com", "", "a user or a password"},
		{setup.OneLoginURL, "acme inc", "", "not a web address"},
		{setup.OneLoginURL, "ftp://x", "", "not a web address"},
		{setup.OneLoginURL, "https://", "", "not a web address"},
		{setup.SCIMURL, "https://api.tomorro.com/scim/v2/", "https://api.tomorro.com/scim/v2", ""},
		{setup.SCIMURL, "https://api.tomorro.com/scim/v2?x=1", "", "a query"},
		{setup.SCIMURL, "api.tomorro.com", "", "not a web address"},
		{setup.ListenURL, "https://s.acme.com:8443/scim/v2/", "https://s.acme.com:8443/scim/v2", ""},
		{setup.ListenURL, "https://s.acme.com", "", "/scim/v2"},
	} {
		got, err := test.check(test.in)
		if got != test.want || (err == nil) != (test.wantError == "") || err != nil && !strings.Contains(err.Error(), test.wantError) {
			t.Errorf("%q: %q, %v; want %q, %s", test.in, got, err, test.want, test.wantError)
		}
	}
}

// FuzzAddresses: what is taken is taken as it is the second time, and goes in the clear
// to this machine only; what is refused is not repeated.
func FuzzAddresses(f *testing.F) {
	f.Add("https://user:hunter2hunter2@host/scim/v2?q#f")
	f.Add("acme")
	f.Fuzz(func(t *testing.T, text string) {
		for _, check := range []func(string) (string, error){setup.OneLoginURL, setup.SCIMURL, setup.ListenURL} {
			got, err := check(text)
			if err != nil {
				if len(text) > 12 && strings.Contains(err.Error(), text) && !strings.Contains("write it as https://sync.acme.com:8443/scim/v2 https://acme.onelogin.com this is not a web address", text) {
					t.Errorf("the error repeats %q", text)
				}
				continue
			}
			if strings.Contains(got, "@") && strings.Contains(strings.SplitN(strings.SplitN(got, "://", 2)[1], "/", 2)[0], "@") {
				t.Errorf("%q keeps a password", text)
			}
			if again, err := check(got); err != nil || again != got {
				t.Errorf("%q is taken as %q, and that as %q: %v", text, got, again, err)
			}
		}
	})
}

func answers(t *rapid.T) (setup.Answers, setup.Survey) {
	d, current := world(t)
	text := rapid.String()
	a := setup.Answers{
		OneLogin: setup.OneLoginAnswers{URL: "https://acme.onelogin.com", ClientID: text.Draw(t, "client"), ClientSecret: "geheim-1", AppID: 7, AppName: text.Draw(t, "app")},
		Tomorro:  setup.TomorroAnswers{URL: "https://x.io/scim/v2", Token: "geheim-2", Pricing: rapid.SampledFrom([]string{"v4", "v6"}).Draw(t, "pricing"), DefaultSubstitute: text.Draw(t, "substitute")},
		Redis:    setup.RedisAnswers{URL: setup.Secret(rapid.SampledFrom([]string{"", "redis://h:1/0", "redis://u:geheim-3@h:1/0"}).Draw(t, "redis")), Password: setup.Secret(rapid.SampledFrom([]string{"", "geheim-4"}).Draw(t, "password"))},
		BaseURL:  rapid.SampledFrom([]string{"", "https://s.acme.com/scim/v2", "https://s.acme.com:9443/scim/v2"}).Draw(t, "base"),
	}
	p := a.Policy()
	a.Titles = setup.ProposeTitles(&d, &current, &p)
	for i := range rapid.IntRange(0, 3).Draw(t, "more titles") {
		a.Titles = append(a.Titles, setup.Title{Title: fmt.Sprint(i) + text.Draw(t, "title"), People: 1, From: rapid.SampledFrom([]setup.TitleSource{setup.TitleUnknown, setup.TitleAccounts}).Draw(t, "from"), Role: reconcile.User})
	}
	p = a.Policy()
	s := setup.Look(&d, &current, &p)
	s.Missing = append(s.Missing, text.Draw(t, "missing"))
	return a, s
}

// TestRender: whatever people, apps and groups are called, the configuration says what
// was answered, has no key that it should not have, and no secret.
func TestRender(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, s := answers(t)
		text := setup.Render(&a, &s, "secrets")
		if strings.Contains(string(text), "geheim") {
			t.Fatalf("a secret is in\n%s", text)
		}
		var got map[string]any
		if err := yaml.UnmarshalWithOptions(text, &got, yaml.Strict()); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		want := map[string]any{"onelogin": nil, "tomorro": nil, "titles": nil, "groups": nil}
		if a.Redis.URL != "" {
			want["redis"] = nil
		}
		if a.BaseURL != "" {
			want["listen"] = nil
		}
		for k := range got {
			if _, ok := want[k]; !ok {
				t.Fatalf("the key %q came in\n%s", k, text)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%v\n%s", got, text)
		}
		o, x := got["onelogin"].(map[string]any), got["tomorro"].(map[string]any)
		if o["client_id"] != strings.ToValidUTF8(a.OneLogin.ClientID, "\ufffd") || len(o) != 4 {
			t.Fatalf("%q, want %q\n%s", o["client_id"], a.OneLogin.ClientID, text)
		}
		if s := a.Tomorro.DefaultSubstitute; s != "" && x["default_substitute"] != s {
			t.Fatalf("%q, want %q", x["default_substitute"], s)
		}
		titles, _ := got["titles"].(map[string]any)
		for title, role := range a.Policy().Titles {
			if titles[title] != string(role) {
				t.Fatalf("titles: %q is %v, want %s\n%s", title, titles[title], role, text)
			}
		}
		if len(titles) != len(a.Policy().Titles) {
			t.Fatalf("%v, want %v", titles, a.Policy().Titles)
		}
		setup.Summary(&a, &s, func(_ setup.Tone, said string) {
			if strings.Contains(said, "geheim") {
				t.Fatalf("a secret is said: %s", said)
			}
		})
	})
}

func TestLook(t *testing.T) {
	d := reconcile.Directory{People: []reconcile.Person{person(1, "user"), person(2, "user"), person(3, "")}, Roles: []reconcile.OneLoginRole{{ID: 1, Name: "Legal"}}}
	d.People[0].Roles, d.People[1].Unread = []int64{1}, reconcile.FieldRoles
	role := func(id int64, groups ...string) reconcile.Rule {
		return reconcile.Rule{ID: id, Name: "r", Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "1"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: groups}}}
	}
	d.Rules = []reconcile.Rule{role(1, "g-1", "LEGAL"), role(2, "Gone"), role(3)}
	d.Receipt.Lists = []reconcile.ListReceipt{{List: reconcile.ListUsers, Pages: 1, Items: 3, Total: 3}, {List: reconcile.ListAssigned, Pages: 1, Items: 3, Total: 3}, {List: reconcile.ListRoles, Pages: 1, Items: 1, Total: 1}, {List: reconcile.ListRules, Pages: 1, Items: 3, Total: -1}}
	current := reconcile.Current{Accounts: []reconcile.Account{account(1, reconcile.Admin)}, Groups: []reconcile.Group{{ID: "g-1", Name: "Sales"}, {ID: "g-2", Name: "Legal", Members: []string{"a1"}}, {ID: "g-3", Name: "Old", Members: []string{"a1"}}}}
	p := (&setup.Answers{}).Policy()
	s := setup.Look(&d, &current, &p)
	if s.Active != 3 || s.NoTitle != 1 || s.Admins != 1 || s.Groups != 3 {
		t.Errorf("%+v", s)
	}
	if d := cmp.Diff([]string{"Gone"}, s.Missing); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"Old"}, s.Unfed); d != "" {
		t.Error(d)
	}
	want := []string{"r (rule 1): gives Sales, Legal; matches 1 person now, and 1 of whom it cannot be told", "r (rule 2): gives Gone; matches 1 person now, and 1 of whom it cannot be told", "r (rule 3): sets no group"}
	for i, r := range s.Rules {
		if r.String() != want[i] {
			t.Errorf("%q, want %q", r, want[i])
		}
	}
	if s.Changes[reconcile.OpRemoveMember] != 0 {
		t.Errorf("Old may be Gone by another name, and is taken away: %v", s.Changes)
	}
	p.CreateGroups = true
	if s = setup.Look(&d, &current, &p); s.Changes[reconcile.OpRemoveMember] != 1 {
		t.Errorf("%v", s.Changes)
	}
}

func TestValues(t *testing.T) {
	token := setup.NewToken()
	if len(token) != 64 || token == setup.NewToken() || fmt.Sprintf("%v %#v", token, token) != `*** "***"` {
		t.Errorf("%d characters", len(token))
	}
	text := "\n" + setup.Values("https://s.io/scim/v2", string(token))
	for _, line := range []string{"https://s.io/scim/v2", string(token), setup.Template, setup.Headers} { // each can be copied as it stands
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("%s is not a line of its own in%s", line, text)
		}
	}
	if !json.Valid([]byte(setup.Template)) {
		t.Error("the template is no JSON")
	}
}

// TestSummaryCounts: what the first run would do is said in the words of a plan.
func TestSummaryCounts(t *testing.T) {
	for want, s := range map[string]setup.Survey{
		"2 new accounts, 2,529 new memberships; 1 change is held": {Changes: map[reconcile.Op]int{reconcile.OpAddMember: 2529, reconcile.OpCreate: 2}, Held: 1},
		"nothing to write": {},
	} {
		last := ""
		setup.Summary(&setup.Answers{}, &s, func(_ setup.Tone, said string) { last = said })
		if last != want {
			t.Errorf("%q, want %q", last, want)
		}
	}
}
