package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// disaster is something that must do no harm.
type disaster struct {
	name, what string
	// strike makes it happen at OneLogin, or on the way to it, and names the
	// people it is about. Nil when the mistake is ours: then the second
	// configuration has mistake in place of correct.
	strike           func(*lab) []string
	correct, mistake string
	scoped           bool // both configurations narrow who is managed
	// oneByOne is rehearsed by a run for each person it is about.
	oneByOne bool
}

func disasters() []disaster {
	atOneLogin := func(edit func(*onelogintest.World) []string) func(*lab) []string {
		return func(l *lab) (about []string) {
			l.onelogin.Edit(func(w *onelogintest.World) { about = edit(w) })
			return about
		}
	}
	return []disaster{
		{name: "half-vanish", what: "half of the people are missing; every list answers 200, is complete and agrees with itself", strike: atOneLogin((*onelogintest.World).LoseHalf)},
		{name: "page-fails", what: "page 2 of the people answers 502 and goes on doing so", strike: func(l *lab) []string {
			l.oneloginWire.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: http.StatusBadGateway})
			return nil
		}},
		{name: "rule-edit", what: "somebody picks the wrong role in a rule, so that a group loses its three eighths of the people", strike: atOneLogin((*onelogintest.World).EmptyFieldSales)},
		{name: "everybody-suspended", what: "everybody is suspended", strike: atOneLogin((*onelogintest.World).SuspendEverybody)},
		{name: "imported-anew", what: "the directory is imported anew: everybody has another OneLogin id, and the e-mail and all else they had", strike: atOneLogin((*onelogintest.World).RecreateEverybody)},
		{name: "single-removals", what: "three eighths of the people are deleted; a run for each of them asks for their removal", strike: atOneLogin((*onelogintest.World).LoseFieldSales), oneByOne: true},
		{name: "filter-typo", what: "scope_roles is misspelt in our configuration, so that three eighths of the people are in no scope", scoped: true, correct: "Field sales]", mistake: "Feild sales]"},
		{name: "titles-admin", what: "a title in our configuration is mapped to admin, which a quarter of the people have", correct: "account executive: user", mistake: "account executive: admin"},
	}
}

// disasterList is for the help.
func disasterList() string {
	var b strings.Builder
	for _, d := range disasters() {
		fmt.Fprintf(&b, "  %-20s %s\n", d.name, d.what)
	}
	return b.String()
}

// joiners is how many people join on the day of the disaster.
const joiners = 5

// rehearsal is a company in sync and one disaster, which happens when it is told to.
type rehearsal struct {
	lab      *lab
	disaster disaster

	mu     sync.Mutex
	struck bool
	about  []string // whom it is about
	joined []string // who joined on that day
	before tomorrotest.State
}

func newRehearsal(l *lab, o labOptions) (*rehearsal, error) {
	i := slices.IndexFunc(disasters(), func(d disaster) bool { return d.name == o.disaster })
	if i < 0 {
		return nil, usage(fmt.Errorf("there is no disaster %q", o.disaster), "they are listed by: tomorro-sync simulate --help")
	}
	if o.users <= 2*o.pageCap || o.groups == 0 {
		return nil, usage(fmt.Errorf("a disaster needs people on three pages, and a group: %d people on pages of %d, and %d groups, are too few", o.users, o.pageCap, o.groups),
			"give more --users, fewer --users-per-page, or more --groups")
	}
	return &rehearsal{lab: l, disaster: disasters()[i]}, nil
}

// mistakenFile is the configuration with the disaster's mistake.
func (r *rehearsal) mistakenFile() string {
	return strings.Replace(r.lab.file(), r.disaster.correct, r.disaster.mistake, 1)
}

// happen makes the disaster happen, once.
func (r *rehearsal) happen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.struck {
		return
	}
	r.struck, r.before = true, r.lab.tomorro.State()
	if r.disaster.strike != nil {
		r.about = r.disaster.strike(r.lab)
	}
	r.lab.onelogin.Edit(func(w *onelogintest.World) { r.joined = w.Join(joiners) })
}

// toll is what a disaster has cost so far, as Tomorro's own state tells it.
// Nobody really left on that day, so whatever is lost is lost wrongly.
type toll struct {
	Disaster string `json:"disaster"`
	Happened bool   `json:"happened"`
	// Removed are accounts that were active before and are not now, Memberships
	// those that are gone, and Admins those who became admin.
	Removed     []string `json:"removed"`
	Memberships []string `json:"memberships"`
	Admins      []string `json:"admins"`
	Joiners     int      `json:"joiners"` // who should have an account since that day
	Joined      int      `json:"joined"`  // and who of them has
}

func (r *rehearsal) toll() toll {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := toll{Disaster: r.disaster.name, Happened: r.struck, Removed: []string{}, Memberships: []string{}, Admins: []string{}, Joiners: len(r.joined)}
	now := make(map[string]tomorrotest.UserState)
	for _, u := range r.lab.tomorro.State().Users {
		now[u.ID] = u
		if u.Active && slices.Contains(r.joined, u.UserName) {
			t.Joined++
		}
	}
	for _, had := range r.before.Users {
		has := now[had.ID]
		if had.Active && !has.Active {
			t.Removed = append(t.Removed, had.UserName)
		}
		if had.UserType != "admin" && has.UserType == "admin" {
			t.Admins = append(t.Admins, had.UserName)
		}
		for _, g := range had.Groups {
			if !slices.Contains(has.Groups, g) {
				t.Memberships = append(t.Memberships, had.UserName+" in "+g)
			}
		}
	}
	return t
}

// handler serves the disaster in front of OneLogin's own paths.
func (r *rehearsal) handler(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_sim/disaster", func(w http.ResponseWriter, _ *http.Request) {
		r.happen()
		_ = writeJSON(w, r.toll()) // the client may be gone
	})
	mux.HandleFunc("GET /_sim/disaster", func(w http.ResponseWriter, _ *http.Request) { _ = writeJSON(w, r.toll()) })
	mux.HandleFunc("GET /_sim/disaster/people", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, who := range r.about {
			fmt.Fprintln(w, who)
		}
	})
	mux.Handle("/", next)
	return mux
}

// script prints the rehearsal as commands to type.
func (r *rehearsal) script(s *screen, config string) {
	url, called := r.lab.oneloginURL+"/_sim/disaster", s.command
	s.command = called + " --config " + word(config)
	s.line("The disaster is %s: %s.", r.disaster.name, r.disaster.what)
	s.line("In another terminal:")
	s.line("")
	s.line("# everything is in sync, and the counts of a good day are learned")
	s.line("tomorro-sync reconcile --yes")
	if r.disaster.mistake == "" {
		s.line("# it happens, and %d people join", joiners)
	} else {
		s.line("# %d people join; the second configuration says %q where the first says %q", joiners, r.disaster.mistake, r.disaster.correct)
	}
	s.line("curl -X POST %s", url)
	if r.disaster.oneByOne {
		s.line("curl -s %s/people | while read who; do tomorro-sync reconcile --yes --user \"$who\"; done", url)
	}
	if r.disaster.mistake != "" {
		s.command = called + " --config " + word(mistaken(config))
	}
	s.line("tomorro-sync reconcile --yes")
	s.line("# what it cost, and what is held; approve ID lets exactly that through")
	s.line("curl %s", url)
	s.line("tomorro-sync holds")
	s.line("")
}
