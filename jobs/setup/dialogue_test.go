package setup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs/setup"
	"tomorro-sync/reconcile"
)

// office is both services and Redis as the tests know them.
type office struct {
	stop   func() // called when an address is tried
	locked bool   // Redis wants the password "pw"
}

func (o *office) Reach(_ context.Context, address string) error {
	if o.stop != nil {
		o.stop()
		return context.Canceled
	}
	if strings.Contains(address, "nowhere") {
		return errors.New("no such host")
	}
	return nil
}

func (o *office) Apps(_ context.Context, a setup.OneLoginAnswers) ([]setup.App, error) {
	if a.ClientID != "id" || a.ClientSecret != "geheim-1" {
		return nil, fmt.Errorf("sign in: %w", reconcile.ErrRefused)
	}
	return []setup.App{{ID: 11, Name: "Mail"}, {ID: 500, Name: "Tomorro", SCIM: true, Enabled: true, UserNameSource: "email"}, {ID: 600, Name: "Other", SCIM: true, Enabled: true, UserNameSource: "email"}}, nil
}

func (o *office) Pull(_ context.Context, a setup.OneLoginAnswers) (d reconcile.Directory, err error) {
	if a.AppID != 500 {
		return d, errors.New("OneLogin has no such app")
	}
	d.People = []reconcile.Person{person(1, "admin"), person(2, "Paralegal")}
	d.Receipt.Lists = []reconcile.ListReceipt{{List: reconcile.ListUsers, Pages: 1, Items: 2, Total: 2}, {List: reconcile.ListAssigned, Pages: 1, Items: 2, Total: 2}, {List: reconcile.ListRoles, Pages: 1}, {List: reconcile.ListRules, Pages: 1, Total: -1}}
	return d, nil
}

// sales is Tomorro.
type sales struct{ *office }

func (s sales) Read(_ context.Context, a setup.TomorroAnswers) (c reconcile.Current, err error) {
	switch {
	case a.URL != "https://t.io/scim/v2":
		return c, errors.New("the answer is not SCIM; check tomorro.url")
	case a.Token != "geheim-2":
		return c, fmt.Errorf("401: %w", reconcile.ErrRefused)
	}
	gone := account(9, reconcile.Admin)
	gone.Active = false
	c.Accounts = []reconcile.Account{account(1, reconcile.Admin), account(2, reconcile.User), gone}
	return c, nil
}

func (o *office) Open(_ context.Context, a setup.RedisAnswers) error {
	switch {
	case a.URL != "redis://r:1/0":
		return errors.New("connection refused")
	case o.locked && a.Password != "pw":
		return fmt.Errorf("NOAUTH: %w", setup.ErrPassword)
	}
	return nil
}

// script is a person who answers from a list of key=answer; anything else asked is
// the end of the input.
type script struct {
	lines []string
	asked []setup.Question
	said  []string
	stop  func() // called when the lines are used up
}

func (s *script) Ask(ctx context.Context, q setup.Question) (string, error) {
	s.asked = append(s.asked, q)
	if len(s.lines) == 0 {
		if s.stop != nil {
			s.stop()
			return "", context.Cause(ctx)
		}
		return "", io.EOF
	}
	key, answer, _ := strings.Cut(s.lines[0], "=")
	if setup.Key(key) != q.Key {
		return "", fmt.Errorf("asked for %s, expected %s", q.Key, key)
	}
	s.lines = s.lines[1:]
	return answer, nil
}

func (s *script) Say(t setup.Tone, text string) { s.said = append(s.said, string(t)+": "+text) }

func (s *script) count(tone setup.Tone) (n int) {
	for _, l := range s.said {
		if strings.HasPrefix(l, string(tone)) {
			n++
		}
	}
	return n
}

func dialogue(o *office, s *script) *setup.Dialogue {
	return &setup.Dialogue{OneLogin: o, Tomorro: sales{o}, Redis: o, Person: s, Interactive: true}
}

