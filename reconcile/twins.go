package reconcile

import "fmt"

// oneOfTwo asks about the two accounts with a person's address, of which nobody else has
// named, in words that can be followed: nobody can say of somebody's that it is nobody's.
func (j *joined) oneOfTwo(w *Want, named, twin *Account, claimed *claimants) string {
	first := j.byName[Fold(named.UserName)]
	other := first
	if named == first {
		other = twin
	}
	if owner := claimed.one[j.at[other.ID]]; owner != 0 {
		return fmt.Sprintf("Tomorro has two accounts with this address: %s (%s), which is OneLogin user %d's, and %s (%s); if that one is not theirs: tomorro-sync adopt foreign %[5]s, and if it is: tomorro-sync adopt match %[5]s %d", other.UserName, other.ID, owner, named.UserName, named.ID, w.Person.Key)
	}
	return fmt.Sprintf("Tomorro has two accounts with this address, %s (%s) and %s (%s); say which one is not theirs with: tomorro-sync adopt foreign ID", first.UserName, first.ID, twin.UserName, twin.ID)
}

// ask keeps an account that may be somebody's who has access from being called foreign: who
// reads that it matches nobody deactivates it, and its contracts are another's for good.
func (j *joined) ask(w *Want, a *Account) {
	if a == nil || !w.Active {
		return
	}
	if j.asked == nil {
		j.asked = make(map[string]bool)
	}
	j.asked[a.ID] = true
}

// another finds an account that has the person's address and is not their own: of two, one
// that is nobody's.
func (j *joined) another(w *Want, own *Account, claimed *claimants) *Account {
	named := j.named(w)
	if named == nil {
		return nil
	}
	if twin := j.twins[Fold(named.UserName)]; twin != nil && (named == own || claimed.one[j.at[named.ID]] != 0) {
		named = twin
	}
	if named == own {
		return nil
	}
	return named
}
