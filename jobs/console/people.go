package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// found is what a search gives.
type found struct {
	Asked   bool
	People  []match
	More    int
	Problem *problem
}

type match struct{ Name, Email, Link, Where string }

// mostFound is how many people a search lists.
const mostFound = 50

// people finds somebody. A search that can only mean one leads to them.
func (c *console) people(v *visit) {
	p := v.page("people", "People")
	p.Search = strings.TrimSpace(v.r.FormValue("q"))
	if p.Search == "" {
		p.Body = found{}
		v.show(http.StatusOK, "people", p)
		return
	}
	ctx, cancel := context.WithTimeout(v.r.Context(), lookTimeout)
	defer cancel()
	base := p.Base + "/people/"
	if isID(p.Search) {
		v.redirect(base + url.PathEscape(p.Search))
		return
	}
	seen, err := v.conn.looks.get(ctx, v.conn.Services, c.Now, false)
	if err != nil {
		if strings.Contains(p.Search, "@") { // what the journal has can be shown all the same
			v.redirect(base + url.PathEscape(p.Search))
			return
		}
		trouble := explain(err)
		trouble.Do = lookAtServices
		p.Body = found{Asked: true, Problem: trouble}
		v.show(http.StatusServiceUnavailable, "people", p)
		return
	}
	list := seen.search(p.Search)
	if len(list) == 1 || len(list) == 0 && strings.Contains(p.Search, "@") {
		to := p.Search
		if len(list) == 1 {
			to = list[0].Link
		}
		v.redirect(base + url.PathEscape(to))
		return
	}
	p.Body = found{Asked: true, People: list[:min(len(list), mostFound)], More: max(0, len(list)-mostFound)}
	v.show(http.StatusOK, "people", p)
}

func isID(text string) bool {
	_, ok := reconcile.ParseKey(text)
	return ok
}

// search finds whose name or e-mail contains a text, at OneLogin, and accounts under
// other addresses. One whose e-mail it is comes alone; those who share it are found by it.
func (l *look) search(text string) []match {
	folded := reconcile.Fold(text)
	var list, exact []match
	known, email := make(map[string]bool), make(map[reconcile.Key]string)
	for i := range l.directory.People {
		d := &l.directory.People[i]
		name := strings.TrimSpace(d.FirstName + " " + d.LastName)
		known[reconcile.Fold(d.Email)], email[d.Key] = true, d.Email
		m := match{Name: name, Email: d.Email, Link: d.Key.String(), Where: d.Title}
		if reconcile.Fold(d.Email) == folded {
			exact = append(exact, m)
		}
		if strings.Contains(reconcile.Fold(d.Email), folded) || strings.Contains(reconcile.Fold(name), folded) {
			list = append(list, m)
		}
	}
	if len(exact) > 1 {
		exact[0].Link = exact[0].Email
	}
	if len(exact) > 0 {
		return exact[:1]
	}
	for i := range l.current.Accounts {
		a := &l.current.Accounts[i]
		if name := fullName(a); !known[reconcile.Fold(a.UserName)] && (strings.Contains(reconcile.Fold(a.UserName), folded) || strings.Contains(reconcile.Fold(name), folded)) {
			m := match{Name: name, Email: a.UserName, Link: a.UserName, Where: "an account at Tomorro only"}
			if key, ok := reconcile.ParseExternalID(a.ExternalID); ok {
				m.Link = key.String()
				if now := email[key]; now != "" {
					m.Where = "still the address at Tomorro of " + now
				}
			}
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b match) int {
		return cmp.Or(cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)), cmp.Compare(a.Email, b.Email))
	})
	return list
}

// personPage is one person. There are several explanations when people share an
// address, and none when neither side knows them.
type personPage struct {
	Who     string
	All     []reconcile.Explanation
	Problem *problem
	History []historyRow
	More    int      // lines of the past that are not shown
	Unread  *problem // why the journal could not be read
	Pricing reconcile.Pricing
	ReadAt  time.Time
}

// historyRow is one line of somebody's past, the newest first.
type historyRow struct {
	Time   time.Time
	Run    string
	By     string
	Tone   string
	Text   string
	Detail string
}

// historyShown is how many lines of the past a page shows.
const historyShown = 100