func right() []string {
	return []string{"onelogin.url=acme", "onelogin.client_id=id", "onelogin.client_secret=geheim-1", "onelogin.app_id=1",
		"tomorro.url=https://t.io/scim/v2", "tomorro.token=geheim-2", "tomorro.pricing=", "tomorro.default_substitute=p1@acme.io",
		"redis.url=redis://r:1/0", "listen.base_url=https://s.io/scim/v2"}
}

func check(t *testing.T, a setup.Answers) {
	t.Helper()
	if a.OneLogin != (setup.OneLoginAnswers{URL: "https://acme.onelogin.com", ClientID: "id", ClientSecret: "geheim-1", AppID: 500, AppName: "Tomorro"}) ||
		a.Tomorro != (setup.TomorroAnswers{URL: "https://t.io/scim/v2", Token: "geheim-2", Pricing: "v6", DefaultSubstitute: "p1@acme.io"}) ||
		a.Redis.URL != "redis://r:1/0" || a.BaseURL != "https://s.io/scim/v2" {
		t.Errorf("%#v", a)
	}
}

func TestDialogue(t *testing.T) {
	s := &script{lines: right()}
	a, survey, err := dialogue(&office{}, s).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check(t, a)
	if survey.Active != 2 || len(a.Titles) != 2 || a.Titles[0].From != setup.TitleAccounts && a.Titles[1].From != setup.TitleAccounts {
		t.Errorf("%+v %+v", survey, a.Titles)
	}
	if s.count(setup.Wrong) != 0 {
		t.Errorf("%q", s.said)
	}
}

// TestWrongAnswers gives, at each question, one wrong answer after the other before the
// right one: each is told, asked again, and in the end everything is as if it had not been.
func TestWrongAnswers(t *testing.T) {
	tests := map[string]struct {
		office office
		at     string   // before this line
		wrong  []string // come these
		told   []string // and these are said
	}{
		"address":         {at: "onelogin.url", wrong: []string{"onelogin.url=", "onelogin.url=http://acme.io", "onelogin.url=https://nowhere.io"}, told: []string{"needs an answer", "in the clear", "no such host"}},
		"credentials":     {at: "onelogin.client_id", wrong: []string{"onelogin.client_id=other", "onelogin.client_secret=geheim-1", "onelogin.client_id=id", "onelogin.client_secret=geheim-9", "onelogin.client_id=", "onelogin.client_secret=", "onelogin.client_secret=geheim-8"}, told: []string{"refused", "refused", "needs an answer", "refused"}},
		"app":             {at: "onelogin.app_id", wrong: []string{"onelogin.app_id=x", "onelogin.app_id=7", "onelogin.app_id=2", "onelogin.client_id=", "onelogin.client_secret="}, told: []string{"not a number", "no app 7", "no such app"}},
		"Tomorro address": {at: "tomorro.url", wrong: []string{"tomorro.url=t.io", "tomorro.url=https://nowhere.io", "tomorro.url=https://o.io/scim", "tomorro.token=geheim-2"}, told: []string{"not a web address", "no such host", "not SCIM"}},
		"token":           {at: "tomorro.token", wrong: []string{"tomorro.token=geheim-8", "tomorro.token="}, told: []string{"401", "needs an answer"}},
		"pricing":         {at: "tomorro.pricing", wrong: []string{"tomorro.pricing=cheap", "tomorro.pricing=v3"}, told: []string{"not a pricing", "not a pricing"}},
		"substitute":      {at: "tomorro.default_substitute", wrong: []string{"tomorro.default_substitute=", "tomorro.default_substitute=Ann", "tomorro.default_substitute=x@acme.io", "tomorro.default_substitute=p9@acme.io"}, told: []string{"needs an answer", "not an e-mail", "no account", "not active"}},
		"Redis":           {at: "redis.url", wrong: []string{"redis.url=", "redis.url=redis://u:geheim-7@r:1/0"}, told: []string{"connection refused", "not shown"}},
		"Redis password":  {office: office{locked: true}, at: "listen.base_url", wrong: []string{"redis.password=", "redis.password=geheim-6", "redis.password=pw"}, told: []string{"NOAUTH", "NOAUTH"}},
		"listener":        {at: "listen.base_url", wrong: []string{"listen.base_url=https://s.io", "listen.base_url=http://s.io/scim/v2"}, told: []string{"/scim/v2", "in the clear"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for _, l := range right() {
				if key, _, _ := strings.Cut(l, "="); key == test.at {
					lines = append(lines, test.wrong...)
				}
				lines = append(lines, l)
			}
			s := &script{lines: lines}
			a, _, err := dialogue(&test.office, s).Run(t.Context())
			if err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(s.said, "\n"))
			}
			check(t, a)
			var told []string
			for _, l := range s.said {
				if strings.HasPrefix(l, "wrong: ") {
					told = append(told, l)
				}
				if strings.Contains(l, "geheim") {
					t.Errorf("a secret is said: %s", l)
				}
			}
			if len(told) != len(test.told) {
				t.Fatalf("%d are told, want %d: %q", len(told), len(test.told), told)
			}
			for i, want := range test.told {
				if !strings.Contains(told[i], want) {
					t.Errorf("%q lacks %q", told[i], want)
				}
			}
		})
	}
}

