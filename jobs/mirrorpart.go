package jobs

import (
	"cmp"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// index counts an account and notes what it is found by, or, with -1, no longer.
func (m *mirror) index(a *reconcile.Account, n int) {
	m.counts.Accounts += n
	if a.Active {
		m.counts.Active += n
		if a.UserType == reconcile.Admin {
			m.counts.Admins += n
		}
	}
	found(m.names, reconcile.Fold(a.UserName), a.ID, n)
	if key, ours := reconcile.ParseExternalID(a.ExternalID); ours {
		found(m.marked, key, a.ID, n)
	}
}

// found notes that something finds an account, or, with -1, no longer.
func found[K comparable](by map[K][]string, what K, account string, n int) {
	if n > 0 {
		by[what] = append(by[what], account)
		return
	}
	if by[what] = slices.DeleteFunc(by[what], func(id string) bool { return id == account }); len(by[what]) == 0 {
		delete(by, what)
	}
}

// groupsOf tells in which groups each account is.
func groupsOf(groups []reconcile.Group) map[string][]string {
	of := make(map[string][]string)
	for i := range groups {
		for _, id := range groups[i].Members {
			of[id] = append(of[id], groups[i].ID)
		}
	}
	return of
}

// part is what a plan about the people of a visit needs, see reconcile.Input.Rest, or
// what of it has to be read again first. It is copied: the rest may go on.
func (m *mirror) part(v *visit, keys []reconcile.Key, now time.Time, substitute string) (stale, *reconcile.Rest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.outdated(v.touched, v.began, now)
	m.doubt(&s, v)
	if !s.nothing() {
		return s, nil
	}
	o := &v.seen
	accounts := make(map[string]bool)
	add := func(ids ...string) {
		for _, id := range ids {
			if _, found := m.find(id); found {
				accounts[id] = true
			}
		}
	}
	o.links = make(map[reconcile.Key]string)
	for _, key := range keys {
		add(m.links[key])
		add(m.marked[key]...)
		if account, linked := m.links[key]; linked {
			o.links[key] = account
		}
	}
	for i := range o.directory.People {
		add(m.names[reconcile.Fold(o.directory.People[i].Email)]...)
	}
	add(m.names[reconcile.Fold(substitute)]...)
	o.current = reconcile.Current{MembersUnknown: m.current.MembersUnknown, Groups: slices.Clone(m.current.Groups)}
	rest := &reconcile.Rest{Counts: m.counts, Sizes: make(map[string]int, len(m.current.Groups))}
	rest.Counts.Groups = len(m.current.Groups)
	for i := range o.current.Groups {
		g := &o.current.Groups[i]
		rest.Sizes[g.ID] = len(g.Members)
		rest.Counts.Memberships += len(g.Members)
		g.Members = nil
	}
	for id := range accounts {
		i, _ := m.find(id)
		o.current.Accounts = append(o.current.Accounts, m.current.Accounts[i])
		for _, key := range m.linked[id] {
			o.links[key] = id
		}
		for _, group := range m.groups[id] {
			if k, found := m.findGroup(group); found {
				o.current.Groups[k].Members = append(o.current.Groups[k].Members, id)
			}
		}
	}
	slices.SortFunc(o.current.Accounts, func(a, b reconcile.Account) int { return cmp.Compare(a.ID, b.ID) })
	o.facts = m.facts
	return s, rest
}

// doubt adds what a plan would find but nobody's touch tells of: an account of
// somebody else that has the address of a person of this visit, and a group that was
// set by hand and is not known. They must not be older than the visit, or a person
// would be held for what is not so any more.
func (m *mirror) doubt(s *stale, v *visit) {
	for i := range v.seen.directory.People {
		p := &v.seen.directory.People[i]
		for _, id := range m.names[reconcile.Fold(p.Email)] {
			if m.links[p.Key] != id && later(m.read, m.rows[id]).Before(v.began) && !slices.Contains(s.accounts, id) {
				s.accounts = append(s.accounts, id)
			}
		}
	}
	if s.groups || !m.groupsAt.Before(v.began) {
		return
	}
	s.groups = slices.ContainsFunc(v.seen.asserted, func(a reconcile.Assertion) bool {
		_, asked := v.touched[m.owner[a.Account]]
		_, known := m.findGroup(a.Group)
		return asked && !known
	})
}
