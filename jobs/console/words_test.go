package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

func TestParseTokens(t *testing.T) {
	long := strings.Repeat("x", leastToken)
	for text, want := range map[string]string{
		long:                                "",
		"alice:" + long + ",bob:" + long:    "number 2 is the same as another",
		"short":                             "fewer than 16 characters",
		"sha256:" + strings.Repeat("a", 63): "64 hexadecimal digits",
		"alice:sha256:zz":                   "64 hexadecimal digits",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855":       "the hash of nothing",
		"alice:sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855": "the hash of nothing",
		"":          "none",
		"\n , \r\n": "none",
	} {
		tokens, err := ParseTokens(text)
		switch {
		case want == "none" && (err != nil || len(tokens) != 0), want == "" && (err != nil || len(tokens) != 1):
			t.Errorf("%q: %d, %v", text, len(tokens), err)
		case want != "" && want != "none" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), long)):
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, in := admit(nil, ""); in {
		t.Error("without tokens, none opens")
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add("alice:0123456789abcdef,bob:sha256:00")
	f.Add("sha256:" + strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := ParseTokens(text)
		if err != nil && len(tokens) > 0 {
			t.Error("tokens with an error")
		}
		if _, in := admit(tokens, ""); in {
			t.Errorf("nothing opens %q", text)
		}
	})
}

func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/c/a/", "//x/c/", "/c/../../x", "/c/\\x", "/c/?\\", "/c/a?q=%0d%0a", "https:/c/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		if to := local(next); !strings.HasPrefix(to, "/c/") && to != "/" || strings.ContainsAny(to, "\r\n\\") {
			t.Errorf("%q leads to %q", next, to)
		}
	})
}

func TestBudget(t *testing.T) {
	limits := reconcile.DefaultLimits()
	list := budget(&limits, map[reconcile.Limit]int{reconcile.LimitDeactivate: 7, reconcile.LimitRemoveMember: 300}, reconcile.Counts{Accounts: 100, Memberships: 5000})
	by := make(map[string]allowance)
	for _, a := range list {
		by[a.Name] = a
	}
	if a := by["Deactivations"]; a.Most != 10 || a.Left != 3 || a.Tone != "warn" { // the share is less than the number
		t.Errorf("%+v", a)
	}
	if a := by["Removed memberships"]; a.Most != 200 || a.Left != 0 || a.Tone != "bad" || a.Filled != 100 {
		t.Errorf("%+v", a)
	}
	if a := by["New accounts"]; !a.Unlimited {
		t.Errorf("%+v", a)
	}
	small := budget(&limits, nil, reconcile.Counts{Accounts: 10})
	if small[0].Most != 25 { // where there are few, the share says nothing
		t.Errorf("%+v", small[0])
	}
}

func TestChart(t *testing.T) {
	p := &page{now: evening, zone: time.UTC}
	var runs []jobs.RunRecord
	for i, n := range []int{10, 0, 12, 8, 2000} { // the newest first
		begin := evening.AddDate(0, 0, -i)
		r := &jobs.Report{Run: "r", Started: begin, Finished: begin.Add(time.Minute), Done: map[reconcile.Op]int{reconcile.OpAddMember: n}, Failed: map[reconcile.Op]int{reconcile.OpCreate: i % 2}}
		runs = append(runs, jobs.RunRecord{Begin: jobs.Entry{Time: begin}, End: &jobs.Entry{Report: r}})
	}
	c := newChart(append([]jobs.RunRecord{{Begin: jobs.Entry{Time: evening}}}, runs...), p)
	if len(c.Bars) != 5 || c.Most != 2000 || !c.Cut || c.Top > 40 || c.Longest != "1m0s" {
		t.Fatalf("%+v", c)
	}
	if first := c.Bars[0]; first.Segments[len(first.Segments)-2].Class != "cut" || !strings.Contains(first.Title, "2,000 new memberships") {
		t.Errorf("the first run: %+v", first)
	}
	if newChart(runs[:1], p) != nil {
		t.Error("one run is no chart")
	}
}

