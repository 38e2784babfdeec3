package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// abbreviated is how many lines a section of a plan has unless --all is given.
const abbreviated = 20

// planView prints one plan for people.
type planView struct {
	*screen
	pricing reconcile.Pricing
	all     bool
	// folded shows what was written once, with what became of it, instead of intent and outcome.
	folded bool
	// meant is the intents that have no outcome yet, by their ids.
	meant map[string]*jobs.Entry
	// doubted are those whose outcome nobody knew.
	doubted map[string]*jobs.Entry
}

// show prints the whole plan: what was read, people, groups, holds, notes, totals.
func (v *planView) show(p *reconcile.Plan) {
	v.source(p)
	v.people(p.Changes)
	v.groups(p.Changes)
	v.held(p.Held)
	v.notes(p.Notes)
	v.totals(p)
}

func (v *planView) source(p *reconcile.Plan) {
	c := p.Counts
	if !p.Receipt.Complete() {
		for _, why := range p.Receipt.Why() {
			v.paragraph("! ", "OneLogin could not be read completely, so nobody is removed: "+v.clean(why), red)
		}
	}
	if !p.Receipt.NotAsked {
		v.paragraph("OneLogin  ", fmt.Sprintf("%s, %s in scope", words.Count(c.People, "person", "people"), reconcile.Number(c.InScope)), "")
	}
	v.paragraph("Tomorro   ", fmt.Sprintf("%s (%s active), %s, %s", words.Count(c.Accounts, "account", "accounts"), reconcile.Number(c.Active),
		words.Count(c.Groups, "group", "groups"), words.Count(c.Memberships, "membership", "memberships")), "")
	if c.Foreign > 0 {
		text := words.Count(c.Foreign, "account matches", "accounts match") + " nobody in OneLogin and will not be touched"
		if n := len(p.Foreign); n > 0 {
			text += fmt.Sprintf(". Foreign and active: %s; deactivate at Tomorro who of them has left", v.names(p.Foreign))
		}
		v.paragraph("          ", text, dim)
	}
	for _, f := range p.Receipt.Fallbacks {
		v.paragraph("          ", v.clean(f), dim)
	}
}

// people prints one line for each change of an account.
func (v *planView) people(changes []reconcile.Change) {
	var rows []row
	for i := range changes {
		if c := &changes[i]; c.Group == "" {
			rows = append(rows, row{mark(c.Op), c.Who, v.what(c), words.Because(c)})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	v.section("people", rows)
}

// groups prints a line for each group, operation and cause, with the number of members.
func (v *planView) groups(changes []reconcile.Change) {
	type fold struct {
		group, cause string
		op           reconcile.Op
	}
	members := make(map[fold][]string)
	for i := range changes {
		if c := &changes[i]; c.Group != "" {
			f := fold{c.Group, words.Because(c), c.Op}
			members[f] = append(members[f], c.Who)
		}
	}
	var rows []row
	for f, who := range members {
		rows = append(rows, row{mark(f.op), f.group, v.membersText(f.op, who), f.cause})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return strings.Compare(a.name+"\x00"+a.mark+a.cause+a.what, b.name+"\x00"+b.mark+b.cause+b.what)
	})
	v.section("groups", rows)
}

func (v *planView) membersText(op reconcile.Op, who []string) string {
	switch op {
	case reconcile.OpCreateGroup:
		return "new group"
	case reconcile.OpDeleteGroup:
		return "delete the group"
	}
	return fmt.Sprintf("%s: %s", words.Count(len(who), "member", "members"), v.names(who))
}

// names lists the first few people, safe to show, and how many more there are.
func (v *planView) names(who []string) string {
	cleaned := make([]string, len(who))
	for i, w := range who {
		cleaned[i] = v.clean(w)
	}
	return v.few(cleaned)
}

// few is names of what is made safe to show later: twice would show what the first time put in.
func (v *planView) few(who []string) string {
	shown := who
	if !v.all {
		shown = who[:min(3, len(who))]
	}
	text := strings.Join(shown, ", ")
	if more := len(who) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %s more", reconcile.Number(more))
	}
	return text
}

// held folds holds with the same operation and reason into one line.
func (v *planView) held(held []reconcile.Held) {
	type fold struct {
		op     reconcile.Op
		reason string
	}
	subjects := make(map[fold][]string)
	for i := range held {
		h := &held[i]
		f := fold{h.Op, h.Reason}
		subjects[f] = append(subjects[f], waiting(&h.Change))
	}
	rows := make([]row, 0, len(subjects))
	for f, who := range subjects {
		unique := slices.Compact(slices.Sorted(slices.Values(who)))
		rows = append(rows, row{"!", fmt.Sprintf("%s of %s", verb(f.op), v.few(unique)), "", f.reason})
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.cause+a.name, b.cause+b.name) })
	v.section("held, not done now", rows)
}

// waiting is whom a held change is about: of a change of e-mail also the one that they have
// until then, since the new one may be that of another account.
func waiting(c *reconcile.Change) string {
	if c.Op == reconcile.OpRename && c.Before != nil {
		return c.Who + " (now " + c.Before.UserName + ")"
	}
	return subject(c)
}