// person asks both services why somebody has what they have. That takes as long as
// reading them does, so the page says so first.
func (c *console) person(v *visit) {
	who := v.r.PathValue("who")
	p := v.page("people", who)
	p.Search = who
	v.announce(p)
	body := &personPage{Who: who, Pricing: v.conn.Policy.Pricing, ReadAt: c.Now()}
	ctx, cancel := context.WithTimeout(v.r.Context(), lookTimeout)
	defer cancel()
	all, err := v.conn.People.Explain(ctx, who, func(*reconcile.Directory) error { return nil })
	if err != nil {
		body.Problem = explain(err)
		if !errors.Is(err, jobs.ErrUnknown) {
			body.Problem.Do = "What the journal has of them is below. Try again; if it stays so, look at whether OneLogin and Tomorro answer, and at the log of this process."
		}
	}
	body.All = all
	asked := who
	if len(all) == 1 && all[0].Key != 0 {
		asked = all[0].Key.String()
	}
	short, done := v.brief()
	defer done()
	if body.History, err = past(short, v.conn, asked); err != nil {
		body.Unread = explain(err)
		body.Unread.What = "What runs did to them cannot be read."
	}
	if body.More = len(body.History) - historyShown; body.More > 0 {
		body.History = body.History[:historyShown]
	}
	p.Body = body
	v.conclude("person", p)
}

// Role gives the name under which Tomorro shows a role.
func (p *personPage) Role(u reconcile.UserType) string { return p.Pricing.Shows(u) }

// Account words an account.
func (p *personPage) Account(a *reconcile.Account) string {
	return fullName(a) + ", " + p.Pricing.Shows(a.UserType) + ", " + a.UserName
}

// What words a change.
func (p *personPage) What(c reconcile.Change) string { return what(&c, p.Pricing) }

// past is what the journal has of somebody; nothing when it does not know them.
func past(ctx context.Context, conn *Connection, who string) ([]historyRow, error) {
	person, err := jobs.FindPerson(ctx, conn.Journal, who)
	if errors.Is(err, jobs.ErrNobody) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h := jobs.History{Person: person}
	var rows []historyRow
	at := make(map[string][2]int) // of each intent, the rows that its outcome is about
	runs := make(map[string]bool)
	err = conn.Journal.Scan(ctx, time.Time{}, func(e jobs.Entry) bool {
		runs[e.Run] = runs[e.Run] || e.Kind == jobs.EntryBegin
		mine, ok := h.Take(e)
		switch {
		case !ok:
		case e.Kind == jobs.EntryOutcome:
			for i := at[e.Intent][0]; i < at[e.Intent][1]; i++ {
				rows[i].Detail, rows[i].Tone = strings.TrimSuffix(e.Result+": "+e.Error, ": "), "bad"
				if e.Result == reconcile.Done {
					rows[i].Tone = "good"
				}
			}
		default:
			from := len(rows)
			rows = append(rows, pastRows(&mine, conn.Policy.Pricing)...)
			at[e.ID] = [2]int{from, len(rows)}
		}
		return true
	})
	for i := range rows { // what a push did has a name, and no page
		if !runs[rows[i].Run] {
			rows[i].Run = ""
		}
	}
	slices.Reverse(rows)
	return rows, err
}

const pending = "no outcome"

func pastRows(e *jobs.Entry, pricing reconcile.Pricing) []historyRow {
	row := historyRow{Time: e.Time, Run: e.Run, Tone: "warn"}
	if e.Trigger != nil {
		row.By = e.Trigger.Who
	}
	var rows []historyRow
	add := func(text, detail, tone string) {
		r := row
		r.Text, r.Detail, r.Tone = text, detail, tone
		rows = append(rows, r)
	}
	switch {
	case e.Write != nil:
		for i := range e.Write.Changes {
			c := &e.Write.Changes[i]
			add(what(c, pricing)+": "+words.Because(c), pending, "warn")
		}
	case e.Kind == jobs.EntryOutlive && e.Decided != nil:
		add("what "+strings.Join(e.Decided.By, ", ")+" rejected ended: the run does not come to that change any more", e.Decided.Why, "")
	case e.Decided != nil:
		verb := "rejected"
		if e.Decided.Approves {
			verb = "approved"
		}
		add(strings.Join(e.Decided.By, ", ")+" "+verb+": "+heldText(e.Held, pricing), e.Decided.Why, "warn")
	case len(e.Held) > 0:
		for i := range e.Held {
			add("held: "+what(&e.Held[i].Change, pricing), e.Held[i].Reason, "warn")
		}
	case len(e.Said) > 0:
		add("OneLogin, asked once more: "+e.Said[0].Answer, e.Said[0].Why, "")
	case len(e.Pushed) > 0:
		for _, p := range e.Pushed {
			add(strings.TrimSuffix("looked at because of a push: "+p.Asked, ": "), "", "")
		}
	case e.Kind == jobs.EntryPin:
		add("stays as an undo left them, until released", "", "warn")
	case e.Kind == jobs.EntryAdopt:
		add("account "+e.Target+" was decided to be theirs", "", "")
	case e.Kind == jobs.EntryRelease:
		add("released: runs may change them again", "", "")
	}
	return rows
}

func heldText(held []reconcile.Held, pricing reconcile.Pricing) string {
	texts := make([]string, len(held))
	for i := range held {
		texts[i] = what(&held[i].Change, pricing)
	}
	return strings.Join(texts, ", ")
}