// TestTooLittlePrivilege: credentials that may not read the rules are asked for again.
func TestTooLittlePrivilege(t *testing.T) {
	o := &office{}
	s := &script{lines: right()}
	d := dialogue(o, s)
	d.OneLogin = &forgetful{office: o}
	s.lines = slices.Insert(s.lines, 4, "onelogin.client_id=", "onelogin.client_secret=", "onelogin.app_id=500")
	a, _, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check(t, a)
	if s.count(setup.Wrong) != 1 || !strings.Contains(strings.Join(s.said, "\n"), "Manage All") {
		t.Errorf("%q", s.said)
	}
	// And without a terminal, that is the secret's flag.
	d = dialogue(&office{}, &script{})
	d.OneLogin, d.Interactive, d.Given = &forgetful{office: &office{}}, false, byFlags()
	_, _, err = d.Run(t.Context())
	if u, ok := errors.AsType[*setup.UnansweredError](err); !ok || u.Question.Key != setup.KeyClientSecret || u.From != "--onelogin-client-secret-file" {
		t.Errorf("%v", err)
	}
}

// forgetful may not read the rules the first time.
type forgetful struct {
	*office
	pulled bool
}

func (f *forgetful) Pull(ctx context.Context, a setup.OneLoginAnswers) (reconcile.Directory, error) {
	d, err := f.office.Pull(ctx, a)
	if !f.pulled {
		f.pulled = true
		d.Receipt.Lists[3].Why = "read the app's rules: OneLogin answered 401: refused by the service; the credentials need the privilege Manage All"
	}
	return d, err
}

func byFlags() map[setup.Key]setup.Given {
	all := make(map[setup.Key]setup.Given)
	for _, l := range right() {
		key, value, _ := strings.Cut(l, "=")
		for _, q := range setup.Questions() {
			if string(q.Key) == key && value != "" {
				all[q.Key] = setup.Given{Value: value, From: "--" + q.Flag}
			}
		}
	}
	return all
}

// TestWithoutATerminal: everything by flags does; each missing and each wrong one is
// named.
func TestWithoutATerminal(t *testing.T) {
	ask := func(o *office, given map[setup.Key]setup.Given) (setup.Answers, *setup.UnansweredError, error) {
		s := &script{}
		d := dialogue(o, s)
		d.Interactive, d.Given = false, given
		a, _, err := d.Run(t.Context())
		if len(s.asked) > 0 {
			t.Errorf("asked %v", s.asked)
		}
		u, _ := errors.AsType[*setup.UnansweredError](err)
		return a, u, err
	}
	a, _, err := ask(&office{}, byFlags())
	if err != nil {
		t.Fatal(err)
	}
	check(t, a)
	optional := map[setup.Key]bool{setup.KeyPricing: true, setup.KeyListenURL: true, setup.KeyRedisPassword: true}
	for _, q := range setup.Questions() {
		given := byFlags()
		delete(given, q.Key)
		_, u, err := ask(&office{}, given)
		switch {
		case q.Key == setup.KeyRedisURL: // its default is tried, and nothing is there
			if u == nil || u.Question.Key != q.Key {
				t.Errorf("no %s: %v", q.Key, err)
			}
		case optional[q.Key] != (err == nil), err != nil && (u == nil || u.Question.Key != q.Key || !strings.Contains(err.Error(), "--"+q.Flag+" is missing")):
			t.Errorf("no %s: %v", q.Key, err)
		}
		given[q.Key] = setup.Given{Value: "nowhere nothing", From: "--" + q.Flag}
		_, u, err = ask(&office{locked: q.Key == setup.KeyRedisPassword}, given)
		if q.Key == setup.KeyClientID { // which part is wrong, nobody says
			continue
		}
		if u == nil || u.From != "--"+q.Flag || strings.Contains(err.Error(), "nowhere nothing") {
			t.Errorf("wrong %s: %v", q.Key, err)
		}
	}
}