// TestEmptyAndBroken: a console with nothing to show, or behind which nothing
// answers, says what to do.
func TestEmptyAndBroken(t *testing.T) {
	w := newWorld()
	s := w.serve(t, func(c *Connection) { c.Command = "tomorro-sync --config /etc/acme.yaml" }).signIn("Ann", sharedSecret)
	w.entries, w.status = nil, jobs.Status{}
	if _, body := s.get("/c/acme/"); !strings.Contains(body, "Look at what it would do with: tomorro-sync --config /etc/acme.yaml plan") {
		t.Errorf("the first page names another command:\n%s", body)
	}
	for path, want := range map[string]string{"/c/acme/": "No run has looked at everybody yet.", "/c/acme/runs": "no runs yet", "/c/acme/holds": "Nothing is held.", "/c/acme/people": "Find somebody"} {
		if code, body := s.get(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q:\n%s", path, code, want, body)
		}
	}
	w.broken = errors.New("dial tcp: connection refused")
	for _, path := range []string{"/c/acme/", "/c/acme/runs", "/c/acme/holds"} {
		if code, body := s.get(path); code != http.StatusServiceUnavailable || !strings.Contains(body, "look at Redis") {
			t.Errorf("%s: %d\n%s", path, code, body)
		}
	}
	w.broken, w.services = nil, errors.New("reading OneLogin: 401")
	if _, body := s.get("/c/acme/groups"); !strings.Contains(body, "reading OneLogin: 401") || !strings.Contains(body, "</html>") {
		t.Errorf("groups without OneLogin:\n%s", body)
	}
	if _, body := s.get("/c/acme/people?q=ann"); !strings.Contains(body, "reading OneLogin: 401") || !strings.Contains(body, "Look at whether OneLogin, Tomorro and Redis answer") {
		t.Errorf("a search without OneLogin sends people to Redis:\n%s", body)
	}
	w.services = fmt.Errorf("%w gone@x.io", jobs.ErrUnknown)
	w.about = nil
	if _, body := s.get("/c/acme/people/gone@x.io"); !strings.Contains(body, "Check the spelling") || !strings.Contains(body, "No run has changed") {
		t.Errorf("a person whom nobody knows:\n%s", body)
	}
}

// TestFailedRun: a run that could not be made did not find that nothing was to change.
func TestFailedRun(t *testing.T) {
	w := newWorld()
	for i := range w.entries {
		if end := w.entries[i].Report; end != nil {
			end.Exit, end.Done, end.Held = jobs.ExitError, nil, nil
		}
	}
	if _, body := w.serve(t, nil).signIn("Ann", sharedSecret).get("/c/acme/"); !strings.Contains(body, "nothing written") || strings.Contains(body, "nothing to change") {
		t.Errorf("the page says\n%s", body)
	}
}

// TestWhyItFailed: what alerts would name, and what to do, is the headline.
func TestWhyItFailed(t *testing.T) {
	for want, fail := range map[string]func(*jobs.Report){
		"Tomorro has no seat left.":         func(r *jobs.Report) { r.Exit, r.NoSeat = jobs.ExitFailed, 2 },
		"OneLogin refuses the credentials.": func(r *jobs.Report) { r.Exit, r.Refused = jobs.ExitError, jobs.ServiceOneLogin },
		"The last run could not be made.":   func(r *jobs.Report) { r.Exit = jobs.ExitError },
		"OneLogin could not be read to the end.": func(r *jobs.Report) {
			r.Exit, r.Incomplete = jobs.ExitHeld, []string{"users: page 2 answered 502"}
		},
	} {
		w := newWorld()
		w.entries = slices.DeleteFunc(w.entries, func(e jobs.Entry) bool { return e.Kind == jobs.EntryHold })
		for i := range w.entries {
			if end := w.entries[i].Report; end != nil {
				fail(end)
			}
		}
		if _, body := w.serve(t, nil).signIn("Ann", sharedSecret).get("/c/acme/"); !strings.Contains(body, `">`+want+"</h1>") {
			t.Errorf("the page does not say %q:\n%s", want, body)
		}
	}
}

// TestNewAccountWithoutRole: what is held because nobody knows the role ends with no comma.
func TestNewAccountWithoutRole(t *testing.T) {
	if got := what(&reconcile.Change{Op: reconcile.OpCreate, After: &reconcile.Account{UserName: "jo@x.io"}}, ""); got != "new account" {
		t.Errorf("%q", got)
	}
}

// TestPaused: the first page says so when no night makes a run, and what to do first when
// Redis lost its data; it does not promise a run that nobody makes.
func TestPaused(t *testing.T) {
	for name, c := range map[string]struct {
		by    string
		empty bool
		want  []string
	}{
		"by somebody":          {"ann on alpha", false, []string{`state warn">The schedule is paused.`, "tomorro-sync schedule resume"}},
		"before the first run": {"ann on alpha", true, []string{"No run has looked at everybody yet.", "None is made by itself"}},
		"after a loss":         {jobs.PausedByLoss, true, []string{`state bad">Redis lost what it had confirmed`, "press Reapply entitlement mappings in OneLogin"}},
	} {
		w := newWorld()
		w.entries = slices.DeleteFunc(w.entries, func(e jobs.Entry) bool { return c.empty || e.Kind == jobs.EntryHold })
		if c.empty {
			w.status.Last = nil
		}
		for i := range w.entries {
			if end := w.entries[i].Report; end != nil {
				end.Exit, end.Held = jobs.ExitDone, nil
			}
		}
		w.status.Schedule.Paused, w.status.Schedule.PausedBy = evening, c.by
		_, body := w.serve(t, nil).signIn("Ann", sharedSecret).get("/c/acme/")
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page does not say %q:\n%s", name, want, body)
			}
		}
		if strings.Contains(body, "at the next tick of the schedule") {
			t.Errorf("%s: the page promises a run:\n%s", name, body)
		}
	}
}
