package jobs

import (
	"cmp"
	"slices"

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
	name := reconcile.Fold(a.UserName)
	switch {
	case n > 0:
		m.names[name] = a.ID
	case m.names[name] == a.ID:
		delete(m.names, name)
	}
	key, ours := reconcile.ParseExternalID(a.ExternalID)
	switch {
	case !ours:
	case n > 0:
		m.marked[key] = append(m.marked[key], a.ID)
	default:
		m.marked[key] = slices.DeleteFunc(m.marked[key], func(id string) bool { return id == a.ID })
	}
}

func (m *mirror) indexGroups() {
	m.groups = make(map[string][]string)
	for i := range m.current.Groups {
		for _, id := range m.current.Groups[i].Members {
			m.groups[id] = append(m.groups[id], m.current.Groups[i].ID)
		}
	}
}

// part is what a plan about the people of a directory needs, see reconcile.Input.Rest.
// It is copied: the rest may go on.
func (m *mirror) part(o *observation, keys []reconcile.Key, substitute string) *reconcile.Rest {
	m.mu.Lock()
	defer m.mu.Unlock()
	accounts := make(map[string]bool)
	add := func(id string) {
		if _, found := m.find(id); found {
			accounts[id] = true
		}
	}
	o.links = make(map[reconcile.Key]string)
	for _, key := range keys {
		add(m.links[key])
		for _, id := range m.marked[key] {
			add(id)
		}
		if account, linked := m.links[key]; linked {
			o.links[key] = account
		}
	}
	for i := range o.directory.People {
		add(m.names[reconcile.Fold(o.directory.People[i].Email)])
	}
	add(m.names[reconcile.Fold(substitute)])
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
	return rest
}