// TestEnds: the input ends, or the program is stopped, at each question.
func TestEnds(t *testing.T) {
	for n := range right() {
		s := &script{lines: right()[:n]}
		if _, _, err := dialogue(&office{}, s).Run(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("ended after %d: %v", n, err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		s = &script{lines: right()[:n], stop: func() { cancel(reconcile.ErrStopping) }}
		if _, _, err := dialogue(&office{}, s).Run(ctx); !errors.Is(err, reconcile.ErrStopping) {
			t.Errorf("stopped after %d: %v", n, err)
		}
	}
}

// TestStoppedWhileTrying: that is no wrong answer.
func TestStoppedWhileTrying(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &script{lines: right()}
	_, _, err := dialogue(&office{stop: func() { cancel(reconcile.ErrStopping) }}, s).Run(ctx)
	if !errors.Is(err, reconcile.ErrStopping) || len(s.asked) != 1 || s.count(setup.Wrong) != 0 {
		t.Errorf("%v, asked %d, said %q", err, len(s.asked), s.said)
	}
}

// TestWrongFlagOnATerminal: a flag is tried once, then the person is asked.
func TestWrongFlagOnATerminal(t *testing.T) {
	s := &script{lines: right()}
	d := dialogue(&office{}, s)
	d.Given = map[setup.Key]setup.Given{
		setup.KeyOneLoginURL: {Value: "https://nowhere.io", From: "--onelogin-url"}, setup.KeyToken: {Value: "geheim-3", From: "TOKEN"},
		setup.KeyPricing: {Value: "V6", From: "--pricing"}, setup.KeyRedisURL: {Value: "redis://u:geheim-4@r:1/0", From: "--redis-url"}}
	s.lines = slices.DeleteFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, "tomorro.pricing") })
	a, _, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check(t, a)
	if s.count(setup.Wrong) != 3 || !strings.Contains(strings.Join(s.said, "\n"), "asked for and not shown") {
		t.Errorf("%q", s.said)
	}
}

// TestKeptSecrets: an empty answer keeps what an earlier dialogue left, also without a
// terminal, and what must not be replaced is refused.
func TestKeptSecrets(t *testing.T) {
	kept := map[setup.Key]setup.Given{setup.KeyClientSecret: {Value: "geheim-1", From: "secrets/x"}, setup.KeyToken: {Value: "geheim-2", From: "secrets/y"}}
	refuse := func(_ setup.Key, value string) error {
		if value != "geheim-1" && value != "geheim-2" {
			return setup.ErrExists
		}
		return nil
	}
	lines := right()
	lines[2], lines[5] = "onelogin.client_secret=", "tomorro.token="
	s := &script{lines: slices.Insert(lines, 2, "onelogin.client_secret=geheim-0")}
	d := dialogue(&office{}, s)
	d.Kept, d.Check = kept, refuse
	a, _, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check(t, a)
	if s.asked[2].Kept != "the one in secrets/x" || s.count(setup.Wrong) != 1 {
		t.Errorf("%+v %q", s.asked[2], s.said)
	}
	d = dialogue(&office{}, &script{})
	d.Interactive, d.Kept, d.Check, d.Given = false, kept, refuse, byFlags()
	delete(d.Given, setup.KeyClientSecret)
	delete(d.Given, setup.KeyToken)
	if a, _, err = d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, a)
}
