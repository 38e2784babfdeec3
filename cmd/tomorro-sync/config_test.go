package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"tomorro-sync/reconcile"
)

const goodConfig = `onelogin: {url: https://acme.onelogin.com, client_id: id, client_secret: hush-onelogin, app_id: 123456}
tomorro: {url: https://api.tomorro.example/scim/v2, token: hush-tomorro, pricing: v5}
redis: {url: "redis://:hush-redis@localhost:6379/0"}
`

func writeFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, text string, environ ...string) *config {
	t.Helper()
	c, err := loadConfig(writeFile(t, text), environ)
	if err == nil {
		err = c.validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is wrong, and words that the message must and must not have.
func TestConfigMistakes(t *testing.T) {
	tests := []struct {
		name, yaml string
		environ    []string
		want       []string
	}{
		{"unknown keys, all of them", goodConfig + "grups: {mode: additive}\nlimits:\n  deactivat: {max: 2}\n", nil,
			[]string{`c.yaml:4:1: unknown key "grups"; did you mean "groups"?`, `c.yaml:6:3: unknown key "limits.deactivat"; did you mean "deactivate"?`, "    6 |   deactivat\n          ^"}},
		{"unknown key that holds a secret", "tomorro:\n  tokn: hush-tomorro\n", nil, []string{`c.yaml:2:3: unknown key "tomorro.tokn"; did you mean "token"?`}},
		{"unknown key after a secret", "tomorro: {token: hush-tomorro, colour: red}\n", nil, []string{`unknown key "tomorro.colour"`}},
		{"wrong type", "onelogin:\n  app_id: many\n", nil, []string{"c.yaml:2:11: expected a whole number, found a text", "app_id: many"}},
		{"wrong type beside a secret", "onelogin: {client_secret: hush-onelogin, app_id: many}\n", nil, []string{"c.yaml:1:"}},
		{"duplicate key", goodConfig + "protect: []\nprotect: []\n", nil, []string{"c.yaml:5:1", "protect"}},
		{"second document", goodConfig + "---\nprotect: [cfo@acme.example]\n", nil, []string{"c.yaml:4:1: a second document begins here"}},
		{"broken YAML", "onelogin: {url: [\n", nil, []string{"c.yaml:"}},
		{"tab below a secret", "tomorro:\n  token: hush-tomorro\n\tpricing: v6\n", nil, []string{"c.yaml:3:1: a tab indents here, which YAML does not allow; write blanks"}},
		{"tab before a secret", "tomorro:\n  pricing: v6\n\ttoken: hush-tomorro\n", nil, []string{"c.yaml:3:1: a tab"}},
		{"list for a text", goodConfig + "journal: {keep_runs: [a]}\n", nil, []string{"c.yaml:4:"}},
		{"number for a section", goodConfig + "limits: {deactivate: 25}\n", nil, []string{"c.yaml:4:22: expected a section of keys, found a whole number", "deactivate: 25"}},
		{"text for a switch", goodConfig + "groups: {create: perhaps}\n", nil, []string{"c.yaml:4:18: expected true or false, found a text"}},
		{"share", goodConfig + "limits: {deactivate: {share: a lot}}\n", nil, []string{"c.yaml:4:30: limits.deactivate.share: \"a lot\" is not a share", "10%", "    4 | limits: {deactivate: {share: a lot\n"}},
		{"number of changes", goodConfig + "limits:\n  create: {max: none}\n  delete: {max: lots}\n", nil, []string{"c.yaml:6:17: limits.delete.max: \"lots\" is not a number of changes"}},
		{"days", goodConfig + "schedule: {delta: 5m, retry: 3d}\n", nil, []string{`c.yaml:4:30: schedule.retry: "3d" is not a time; write one such as 24h or 90m`}},
		{"a time without a unit", goodConfig + "grace: 20\n", nil, []string{`c.yaml:4:8: grace: "20" is not a time; write one such as 24h or 90m`}},
		{"days by an alias", goodConfig + "limits: {window: &w 3d}\nalerts: {held_after: *w}\n", nil, []string{"c.yaml:4:"}},
		{"missing secrets, all of them", "onelogin: {url: https://a.onelogin.com, client_id: i, app_id: 1}\ntomorro: {url: https://t.example/scim}\n", nil,
			[]string{"onelogin.client_secret: is missing", "TOMORRO_SYNC_ONELOGIN_CLIENT_SECRET", "onelogin.client_secret_file", "tomorro.token: is missing", "TOMORRO_SYNC_TOMORRO_TOKEN", "tomorro.token_file"}},
		{"URL without scheme", goodConfig, []string{"TOMORRO_SYNC_ONELOGIN_URL=acme.onelogin.com"}, []string{"onelogin.url: is not a web address", "https://host"}},
		{"URL with a path", goodConfig, []string{"TOMORRO_SYNC_ONELOGIN_URL=https://acme.onelogin.com/api/2"}, []string{"onelogin.url: has the path /api/2"}},
		{"URL in the clear", goodConfig, []string{"TOMORRO_SYNC_TOMORRO_URL=http://tomorro.example/scim"}, []string{"tomorro.url: http:// would send"}},
		{"userType", goodConfig + "titles: {boss: king}\n", nil, []string{`"boss" is mapped to "king"`}},
		{"a role's own word", goodConfig + "titles: {Manager: user}\n", nil, []string{`titles: "Manager" is mapped to "user", and means manager at any rate`}},
		{"one title, two roles", goodConfig + "titles: {Head of Legal: user, head  of legal: admin}\n", nil, []string{`titles: "Head of Legal" is mapped to user and "head  of legal" to admin, and case`}},
		{"cron that panics in the parser", goodConfig + "schedule: {cron: TZ=0}\n", nil, []string{"schedule.cron: the time zone belongs in schedule.timezone"}},
		{"cron that never comes", goodConfig + "schedule: {cron: 0 2 30 2 *}\n", nil, []string{"never comes"}},
		{"a quarantine before any failure", goodConfig + "schedule: {quarantine_after: -1}\n", nil, []string{"schedule.quarantine_after: -1 is too small; the least is 0"}},
		{"listen", goodConfig + "listen: {scim: eight, tokens: [\"sha256:12\"]}\n", nil, []string{"listen.scim", "listen.tokens: number 1"}},
		{"fast pass", goodConfig + "schedule: {delta: 10ms, delta_overlap: -1m, delta_most: 0}\n", nil, []string{"schedule.delta: 10ms is too often", "schedule.delta_overlap: -1m", "schedule.delta_most: 0"}},
		{"a window longer than what is remembered", goodConfig + "limits: {window: 1440h}\n", nil, []string{"limits.window: 1440h0m0s is too long", "744h"}},
		{"canary", goodConfig + "apply: {canary: -1}\n", nil, []string{"apply.canary: -1 is too small; the least is 0"}},
		{"canary in words", goodConfig + "apply: {canary: ten}\n", nil, []string{"c.yaml:4:17: expected a whole number, found a text"}},
		{"variable of a wrong type", goodConfig, []string{"TOMORRO_SYNC_ONELOGIN_APP_ID=hush-onelogin"}, []string{"TOMORRO_SYNC_ONELOGIN_APP_ID: expected a whole number"}},
		{"variables of wrong types, all of them", goodConfig, []string{"TOMORRO_SYNC_LIMITS_DELETE_MAX=lots", "TOMORRO_SYNC_LIMITS_WINDOW=3d", "TOMORRO_SYNC_GROUPS_CREATE=perhaps", "TOMORRO_SYNC_LIMITS_BAND=all"},
			[]string{"TOMORRO_SYNC_LIMITS_DELETE_MAX: expected a whole number or none", "TOMORRO_SYNC_LIMITS_WINDOW: expected a time such as 24h", "TOMORRO_SYNC_GROUPS_CREATE: expected true or false", "TOMORRO_SYNC_LIMITS_BAND: expected a percentage such as 10%, or none"}},
		{"secret twice", goodConfig + "", []string{"TOMORRO_SYNC_TOMORRO_TOKEN=a", "TOMORRO_SYNC_TOMORRO_TOKEN_FILE=/x"}, []string{"tomorro.token and tomorro.token_file are both given"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := loadConfig(writeFile(t, tt.yaml), tt.environ)
			if err == nil {
				err = c.validate()
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the message lacks %q:\n%v", w, err)
				}
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the message shows a secret:\n%v", err)
			}
		})
	}
}

// What editors and templates put around a text changes nothing.
func TestConfigFrames(t *testing.T) {
	for _, frame := range []string{"%s", "\ufeff# by hand\n%s", "# by hand\n---\n%s", "%%YAML 1.2\n---\n%s", "%s---\n# no more\n", "%s...\n"} {
		text := strings.ReplaceAll(fmt.Sprintf(frame, goodConfig+"protect: [cfo@acme.example]\n"), "\n", "\r\n")
		if c := mustLoad(t, text); len(c.Protect) != 1 || c.MinAdmins != 1 || c.OneLogin.AppID != 123456 {
			t.Errorf("%q gives %+v", text, c)
		}
	}
}

func TestEnvironmentWinsOverFile(t *testing.T) {
	secret := writeFile(t, "\ufefffrom-a-file\r\n")
	c := mustLoad(t, goodConfig+"protect: [cfo@acme.example]\n",
		"TOMORRO_SYNC_ONELOGIN_CLIENT_SECRET_FILE="+secret,
		"TOMORRO_SYNC_ONELOGIN_APP_ID=7",
		"TOMORRO_SYNC_TITLES=head of legal:admin,cfo:manager",
		"TOMORRO_SYNC_PROTECT=a@x.io,b@x.io",
		"TOMORRO_SYNC_LIMITS_WINDOW=48h",
		"TOMORRO_SYNC_LIMITS_DEACTIVATE_MAX=5",
		"TOMORRO_SYNC_LIMITS_RENAME_SHARE=none",
		"TOMORRO_SYNC_SCHEDULE_QUARANTINE_AFTER=5",
	)
	if c.Schedule.QuarantineAfter != 5 {
		t.Errorf("quarantine after %d", c.Schedule.QuarantineAfter)
	}
	if got := c.OneLogin.ClientSecret.reveal(); got != "from-a-file" {
		t.Errorf("client secret %q", got)
	}
	if c.OneLogin.AppID != 7 {
		t.Errorf("app id %d", c.OneLogin.AppID)
	}
	p := c.policy("")
	if diff := cmp.Diff(map[string]reconcile.UserType{"head of legal": "admin", "cfo": "manager"}, p.Titles); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a@x.io", "b@x.io"}, p.Protect); diff != "" {
		t.Error(diff)
	}
	want := reconcile.DefaultLimits()
	want.Window = 48 * time.Hour
	five := 5
	want.Allow[reconcile.LimitDeactivate] = reconcile.Allowance{Max: &five, Share: want.Allow[reconcile.LimitDeactivate].Share}
	want.Allow[reconcile.LimitRename] = reconcile.Allowance{Max: want.Allow[reconcile.LimitRename].Max}
	if diff := cmp.Diff(want, p.Limits); diff != "" {
		t.Errorf("limits: %s", diff)
	}
}

