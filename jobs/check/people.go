package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// titles looks at the titles that give no role, with how many people have them.
func (e *evaluation) titles() {
	const id = "people.titles"
	if !e.everybody() {
		e.unread(id, stepTitles, "the list of people")
		return
	}
	r := Result{ID: id, Step: stepTitles, Status: Pass, Found: "each title gives a role at Tomorro"}
	held := make(map[string]int)
	roles := make(map[reconcile.UserType]int)
	n := 0
	for _, w := range e.active {
		if w.Role.Hold == "" {
			roles[w.Role.Type]++
			continue
		}
		n++
		held[w.Role.Hold]++
	}
	for _, u := range []reconcile.UserType{reconcile.Admin, reconcile.Manager, reconcile.User, reconcile.Viewer} {
		if roles[u] > 0 {
			r.Items = append(r.Items, fmt.Sprintf("%d to be %s", roles[u], u))
		}
	}
	if n > 0 {
		r.Status, r.Items = Warn, byNumber(held)
		r.Found = fmt.Sprintf("%s no role, and are held until they have one", words.Count(n, "person has", "people have"))
		r.Do = "Add these titles to titles: in the configuration, or fill in the title in OneLogin (Users, or Mappings)"
	}
	e.add(r)
}

// byNumber words counts, the most first.
func byNumber(counts map[string]int) []string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	items := make([]string, len(keys))
	for i, k := range keys {
		items[i] = fmt.Sprintf("%d: %s", counts[k], k)
	}
	return items
}

// who names a person whose e-mail may be missing.
func who(p *reconcile.Person) string {
	if e := strings.TrimSpace(p.Email); e != "" {
		return e
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s (OneLogin user %d)", p.FirstName, p.LastName, p.Key))
}

// addresses looks at the data that a userName is made of.
func (e *evaluation) addresses() {
	if !e.everybody() {
		e.unread("people.emails", stepProvision, "the list of people")
		if len(e.s.Domains) > 0 {
			e.unread("people.domains", stepProvision, "the list of people")
		}
		e.unread("people.data", stepProvision, "the list of people")
		return
	}
	emails := Result{ID: "people.emails", Step: stepProvision, Status: Pass, Found: "everybody who is to have access has an e-mail"}
	data := Result{ID: "people.data", Step: stepProvision, Status: Pass, Found: "names, statuses and addresses of people are fit for Tomorro"}
	for i := range e.wants {
		w := &e.wants[i]
		switch {
		case !w.Managed:
		case w.Active && !strings.Contains(w.Person.Email, "@"):
			emails.Items = append(emails.Items, who(w.Person))
		case w.Hold != "":
			data.Items = append(data.Items, who(w.Person)+" "+w.Hold)
		}
	}
	if n := len(emails.Items); n > 0 {
		emails.Status, emails.Found = Warn, fmt.Sprintf("%s no e-mail, which is the userName at Tomorro, and are held", words.Count(n, "person has", "people have"))
		emails.Do = "In OneLogin, Users: fill in the e-mail, or take the app from accounts that are no people"
	}
	if n := len(data.Items); n > 0 {
		data.Status, data.Found = Warn, fmt.Sprintf("%s held because of their own data", words.Count(n, "person is", "people are"))
		data.Do = "In OneLogin, Users: mend what each line says"
	}
	e.add(emails)
	e.domains()
	e.add(data)
}

// domains looks for addresses outside those that are ours.
func (e *evaluation) domains() {
	if len(e.s.Domains) == 0 {
		return
	}
	r := Result{ID: "people.domains", Step: stepProvision, Status: Pass, Found: "all e-mails are of " + strings.Join(e.s.Domains, ", ")}
	for _, w := range e.active {
		_, domain, ok := strings.Cut(strings.TrimSpace(w.Person.Email), "@")
		if ok && !slices.ContainsFunc(e.s.Domains, func(d string) bool { return reconcile.Fold(d) == reconcile.Fold(domain) }) {
			r.Items = append(r.Items, who(w.Person))
		}
	}
	if n := len(r.Items); n > 0 {
		r.Status, r.Found = Warn, fmt.Sprintf("%s an e-mail outside domains: and would get access to contracts", words.Count(n, "person has", "people have"))
		r.Do = "In OneLogin, Users: correct the e-mail, or take the app from who does not belong here; or add the domain to domains:"
	}
	e.add(r)
}
