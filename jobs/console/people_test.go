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
