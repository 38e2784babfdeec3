package jobs

import (
	"maps"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// put keeps an account as it is now.
func (m *mirror) put(a reconcile.Account, at time.Time) {
	i, found := m.find(a.ID)
	if found {
		m.index(&m.current.Accounts[i], -1)
		m.current.Accounts[i] = a
	} else {
		m.current.Accounts = slices.Insert(m.current.Accounts, i, a)
	}
	m.index(&a, 1)
	m.rows[a.ID] = at
	if key, ours := reconcile.ParseExternalID(a.ExternalID); ours && m.owner[a.ID] == 0 {
		m.owner[a.ID] = key
	}
}

// drop forgets an account that is gone, and keeps when that was seen: whoever is linked
// to it need not be read again before a look decides.
func (m *mirror) drop(id string, at time.Time) {
	if i, found := m.find(id); found {
		m.index(&m.current.Accounts[i], -1)
		m.current.Accounts = slices.Delete(m.current.Accounts, i, i+1)
	}
	m.rows[id] = at
}

// written takes over what a look wrote. Where the effect is not known, what is known
// is made old.
func (m *mirror) written(run string, outcomes []reconcile.Outcome, subjects []string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		return // nothing was read yet that could be made old
	}
	grouped := make(map[string]bool)
	for i := range outcomes {
		for _, c := range outcomes[i].Write.Changes {
			grouped[c.Key.String()] = grouped[c.Key.String()] || showsInGroups(c.Op)
		}
	}
	for _, subject := range subjects {
		k := m.known[subject]
		k.run = run
		if grouped[subject] {
			k.grouped = now
		}
		m.known[subject] = k
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Result != reconcile.Done {
			m.read, m.groupsAt = m.read.Add(-fresh), time.Time{}
			maps.DeleteFunc(m.rows, func(id string, _ time.Time) bool { return id == o.Write.Account.ID })
			continue
		}
		switch w := &o.Write; w.Op {
		case reconcile.WriteCreateUser, reconcile.WriteUpdateUser:
			a := o.Account
			if a.ID == "" {
				a = w.Account
				a.ID = o.ID
			}
			m.put(a, now)
			if key := w.Changes[0].Key; key != 0 {
				m.link(key, a.ID)
			}
		case reconcile.WriteDeleteUser:
			m.drop(w.Account.ID, now)
			m.unlink(m.owner[w.Account.ID])
			delete(m.owner, w.Account.ID)
		case reconcile.WriteMembers:
			m.members(o, now)
		default: // groups come and go
			m.groupsAt, m.regroups = time.Time{}, now
		}
	}
}

// showsInGroups reports whether a list of groups and members may be another after a
// change of somebody. A service may let go of the members whom it deactivates.
func showsInGroups(o reconcile.Op) bool {
	return o != reconcile.OpChangeRole && o != reconcile.OpUpdateName && o != reconcile.OpRename
}

func (m *mirror) members(o *reconcile.Outcome, now time.Time) {
	i, found := m.findGroup(o.Write.GroupID)
	if !found {
		m.groupsAt, m.regroups = time.Time{}, now
		return
	}
	g := &m.current.Groups[i]
	members := append(slices.Clone(g.Members), o.Write.Add...)
	members = slices.DeleteFunc(members, func(id string) bool {
		return slices.Contains(o.Write.Remove, id)
	})
	slices.Sort(members)
	g.Members = slices.Compact(members)
	for _, id := range slices.Concat(o.Write.Add, o.Write.Remove) {
		m.groups[id] = slices.DeleteFunc(m.groups[id], func(group string) bool { return group == g.ID })
		if _, in := slices.BinarySearch(g.Members, id); in {
			m.groups[id] = append(m.groups[id], g.ID)
		}
	}
}
