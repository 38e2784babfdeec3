package console

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// TestPastThatCannotBeRead: a journal that does not answer is no journal without them.
func TestPastThatCannotBeRead(t *testing.T) {
	for name, services := range map[string]error{"only the journal": nil, "nothing answers": errors.New("reading OneLogin: 502"), "nobody knows them": fmt.Errorf("%w gone@x.io", jobs.ErrUnknown)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := w.serve(t, nil).signIn("Ann", sharedSecret)
			if w.services = services; services != nil {
				w.about = nil
			}
			w.broken = errors.New("dial tcp: connection refused")
			s.says("/c/acme/people/gone@x.io", []string{"dial tcp: connection refused", "What runs did to them cannot be read."}, "No run has changed")
		})
	}
}

// asked remembers whom it was asked about.
type asked struct {
	*world
	who *string
}

func (a asked) Explain(_ context.Context, who string, _ func(*reconcile.Directory) error) ([]reconcile.Explanation, error) {
	*a.who = who
	return a.about, nil
}

// TestOddNames: addresses and ids with signs that mean something in a link lead to whom
// they name.
func TestOddNames(t *testing.T) {
	const odd, id = "a/b?c=3#d%41@x.io", "g/1?x#%41"
	w := newWorld()
	w.current.Accounts = append(w.current.Accounts, reconcile.Account{ID: "odd", UserName: odd, GivenName: "Odd", Active: true})
	w.current.Groups = append(w.current.Groups, reconcile.Group{ID: id, Name: "Odd group", Members: []string{"odd"}})
	w.directory.People = append(w.directory.People, reconcile.Person{Key: 78, FirstName: "Odile"})
	var who string
	s := w.serve(t, func(c *Connection) { c.People = asked{w, &who} }).signIn("Ann", sharedSecret)
	follow := func(path, text string) string {
		_, body := s.get(path)
		m := regexp.MustCompile(`<a href="([^"]+)">` + regexp.QuoteMeta(text) + `</a>`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("%s has no link %q:\n%s", path, text, body)
		}
		to := html.UnescapeString(m[1])
		if code, body := s.get(to); code != http.StatusOK {
			t.Errorf("%s leads to %s: %d\n%s", text, to, code, body)
		}
		return to
	}
	group := follow("/c/acme/groups", "Odd group")
	if follow(group, "Odd"); who != odd {
		t.Errorf("the link of %q is about %q", odd, who)
	}
	if follow("/c/acme/people?q=od", "Odd"); who != odd {
		t.Errorf("the link of %q is about %q", odd, who)
	}
}

// TestSearch: who shares an address is found with those who do; an account under a former
// address is its owner's; a search for one person leads to them.
func TestSearch(t *testing.T) {
	w := newWorld()
	w.directory.People = append(w.directory.People, reconcile.Person{Key: 21, Email: "pair@x.io", FirstName: "Castor"}, reconcile.Person{Key: 22, Email: "Pair@x.io", FirstName: "Pollux"},
		reconcile.Person{Key: 23, Email: "new@x.io", FirstName: "Renata"})
	w.current.Accounts = append(w.current.Accounts, reconcile.Account{ID: "a23", UserName: "old@x.io", GivenName: "Renata", ExternalID: reconcile.ExternalID(23)},
		reconcile.Account{ID: "a99", UserName: "renate@y.io", GivenName: "Renate"})
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	for q, want := range map[string]string{"PAIR@x.io": "/people/pair@x.io", "castor": "/people/21", "new@x.io": "/people/23", "old@x.io": "/people/23", "renate@": "/people/renate@y.io", "4711": "/people/4711", "nobody@x.io": "/people/nobody@x.io"} {
		resp, body := s.do("GET", "/c/acme/people?q="+q, nil, nil)
		if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || !strings.HasSuffix(strings.ToLower(to), want) {
			t.Errorf("%s leads to %q, want %q: %d\n%s", q, to, want, resp.StatusCode, body)
		}
	}
	_, body := s.get("/c/acme/people?q=renat")
	if strings.Count(body, "at Tomorro only") != 1 || !strings.Contains(body, "still the address at Tomorro of new@x.io") {
		t.Errorf("whose account is under a former address:\n%s", body)
	}
}

// TestGroupThatIsNotKnown: what could not be read is not told of as if there were nothing.
func TestGroupThatIsNotKnown(t *testing.T) {
	w := newWorld()
	w.current.MembersUnknown, w.current.Groups[1].Members = true, nil
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/groups/g2", []string{"Tomorro does not show who is in which group"}, "0 members", "Nobody.")
	s.says("/c/acme/groups", []string{"Tomorro does not show who is in which group"}, `data-label="Members">0`)

	w = newWorld()
	w.directory.Rules = nil
	w.directory.Receipt = reconcile.Receipt{Lists: []reconcile.ListReceipt{{List: "rules", Why: "answered 502"}}}
	s = w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/groups/g1", []string{"OneLogin could not be read completely: rules"})
}

// TestNothingToDo: that a run would change nothing means that Tomorro is what OneLogin
// says only where nothing is held and the account is somebody's who is managed.
func TestNothingToDo(t *testing.T) {
	const equal = "Tomorro is what OneLogin says"
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/people/9", []string{"change nothing: " + equal})
	usual := w.about[0]
	for name, edit := range map[string]func(*reconcile.Explanation){
		"held":      func(e *reconcile.Explanation) { e.Hold = "shares its address" },
		"role held": func(e *reconcile.Explanation) { e.RoleHold = "nobody mapped the title" },
		"foreign":   func(e *reconcile.Explanation) { e.Key, e.Managed, e.Active = 0, false, false },
		"unmanaged": func(e *reconcile.Explanation) { e.Managed = false },
	} {
		w.about[0] = usual
		edit(&w.about[0])
		if _, body := s.get("/c/acme/people/9"); strings.Contains(body, equal) || !strings.Contains(body, "change nothing") {
			t.Errorf("%s:\n%s", name, body)
		}
	}
}