// TestSecretOfOneLine: a file that cannot be one secret is named, and what is in it is not.
func TestSecretOfOneLine(t *testing.T) {
	for text, says := range map[string]string{"\r\n": "is empty; put the secret into it", "hush\nsecond": "has more than one line", "\nhush\n": "has more than one line"} {
		_, err := loadConfig(writeFile(t, goodConfig), []string{"TOMORRO_SYNC_ONELOGIN_CLIENT_SECRET_FILE=" + writeFile(t, text)})
		if err == nil || !strings.Contains(err.Error(), "onelogin.client_secret_file: ") || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestConfigFileOfTheDesign(t *testing.T) {
	c := mustLoad(t, `onelogin: {url: https://acme.onelogin.com, client_id: i, client_secret: s, app_id: 123456, active_statuses: [1, 3]}
tomorro:  {url: https://x.example/scim/v2, token: t, pricing: v6, default_substitute: legal@acme.com}
redis:    {url: redis://localhost:6379/0}
groups:   {mode: additive, create: false, delete: false}
titles:   {"head of legal": admin}
limits:   {window: 24h, min_population: 20, deactivate: {max: 25, share: 10%}, delete: {max: 0}, remove_member: {max: 200, share: 20%},
           change_role: {max: 50, share: 10%}, grant_admin: {max: 3}, rename: {max: 25, share: 10%}, create: {}}
protect:  [cfo@acme.com]
approve:  []
schedule: {cron: "0 2 * * *", timezone: Europe/Paris}
listen:   {scim: ":8080", admin: "127.0.0.1:8081", tokens: [abcdefghijklmnop]}
`)
	p := c.policy("0011")
	if diff := cmp.Diff(reconcile.DefaultLimits(), p.Limits); diff != "" {
		t.Errorf("the written defaults are not the defaults: %s", diff)
	}
	if diff := cmp.Diff([]reconcile.Status{0, 2, 4, 5, 7, 8}, p.InactiveStatuses); diff != "" {
		t.Error(diff)
	}
	if p.GroupMode != reconcile.Additive || p.Approved != "0011" || p.Pricing != reconcile.PricingV6 || p.DefaultSubstitute != "legal@acme.com" {
		t.Errorf("policy %+v", p)
	}
}

// TestNoTime: where the README says 0, a 0 is taken, and a key without a value has its default.
func TestNoTime(t *testing.T) {
	c := mustLoad(t, goodConfig+"journal: {keep: 0}\nschedule: {retry: 0}\nalerts: {held_after: 0, no_run_for: \"0\", repeat: }\ngrace:\n")
	for name, d := range map[string]time.Duration{"journal.keep": c.Journal.Keep, "schedule.retry": c.Schedule.Retry, "alerts.held_after": c.Alerts.HeldAfter, "alerts.no_run_for": c.Alerts.NoRunFor} {
		if d != 0 {
			t.Errorf("%s is %s", name, d)
		}
	}
	if c.Alerts.Repeat != 24*time.Hour || c.Grace != 20*time.Second {
		t.Errorf("alerts.repeat %s, grace %s", c.Alerts.Repeat, c.Grace)
	}
}

func TestApply(t *testing.T) {
	if c := mustLoad(t, goodConfig); c.Apply.Canary != 0 || !c.Apply.ReadBack {
		t.Errorf("the defaults are %+v", c.Apply)
	}
	for _, c := range []*config{
		mustLoad(t, goodConfig+"apply: {canary: 10, read_back: false}\n"),
		mustLoad(t, goodConfig, "TOMORRO_SYNC_APPLY_CANARY=10", "TOMORRO_SYNC_APPLY_READ_BACK=false"),
	} {
		if c.Apply.Canary != 10 || c.Apply.ReadBack {
			t.Errorf("%+v", c.Apply)
		}
	}
}

func TestSecretMasksItself(t *testing.T) {
	c := mustLoad(t, goodConfig+"listen: {tokens: [hush-listen-hush]}\n")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("configuration", "c", c, "secret", c.Tomorro.Token)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for how, text := range map[string]string{
		"v": fmt.Sprintf("%v", *c), "+v": fmt.Sprintf("%+v", *c), "#v": fmt.Sprintf("%#v", *c), "q": fmt.Sprintf("%q", c.Tomorro.Token),
		"slog": log.String(), "json": string(asJSON), "yaml": string(asYAML),
	} {
		if strings.Contains(text, "hush") {
			t.Errorf("%s shows a secret: %s", how, text)
		}
	}
}

func TestMisspelledVariables(t *testing.T) {
	got := misspelled([]string{"TOMORRO_SYNC_ONELOGIN_CLIENTID=x", "TOMORRO_SYNC_SERVICE_HOST=10.0.0.1", "TOMORRO_SYNC_TOMORRO_URL=x", "HOME=/x"})
	want := []string{"environment variable TOMORRO_SYNC_ONELOGIN_CLIENTID is not known and not used; did you mean TOMORRO_SYNC_ONELOGIN_CLIENT_ID?"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRedisPasswordIsPutIn(t *testing.T) {
	r := redisConfig{URL: "redis://worker@localhost:6379/2", Password: "p@ss/word"}
	got, err := r.redisURL()
	if err != nil || got != "redis://worker:p%40ss%2Fword@localhost:6379/2" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzDecodeYAML(f *testing.F) {
	f.Add(goodConfig)
	f.Add("limits: {create: {max: none}}\n---\n- 1\n")
	f.Add("onelogin: &a {<<: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		c := defaultConfig()
		if decodeYAML("c.yaml", []byte(text), &c) == nil {
			_ = c.validate() // must not panic
		}
	})
}

func FuzzShare(f *testing.F) {
	for _, s := range []string{"10%", "0.1", "none", "NaN", "1e400", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s share
		if s.UnmarshalText([]byte(text)) == nil && s != noBound && (s < 0 || s > 1) {
			t.Errorf("%q is read as %v", text, s)
		}
	})
}

// TestAllowed: an IPv4 address is the same however it is written.
func TestAllowed(t *testing.T) {
	l := listenConfig{Allow: []string{"203.0.113.7", "::ffff:203.0.113.8", "10.0.0.0/8", "::ffff:172.16.0.0/108", "2001:db8::/32"}}
	got, err := l.allowed()
	if want := "[203.0.113.7/32 203.0.113.8/32 10.0.0.0/8 172.16.0.0/12 2001:db8::/32]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v %v, want %s", got, err, want)
	}
	for _, zoned := range []string{"fe80::1%eth0", "fe80::%eth0/64"} {
		l = listenConfig{Allow: []string{zoned}}
		if got, err := l.allowed(); err == nil || !strings.Contains(err.Error(), "%eth0") || !strings.Contains(err.Error(), "interface") {
			t.Errorf("%s: %v %v", zoned, got, err)
		}
	}
}

// TestFilesBesideTheConfiguration: what init writes into a directory is found from any
// other, as by a supervisor that starts the program in the root; a file in the working
// directory alone is found as well.
func TestFilesBesideTheConfiguration(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(dir, "secrets", "token"):  "hush-of-this-tenant",
		filepath.Join(elsewhere, "only-here"):   "hush-here",
		filepath.Join(dir, "tomorro-sync.yaml"): "onelogin: {client_secret_file: only-here}\ntomorro: {token_file: secrets/token}\nlisten: {cert_file: secrets/token, key_file: nowhere}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(elsewhere)
	if err := os.MkdirAll("secrets", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("secrets/token", []byte("hush-of-another-tenant"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(filepath.Join(dir, "tomorro-sync.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Tomorro.Token.reveal() != "hush-of-this-tenant" || c.OneLogin.ClientSecret.reveal() != "hush-here" {
		t.Error("the secrets are those of other files")
	}
	if c.Listen.CertFile != filepath.Join(dir, "secrets", "token") || c.Listen.KeyFile != "nowhere" {
		t.Errorf("%s, %s", c.Listen.CertFile, c.Listen.KeyFile)
	}
}
