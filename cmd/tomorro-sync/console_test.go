package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
)

// TestConsoleSettings: the configuration is shown without any secret, and says what
// nobody set.
func TestConsoleSettings(t *testing.T) {
	c := defaultConfig()
	secrets := 0
	var plant func(v reflect.Value)
	plant = func(v reflect.Value) {
		for _, f := range v.Fields() {
			switch f.Interface().(type) {
			case Secret:
				f.SetString("hush-hush")
				secrets++
			case []Secret:
				f.Set(reflect.ValueOf([]Secret{"hush-hush"}))
				secrets++
			default:
				if f.Kind() == reflect.Struct {
					plant(f)
				}
			}
		}
	}
	plant(reflect.ValueOf(&c).Elem())
	c.Titles = map[string]string{"paralegal": "user"}
	n := count(7)
	c.Limits.Deactivate.Max = &n
	shown := make(map[string]string)
	for _, s := range c.settings() {
		if strings.Contains(s.Value, "hush") {
			t.Errorf("%s shows a secret", s.Key)
		}
		if s.Value == masked {
			secrets--
		}
		shown[s.Key] = s.Value + map[bool]string{true: " (default)"}[s.Default]
	}
	if secrets != 0 {
		t.Errorf("%d secrets are not shown as masked", secrets)
	}
	for key, want := range map[string]string{"titles": "paralegal: user", "grace": "20s (default)", "tomorro.pricing": "v6 (default)", "limits.deactivate": "7 or 10%", "limits.create": "none (default)", "onelogin.rules.combine": "union (default)", "four_eyes": "false (default)"} {
		if shown[key] != want {
			t.Errorf("%s is %q, want %q", key, shown[key], want)
		}
	}
}

func TestConsoleConfig(t *testing.T) {
	long := strings.Repeat("t", 20)
	for text, want := range map[string]string{
		"{}":                            "",
		"{console_token: " + long + "}": consoleDefault,
		"{console_token: 'a:" + long + "', console: ':9'}": ":9",
		"{console: ':9'}":                           "listen.console_token: is missing",
		"{console_token: short}":                    "listen.console_token: number 1 has fewer than",
		"{console_token: " + long + ", console: x}": `listen.console: "x" is not an address`,
	} {
		c, err := loadConfig(writeFile(t, goodConfig+"\nlisten: "+text+"\n"), nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		switch err := c.validate(); {
		case strings.HasPrefix(want, "listen.") && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), long)):
			t.Errorf("%s: %v", text, err)
		case !strings.HasPrefix(want, "listen.") && (err != nil || c.Listen.consoleAddress() != want):
			t.Errorf("%s: %v, listens at %q", text, err, c.Listen.consoleAddress())
		}
	}
}

// browser is somebody at the console.
type browser struct {
	t      *testing.T
	base   string
	client http.Client
}

func newBrowser(t *testing.T, base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, base: base, client: http.Client{Jar: jar, Transport: &http.Transport{}}}
	t.Cleanup(b.client.CloseIdleConnections)
	return b
}

func (b *browser) read(resp *http.Response, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%v, %d\n%s", err, resp.StatusCode, body)
	}
	return string(body)
}