// TestHistoryTells: the past has the newest first, each change of a write with what became
// of it, and what people decided with their reason.
func TestHistoryTells(t *testing.T) {
	w := newWorld()
	first, second := leaver(9), leaver(9)
	second.Op, second.Group = reconcile.OpRemoveMember, "Legal"
	yes, no := &reconcile.Decision{Approves: true, By: []string{"Ann", "Bob"}, Why: "they left"}, &reconcile.Decision{By: []string{"Eve"}, Why: "on leave"}
	held := []reconcile.Held{{Change: first, Reason: "too many at once"}}
	w.entries = append(w.entries,
		jobs.Entry{ID: "6-0", Time: evening, Kind: jobs.EntryHold, Run: "r1", Held: held},
		jobs.Entry{ID: "7-0", Time: evening, Kind: jobs.EntryDecide, Decided: no, Held: held},
		jobs.Entry{ID: "8-0", Time: evening, Kind: jobs.EntryDecide, Decided: yes, Held: held},
		jobs.Entry{ID: "9-0", Time: evening, Kind: jobs.EntryIntent, Run: "r1", Write: &reconcile.Write{Changes: []reconcile.Change{first, second}}},
		jobs.Entry{ID: "10-0", Time: evening, Kind: jobs.EntryOutcome, Run: "r1", Intent: "9-0", Result: reconcile.Failed, Error: "Tomorro says no"})
	var who string
	s := w.serve(t, func(c *Connection) { c.People = asked{w, &who} }).signIn("Ann", sharedSecret)
	// Asked for by the address that they have at OneLogin, which no run has seen: the id finds them.
	_, body := s.get("/c/acme/people/renamed@x.io")
	rest := body[strings.Index(body, "<h2>Before</h2>"):]
	for _, want := range []string{"out of group Legal", "failed: Tomorro says no", "deactivate", "failed: Tomorro says no", "Ann, Bob approved: deactivate", "they left", "Eve rejected: deactivate", "on leave", "held: deactivate", "too many at once", "new account", "done"} {
		at := strings.Index(rest, want)
		if at < 0 {
			t.Fatalf("the past does not go on with %q:\n%s", want, rest)
		}
		rest = rest[at+len(want):]
	}
}

// TestSearchWithoutServices: an address leads to what the journal has, and a page that
// could not ask says so; a long list says that it is one.
func TestSearchWithoutServices(t *testing.T) {
	w := newWorld()
	for i := range mostFound + 3 {
		w.directory.People = append(w.directory.People, reconcile.Person{Key: reconcile.Key(100 + i), Email: fmt.Sprintf("many%d@x.io", i)})
	}
	w.current.Accounts = append(w.current.Accounts, reconcile.Account{ID: "a10", UserName: "Joan@x.io", GivenName: "Joan"})
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/people?q=many", []string{"and 3 others"})
	s.says("/c/acme/people?q=jo", []string{"joan@x.io"}, "at Tomorro only", "Joan@x.io")

	w.services, w.about = errors.New("reading OneLogin: 502"), nil
	s = w.serve(t, nil).signIn("Ann", sharedSecret)
	if resp, _ := s.do("GET", "/c/acme/people?q=jo%3Cb%3E@x.io", nil, nil); resp.Header.Get("Location") != "/c/acme/people/jo%3Cb%3E@x.io" {
		t.Errorf("an address leads to %q", resp.Header.Get("Location"))
	}
	if code, body := s.get("/c/acme/people?q=jo"); code != http.StatusServiceUnavailable || !strings.Contains(body, "reading OneLogin: 502") || strings.Contains(body, "Nobody is called that") {
		t.Errorf("%d\n%s", code, body)
	}
	s.says("/c/acme/people/jo%3Cb%3E@x.io", []string{"reading OneLogin: 502", "What the journal has of them is below.", "new account"})
	w.services = fmt.Errorf("%w jo@x.io", jobs.ErrUnknown)
	s.says("/c/acme/people/jo%3Cb%3E@x.io", []string{"Check the spelling", "new account"}, "look at whether OneLogin and Tomorro answer")
}

// counted counts how often both sides are read.
type counted struct {
	*world
	reads int
}

func (c *counted) Look(ctx context.Context) (reconcile.Directory, reconcile.Current, error) {
	c.reads++
	return c.world.Look(ctx)
}

// TestReadingIsKept: both sides are read once a minute at most, unless somebody asks.
func TestReadingIsKept(t *testing.T) {
	w := newWorld()
	look := &counted{world: w}
	s := w.serve(t, func(c *Connection) { c.Services = look }).signIn("Ann", sharedSecret)
	for _, step := range []struct {
		after time.Duration
		path  string
		reads int
	}{{0, "/c/acme/groups", 1}, {time.Second, "/c/acme/people?q=jo", 1}, {time.Second, "/c/acme/groups?fresh=1", 2}, {59 * time.Second, "/c/acme/groups/g1", 2}, {time.Second, "/c/acme/groups/g1", 3}} {
		w.pass(step.after)
		if s.get(step.path); look.reads != step.reads {
			t.Errorf("%s: read %d times, want %d", step.path, look.reads, step.reads)
		}
	}
}
