package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/setup"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// initProgram starts the program over the real services. No secret may come out.
func initProgram(t *testing.T, stdin string, interactive bool, environ []string, args ...string) result {
	t.Helper()
	var out, errOut strings.Builder
	p := &program{environ: environ, stdin: strings.NewReader(stdin), stdout: &out, stderr: &errOut, interactive: interactive, connector: services{}}
	code := p.execute(t.Context(), args)
	said := strings.NewReplacer("-client-secret-file", "", "tomorro-token-file", "").Replace(out.String() + errOut.String())
	for _, secret := range []string{"client-secret", simToken, "geheim"} {
		if strings.Contains(said, secret) {
			t.Errorf("the output shows a secret:\n%s\n%s", out.String(), errOut.String())
		}
	}
	return result{code, out.String(), errOut.String()}
}

func initLab(t *testing.T) (l *lab, redis string) {
	t.Helper()
	l, err := newLab(labOptions{users: 40, groups: 6, seed: 3, pageCap: 50, oneloginAddress: "127.0.0.1:0", tomorroAddress: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	redis, stop, err := redisstore.Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return l, "redis://" + redis + "/0"
}

// TestInitThenRun answers as a new user would, some of it wrong, and runs plan and
// reconcile with what was written.
func TestInitThenRun(t *testing.T) {
	t.Parallel()
	l, redis := initLab(t)
	config := filepath.Join(t.TempDir(), "sync.yaml")
	answers := []string{"http://example.org", l.oneloginURL + "/admin2", "client-id", "geheim", "", "client-secret", "77", "1",
		l.tomorroURL + "/nowhere", simToken, l.tomorroURL, "", "v6", "none", redis, "https://sync.acme.example:9443/scim/v2"}
	r := initProgram(t, strings.Join(answers, "\n")+"\n", true, nil, "--config", config, "init")
	if r.code != exitDone {
		t.Fatalf("exit %d\n%s\n%s", r.code, r.out, r.err)
	}
	for _, want := range []string{"in the clear", "Authentication Failure", "no app 77", "enabled rules", `next: see each change, and what is held, with: tomorro-sync --config ` + config + " plan", setup.Template} {
		if !strings.Contains(r.out+r.err, want) {
			t.Errorf("%q is not said:\n%s\n%s", want, r.out, r.err)
		}
	}
	secrets := filepath.Join(filepath.Dir(config), "secrets")
	for name, mode := range map[string]os.FileMode{config: 0o600, secrets: 0o700 | os.ModeDir, filepath.Join(secrets, "tomorro_token"): 0o600, filepath.Join(secrets, "onelogin_client_secret"): 0o600, filepath.Join(secrets, "listen_tokens"): 0o600, filepath.Join(secrets, "onelogin_values.txt"): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	token, _ := os.ReadFile(filepath.Join(secrets, "listen_tokens"))
	if values, _ := os.ReadFile(filepath.Join(secrets, "onelogin_values.txt")); len(token) != 65 || !strings.Contains(string(values), string(token)) || strings.Contains(r.out+r.err, strings.TrimSpace(string(token))) {
		t.Errorf("the token is not where it belongs: %s", values)
	}
	c, err := loadConfig(config, nil)
	if err != nil || c.validate() != nil || c.Listen.SCIM != ":9443" || c.Redis.URL.reveal() != redis || len(c.Listen.Tokens) != 1 {
		t.Errorf("%v %v %+v", err, c.validate(), c)
	}
	if plan := initProgram(t, "", false, nil, "--config", config, "plan"); plan.code != exitPending {
		t.Fatalf("plan: exit %d\n%s\n%s", plan.code, plan.out, plan.err)
	}
	if run := initProgram(t, "", false, nil, "--config", config, "reconcile", "--yes"); run.code != exitDone || len(l.tomorro.State().Users) == 0 {
		t.Fatalf("reconcile: exit %d\n%s\n%s", run.code, run.out, run.err)
	}
	before, _ := os.ReadFile(config)
	if again := initProgram(t, "", true, nil, "--config", config, "init"); again.code != exitUsage || !strings.Contains(again.err, "--force") {
		t.Errorf("a configuration may be overwritten: %+v", again)
	}
	if after, _ := os.ReadFile(config); string(after) != string(before) {
		t.Error("the configuration changed")
	}
	initAgain(t, l, redis, config, string(token))
}

// initAgain replaces the configuration: secrets are kept by an empty answer, and the
// listener's tokens stay, so that OneLogin need not be told another. What somebody wrote
// into the former one is not lost, and neither is the one before it.
func initAgain(t *testing.T, l *lab, redis, config, token string) {
	t.Helper()
	tokens := filepath.Join(filepath.Dir(config), "secrets", "listen_tokens")
	rotating := token + strings.Repeat("another-token", 3) + "\n"
	if err := os.WriteFile(tokens, []byte(rotating), 0o600); err != nil {
		t.Fatal(err)
	}
	edited := goodConfig + "protect: [cfo@acme.example]\n"
	for name, text := range map[string]string{config: edited, config + ".old": "older\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	answers := []string{l.oneloginURL, "client-id", "", "", l.tomorroURL, "", "v5", l.tomorro.State().Users[0].UserName, redis, "https://other.example/scim/v2"}
	r := initProgram(t, strings.Join(answers, "\n")+"\n", true, nil, "--config", config, "init", "--force")
	if r.code != exitDone || !strings.Contains(r.err, "Enter keeps the one in ") {
		t.Fatalf("exit %d\n%s\n%s", r.code, r.out, r.err)
	}
	for name, text := range map[string]string{config + ".old": "older\n", config + ".old2": edited} {
		if kept, err := os.ReadFile(name); string(kept) != text {
			t.Errorf("%s is %q, %v", name, kept, err)
		}
	}
	if !strings.Contains(r.out, config+".old2 is the configuration as it was") {
		t.Errorf("where it is kept is not said:\n%s", r.out)
	}
	values, _ := os.ReadFile(filepath.Join(filepath.Dir(tokens), "onelogin_values.txt"))
	if left, _ := os.ReadFile(tokens); string(left) != rotating || !strings.Contains(string(values), token) || !strings.Contains(string(values), "https://other.example/scim/v2") {
		t.Errorf("tokens %q\n%s", left, values)
	}
	if c, err := loadConfig(config, nil); err != nil || c.validate() != nil || c.Tomorro.Pricing != "v5" || c.Tomorro.DefaultSubstitute == "" || c.Listen.BaseURL != "https://other.example/scim/v2" {
		t.Errorf("%v %+v", err, c)
	}
}

// TestInitByFlags has no terminal, secrets in a file and in the environment, and JSON.
func TestInitByFlags(t *testing.T) {
	t.Parallel()
	l, redis := initLab(t)
	dir := t.TempDir()
	config, secret := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "given")
	if err := os.WriteFile(secret, []byte("client-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"TOMORRO_SYNC_TOMORRO_TOKEN=" + simToken}
	args := []string{"--config", config, "-ojson", "init", "--onelogin-url", l.oneloginURL, "--onelogin-client-id", "client-id", "--onelogin-client-secret-file", secret,
		"--tomorro-url", l.tomorroURL, "--default-substitute", "none", "--redis-url", redis}
	for _, test := range []struct {
		environ []string
		more    []string
		want    string
	}{
		{nil, nil, "--tomorro-token-file is missing"},
		{[]string{"TOMORRO_SYNC_TOMORRO_TOKEN=geheim"}, nil, "TOMORRO_SYNC_TOMORRO_TOKEN: "},
		{environ, []string{"--redis-url", "redis://u:geheim@h:1/0"}, "--redis-url: "},
		{environ, []string{"--onelogin-app", "12"}, "--onelogin-app: "},
		{environ, []string{"--onelogin-client-secret-file", dir}, "--onelogin-client-secret-file: "},
	} {
		r := initProgram(t, "", false, test.environ, append(args, test.more...)...)
		if r.code != exitUsage || !strings.Contains(r.out, test.want) {
			t.Errorf("%v: exit %d, %s", test.more, r.code, r.out)
		}
		if found, _ := os.ReadDir(dir); len(found) != 1 {
			t.Errorf("%v left %v", test.more, found)
		}
	}
	r := initProgram(t, "", false, environ, args...)
	var doc initJSON
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil || r.code != exitDone || doc.AppID != l.onelogin.AppID() || len(doc.Changes) == 0 {
		t.Errorf("exit %d, %v\n%s\n%s", r.code, err, r.out, r.err)
	}
	if plan := initProgram(t, "", false, nil, "--config", config, "plan"); plan.code != exitPending {
		t.Errorf("plan: exit %d\n%s", plan.code, plan.err)
	}
}

// TestTemplateIsTheGuides compares it with the one that OneLogin's simulator has.
func TestTemplateIsTheGuides(t *testing.T) {
	var ours, guides map[string]any
	if json.Unmarshal([]byte(setup.Template), &ours) != nil || json.Unmarshal([]byte(onelogintest.TomorroTemplate), &guides) != nil || !reflect.DeepEqual(ours, guides) {
		t.Errorf("%v, the guide has %v", ours, guides)
	}
}

// TestInitWhereNothingCanBeWritten: that is said before the first question.
func TestInitWhereNothingCanBeWritten(t *testing.T) {
	none := writeFile(t, "")
	wants := map[string]string{none: none + " is not a directory"}
	if runtime.GOOS == "linux" { // where not even root makes files in this one
		wants["/proc"] = "/proc cannot be written to: "
	}
	for dir, want := range wants {
		r := initProgram(t, "", true, nil, "--config", filepath.Join(dir, "c.yaml"), "init")
		if r.code != exitUsage || !strings.Contains(r.err, want) || strings.Contains(r.err, "subdomain") {
			t.Errorf("%s: exit %d, %s", dir, r.code, r.err)
		}
	}
}
