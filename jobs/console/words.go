package console

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// functions are what templates say things with.
func functions() template.FuncMap {
	return template.FuncMap{
		"plural": words.Count, "counted": words.Changes, "total": total[reconcile.Op], "kind": kind,
		"because": words.Because, "subject": subject, "took": took, "exit": exitWords, "tone": exitTone, "thousands": reconcile.Number, "heldCount": total[reconcile.HoldClass], "entry": entry, "span": span, "path": url.PathEscape,
	}
}

func total[K comparable](n map[K]int) (sum int) {
	for _, v := range n {
		sum += v
	}
	return sum
}

// kind is one word for what an operation does, for marks and colours.
func kind(op reconcile.Op) string {
	switch op {
	case reconcile.OpCreate, reconcile.OpCreateGroup, reconcile.OpAddMember, reconcile.OpReactivate:
		return "adds"
	case reconcile.OpRename, reconcile.OpChangeRole, reconcile.OpUpdateName:
		return "alters"
	}
	return "removes"
}

// originWords say what moved, and how often.
func originWords(n map[reconcile.Origin]int) string {
	var parts []string
	for _, o := range []struct {
		origin reconcile.Origin
		words  string
	}{
		{reconcile.FromSource, "because OneLogin says something else"}, {reconcile.FromDrift, "because somebody changed Tomorro by hand"},
		{reconcile.FromConfiguration, "because our configuration changed"}, {reconcile.FromAdoption, "of accounts that were there before"}, {reconcile.FromUndo, "to take back what a run did"},
	} {
		if n[o.origin] > 0 {
			parts = append(parts, reconcile.Number(n[o.origin])+" "+o.words)
		}
	}
	return strings.Join(parts, ", ")
}

// subject names who or what a change is about.
func subject(c reconcile.Change) string {
	switch {
	case c.Who != "":
		return c.Who
	case c.Key != 0:
		return "OneLogin user " + c.Key.String()
	}
	return c.Group
}

// what words one change.
func what(c *reconcile.Change, pricing reconcile.Pricing) string {
	switch {
	case c.Op == reconcile.OpAddMember:
		return "into group " + c.Group
	case c.Op == reconcile.OpRemoveMember:
		return "out of group " + c.Group
	case c.Op == reconcile.OpCreate && (c.After == nil || c.After.UserType == ""): // held, as nobody knows the role
		return "new account"
	case c.Op == reconcile.OpCreate:
		return "new account, " + pricing.Shows(c.After.UserType)
	case c.Op == reconcile.OpChangeRole && c.Before != nil && c.After != nil:
		return fmt.Sprintf("role %s → %s", pricing.Shows(c.Before.UserType), pricing.Shows(c.After.UserType))
	case c.Op == reconcile.OpRename && c.Before != nil:
		return "e-mail was " + c.Before.UserName
	case c.Op == reconcile.OpUpdateName && c.Before != nil && c.After != nil:
		return fmt.Sprintf("name %s → %s", fullName(c.Before), fullName(c.After))
	}
	return strings.ReplaceAll(string(c.Op), "_", " ")
}

func fullName(a *reconcile.Account) string {
	return strings.TrimSpace(a.GivenName + " " + a.FamilyName)
}

// limitWords name the limits for people.
var limitWords = map[reconcile.Limit]string{
	reconcile.LimitDeactivate: "Deactivations", reconcile.LimitDelete: "Deletions", reconcile.LimitRemoveMember: "Removed memberships",
	reconcile.LimitChangeRole: "Changes of role", reconcile.LimitGrantAdmin: "Made admin", reconcile.LimitRename: "Changes of e-mail",
	reconcile.LimitCreate: "New accounts", reconcile.LimitRemoveFromGroup: "From one group",
}

// exitWords say how a run ended.
func exitWords(code int) string {
	return cmp.Or(map[int]string{0: "done", 1: "error", 3: "some failed", 11: "held by the guard", 12: "waits for approval", 130: "interrupted"}[code], fmt.Sprintf("exit %d", code))
}

func exitTone(code int) string {
	return cmp.Or(map[int]string{0: "good", 1: "bad", 3: "bad", 11: "warn", 12: "warn"}[code], "warn")
}

func took(from, to time.Time) string {
	d := to.Sub(from)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// span words a length of time that somebody configured.
func span(d time.Duration) string {
	if d > 0 && d%time.Hour == 0 {
		return words.Count(int(d.Hours()), "hour", "hours")
	}
	return d.String()
}

// Stamp is a moment as a page shows it.
type Stamp struct{ ISO, Text, Ago string }

// Stamp gives a moment in the connection's time zone, and how far away it is.
func (p *page) Stamp(t time.Time) Stamp {
	s := Stamp{ISO: t.UTC().Format(time.RFC3339), Text: t.In(p.zone).Format("Mon 2 Jan 15:04")}
	if t.In(p.zone).Year() != p.now.In(p.zone).Year() {
		s.Text = t.In(p.zone).Format("2 Jan 2006 15:04")
	}
	switch d := p.now.Sub(t); {
	case d.Abs() < time.Minute:
		s.Ago = "just now"
	case d > 0:
		s.Ago = words.Age(d) + " ago"
	default:
		s.Ago = "in " + words.Age(-d)
	}
	return s
}

// Age says how long ago a moment was.
func (p *page) Age(t time.Time) string { return words.Age(p.now.Sub(t)) }

// byKind folds changes of one kind and group, in a plan's order.
type byKind struct {
	Text    string
	Op      reconcile.Op
	Open    bool // there are few enough to show them at once
	Changes []reconcile.Change
	Hold    *jobs.Hold // that knows what was said of each; nil on the page of a run
}

func foldKinds(changes []reconcile.Change, few int) []byKind {
	type key struct {
		op    reconcile.Op
		group string
	}
	found := make(map[key]*byKind)
	var order []*byKind
	for _, c := range changes {
		k := key{c.Op, c.Group}
		if found[k] == nil {
			found[k] = &byKind{Op: c.Op}
			order = append(order, found[k])
		}
		found[k].Changes = append(found[k].Changes, c)
	}
	out := make([]byKind, len(order))
	for i, b := range order {
		out[i] = *b
		out[i].Open = len(b.Changes) <= few
		out[i].Text = words.Changes(map[reconcile.Op]int{b.Op: len(b.Changes)})
		if g := b.Changes[0].Group; g != "" {
			out[i].Text += ", group " + g
		}
	}
	return out
}

// menuEntry is one line of the menu.
type menuEntry struct {
	Href, Text string
	Current    bool
}

func entry(p *page, section, path, text string) menuEntry {
	return menuEntry{Href: p.Base + "/" + path, Text: text, Current: p.Section == section}
}