func (b *browser) get(path string) string {
	b.t.Helper()
	return b.read(b.client.Get(b.base + path))
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// send sends the form that stands on a page.
func (b *browser) send(on, to string, form url.Values) string {
	b.t.Helper()
	form.Set("csrf", csrfField.FindStringSubmatch(b.get(on))[1])
	return b.read(b.client.PostForm(b.base+to, form))
}

// TestServeConsole: serve opens the console of all connections when there is a
// token, and a run that somebody asks for there is made in their name.
func TestServeConsole(t *testing.T) {
	t.Parallel()
	more := "schedule: {cron: \"0 2 * * *\"}\nlisten: {admin: \"127.0.0.1:0\", console: \"127.0.0.1:0\", console_token: \"annabel: a-token-of-hers-12345\"}\n"
	first := newOffice(t, labOptions{users: 20, groups: 3, seed: 1, plain: true}, "connection: first\n"+more)
	second := newOffice(t, labOptions{users: 30, groups: 4, seed: 2, plain: true}, "connection: second\nschedule: {cron: \"0 2 * * *\"}\n")
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	var out, log tape
	ended := make(chan int)
	go func() {
		ended <- run(ctx, services{}, []string{"--config", first.config, "--config", second.config, "serve"}, nil, strings.NewReader(""), &out, &log)
	}()
	address := regexp.MustCompile(`console=(\S+)`)
	eventually(t, "it listens", func() bool { return address.MatchString(log.String()) })
	b := newBrowser(t, "http://"+address.FindStringSubmatch(log.String())[1])
	if page := b.send("/signin", "/signin", url.Values{"token": {"a-token-of-hers-12345"}}); !strings.Contains(page, "No run has looked at everybody yet.") || !strings.Contains(page, `href="/c/second/"`) {
		t.Errorf("the first page says\n%s", page)
	}
	b.send("/c/second/", "/c/second/runs", url.Values{})
	eventually(t, "the run is made", func() bool { return strings.Contains(b.get("/c/second/"), "Tomorro is what OneLogin says.") })
	second.equal()
	if out := second.must(exitDone, "journal"); !strings.Contains(out, "console: 30 new accounts") || !strings.Contains(b.get("/c/second/runs"), "annabel") {
		t.Errorf("the journal lists\n%s", out)
	}
	if page := b.get("/c/second/people?q=" + url.QueryEscape(second.world.People[0].Email)); !strings.Contains(page, "Tomorro is what OneLogin says") || !strings.Contains(page, "new account") {
		t.Errorf("a person's page says\n%s", page)
	}
	if page := b.get("/c/first/configuration"); !strings.Contains(page, masked) || strings.Contains(page, simToken) || strings.Contains(page, "a-token-of-hers") || strings.Contains(page, first.lab.onelogin.ClientSecret) {
		t.Errorf("the configuration shows\n%s", page)
	}
	stop(reconcile.ErrStopping)
	if code := <-ended; code != exitDone {
		t.Errorf("exit %d\n%s", code, log.String())
	}
	if strings.Contains(log.String(), "@acme.example") || strings.Contains(log.String(), "annabel") {
		t.Errorf("the log names people:\n%s", log.String())
	}
}

// TestDemoServe: demo --serve says where its console is and how to sign in; what
// one night holds is there to be approved, and is made by the next run.
func TestDemoServe(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	var out, errs tape
	ended := make(chan int)
	go func() {
		ended <- run(ctx, services{}, []string{"demo", "--serve", "--latency", "0", "--console", "127.0.0.1:0", "--no-color"}, nil, strings.NewReader(""), &out, &errs)
	}()
	said := regexp.MustCompile(`address +(http://\S+)/\ntoken +(\S+)`)
	eventually(t, "it says where the console is", func() bool { return said.MatchString(out.String()) })
	m := said.FindStringSubmatch(out.String())
	b := newBrowser(t, m[1])
	if page := b.send("/signin", "/signin", url.Values{"name": {"Ann"}, "token": {m[2]}}); !strings.Contains(page, "for somebody&#39;s word.") {
		t.Errorf("the first page says\n%s", page)
	}
	form := regexp.MustCompile(`action="(/c/demo/holds/[0-9a-f]+)"`).FindStringSubmatch(b.get("/c/demo/holds"))
	if form == nil {
		t.Fatalf("nothing is held:\n%s", b.get("/c/demo/holds"))
	}
	if page := b.send("/c/demo/holds", form[1], url.Values{"verdict": {"approve"}}); !strings.Contains(page, "approved by Ann") {
		t.Errorf("after approving:\n%s", page)
	}
	b.send("/c/demo/", "/c/demo/runs", url.Values{})
	eventually(t, "what was approved is made", func() bool { return strings.Contains(b.get("/c/demo/runs"), " deactivations") })
	if page := b.get("/c/demo/holds"); strings.Contains(page, `value="approve"`) {
		t.Errorf("it is still held:\n%s", page)
	}
	stop(reconcile.ErrStopping)
	if code := <-ended; code != exitDone {
		t.Errorf("exit %d\n%s", code, errs.String())
	}
	for _, args := range [][]string{{"--output", "json", "demo", "--serve"}, {"demo", "--serve", "--console", "0.0.0.0:8082"}, {"demo", "--serve", "--users", "10"}} {
		if code := run(t.Context(), services{}, args, nil, strings.NewReader(""), io.Discard, io.Discard); code != exitUsage {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}
