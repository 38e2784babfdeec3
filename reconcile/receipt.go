package reconcile

import "slices"

// The lists that a pull of OneLogin is made of, as Receipt names them.
const (
	ListUsers    = "users"
	ListAssigned = "app users"
	ListRoles    = "roles"
	ListRules    = "rules"
)

// ListReceipt says how one list was read.
type ListReceipt struct {
	List  string `json:"list"`
	Pages int    `json:"pages"`
	Items int    `json:"items"` // unique ids
	Total int    `json:"total"` // what the service says there is; -1 when it does not
	// Why is empty when the list is complete: every page answered, ids were
	// unique, their number was the total, and the total did not move.
	Why string `json:"why,omitempty"`
}

// Receipt is the proof that a pull was complete. Without one nobody is removed.
type Receipt struct {
	Lists []ListReceipt `json:"lists"`
	// Fallbacks names each documented alternative that had to be taken, such
	// as titles read from the v1 list because the v2 list left them out.
	Fallbacks []string `json:"fallbacks,omitempty"`
	// NotAsked says that OneLogin was not asked, because the plan does not follow
	// from it: an undo takes back what the journal has.
	NotAsked bool `json:"notAsked,omitempty"`
}

// Complete reports whether each of the four lists was read to its end. A list
// that is not in the receipt was not read. Where nothing was asked, nothing is missing.
func (r Receipt) Complete() bool {
	return len(r.Why()) == 0
}

// Why gives the reasons for which the receipt is not complete, a line each.
func (r Receipt) Why() []string {
	if r.NotAsked {
		return nil
	}
	var why []string
	for _, list := range []string{ListUsers, ListAssigned, ListRoles, ListRules} {
		i := slices.IndexFunc(r.Lists, func(l ListReceipt) bool { return l.List == list })
		switch {
		case i < 0:
			why = append(why, list+": not read")
		case r.Lists[i].Why != "":
			why = append(why, list+": "+r.Lists[i].Why)
		}
	}
	return why
}

// Read reports whether the named list is complete.
func (r Receipt) Read(list string) bool {
	for _, l := range r.Lists {
		if l.List == list {
			return l.Why == ""
		}
	}
	return false
}