func subject(c *reconcile.Change) string {
	switch {
	case c.Who != "" && c.Group != "":
		return c.Who + " in " + c.Group
	case c.Group != "":
		return c.Group
	case c.Who != "":
		return c.Who
	}
	return "OneLogin user " + c.Key.String()
}

// notes folds those that say the same into one line, in their order.
func (v *planView) notes(notes []reconcile.Note) {
	var texts []string
	about := make(map[string][]string)
	for _, n := range notes {
		if about[n.Text] == nil {
			texts = append(texts, n.Text)
		}
		about[n.Text] = append(about[n.Text], n.Subject)
	}
	rows := make([]row, 0, len(texts))
	for _, text := range texts {
		rows = append(rows, row{"·", v.few(about[text]), "", text})
	}
	v.section("notes", rows)
}

func (v *planView) totals(p *reconcile.Plan) {
	if p.Empty() && len(p.Held) == 0 && !p.Receipt.Complete() {
		v.line("\n%s", v.paint(yellow, "Nothing to write, as far as OneLogin could be read."))
		return
	}
	if p.Empty() && len(p.Held) == 0 && p.Receipt.NotAsked {
		v.line("\n%s", v.paint(green, "Nothing to do: nothing of that is left at Tomorro."))
		return
	}
	if p.Empty() && len(p.Held) == 0 {
		v.line("\n%s", v.paint(green, "Nothing to do: Tomorro is what OneLogin says."))
		return
	}
	v.heading("total")
	if p.Empty() {
		v.paragraph("  ", "nothing to write", green)
	} else {
		v.paragraph("  ", words.Changes(p.Count()), bold)
	}
	if n := len(p.Held); n > 0 {
		v.paragraph("  ", words.Count(n, "change is", "changes are")+" held, for the reasons above", purple)
	}
	v.paragraph("  plan id ", p.ID, dim)
}

func verb(op reconcile.Op) string { return strings.ReplaceAll(string(op), "_", " ") }

func mark(op reconcile.Op) string {
	switch op {
	case reconcile.OpCreate, reconcile.OpCreateGroup, reconcile.OpAddMember, reconcile.OpReactivate:
		return "+"
	case reconcile.OpRename, reconcile.OpChangeRole, reconcile.OpUpdateName:
		return "~"
	}
	return "-"
}

// row is one line of a section: mark, whom, what, why.
type row struct{ mark, name, what, cause string }

func (v *planView) section(title string, rows []row) {
	if len(rows) == 0 {
		return
	}
	v.heading(title)
	shown := rows
	if !v.all && len(rows) > abbreviated {
		shown = rows[:abbreviated]
	}
	width := 0
	for _, r := range shown {
		width = max(width, uniseg.StringWidth(v.clean(r.name)))
	}
	for _, r := range shown {
		v.row(r, min(width, 36))
	}
	if more := len(rows) - len(shown); more > 0 {
		v.paragraph("  ", fmt.Sprintf("… and %s more: --all or --output json", reconcile.Number(more)), dim)
	}
}

// row prints on one line what fits on one; otherwise the cause has its own.
func (v *planView) row(r row, width int) {
	colour := map[string]style{"+": green, "~": yellow, "-": red, "!": purple, "·": dim}[r.mark]
	name, cause := v.clean(r.name), v.pasted(v.clean(r.cause))
	head := name
	if r.what != "" {
		head = pad(name, width) + "  " + r.what
	}
	if v.width == 0 || uniseg.StringWidth(head)+uniseg.StringWidth(cause)+8 <= v.width {
		v.line("  %s %s  %s", v.paint(colour, r.mark), head, v.paint(dim, cause))
		return
	}
	if r.what != "" && uniseg.StringWidth(head)+4 > v.width {
		head = name + ": " + r.what // padding would not outlive the wrapping
	}
	for i, l := range wrap(head, v.width-6) {
		m := r.mark
		if i > 0 {
			m = "   "
		}
		v.line("  %s %s", v.paint(colour, m), fit(l, v.width-6))
	}
	v.paragraph("      ", cause, dim)
}

// what words the change of one account.
func (v *planView) what(c *reconcile.Change) string {
	switch {
	case c.After == nil:
		return verb(c.Op)
	case c.Op == reconcile.OpCreate:
		return "create, " + v.role(c.After.UserType)
	case c.Before == nil:
		return verb(c.Op)
	case c.Op == reconcile.OpChangeRole:
		return fmt.Sprintf("role %s -> %s", v.clean(string(c.Before.UserType)), v.clean(v.role(c.After.UserType))) // Tomorro's may be any word
	case c.Op == reconcile.OpRename:
		return "e-mail was " + v.clean(c.Before.UserName)
	case c.Op == reconcile.OpUpdateName:
		return fmt.Sprintf("name %q -> %q", fullName(c.Before), fullName(c.After))
	}
	return verb(c.Op)
}

func fullName(a *reconcile.Account) string { return a.GivenName + " " + a.FamilyName }

// role gives the userType and, where it differs, what Tomorro's pages call it.
func (v *planView) role(u reconcile.UserType) string {
	shown := v.pricing.Shows(u)
	if strings.EqualFold(shown, string(u)) {
		return string(u)
	}
	return fmt.Sprintf("%s (%s)", u, shown)
}
