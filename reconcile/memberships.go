package reconcile

// memberships are the groups of each account, as places in the lists of both.
type memberships struct {
	at     map[string]int32 // where each account is, by id
	ends   []int32          // of each account's part of groups
	groups []int32
	// unlisted are members whom the list of accounts does not have: group and account.
	unlisted map[[2]string]bool
}

func newMemberships(current *Current, at map[string]int32) memberships {
	m := memberships{at: at, ends: make([]int32, len(current.Accounts)+1), unlisted: make(map[[2]string]bool)}
	n := 0
	for i := range current.Groups {
		n += len(current.Groups[i].Members)
	}
	const nobody = -1
	whose := make([]int32, 0, n)
	for i := range current.Groups {
		for _, id := range current.Groups[i].Members {
			account, known := at[id]
			if !known {
				account = nobody
				m.unlisted[[2]string{current.Groups[i].ID, id}] = true
			} else {
				m.ends[account+1]++
			}
			whose = append(whose, account)
		}
	}
	for i := 1; i < len(m.ends); i++ {
		m.ends[i] += m.ends[i-1]
	}
	next := m.ends[:len(current.Accounts)] // where each account's next group goes: at last, where its part ends
	m.groups = make([]int32, m.ends[len(current.Accounts)])
	for i := range current.Groups {
		for range current.Groups[i].Members {
			if account := whose[0]; account != nobody {
				m.groups[next[account]] = int32(i)
				next[account]++
			}
			whose = whose[1:]
		}
	}
	return m
}

// account gives the groups of the account in that place.
func (m *memberships) account(at int32) []int32 {
	from := int32(0)
	if at > 0 {
		from = m.ends[at-1]
	}
	return m.groups[from:m.ends[at]]
}

// id gives the groups of the account with that id; none of an unknown one.
func (m *memberships) id(account string) []int32 {
	at, known := m.at[account]
	if !known {
		return nil
	}
	return m.account(at)
}
