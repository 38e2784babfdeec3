package reconcile

import (
	"context"
	"fmt"
	"slices"
)

// A create may meet an account that the plan has not seen: it was made meanwhile, or
// Tomorro does not list it. Neither Decide nor Guard has looked at it.

// mayAdopt decides about an account that a create ran into.
func (a *applier) mayAdopt(ctx context.Context, w Write, exists *ExistsError) (result, id string, err error) {
	key, found := w.Changes[0].Key, &exists.Account
	owner, err := a.ownerOf(ctx, found)
	switch {
	case err != nil:
		err = fmt.Errorf("%w, and nobody knows whose it is: %w", exists, err)
	case owner != 0 && owner != key:
		err = fmt.Errorf("%w, which belongs to OneLogin user %d", exists, owner)
	case a.plan.policy.spares(found, key):
		err = fmt.Errorf("%w, which no run touches: it is protected, or somebody said that it is nobody's in OneLogin (tomorro-sync adopt forget %s takes that back)", exists, found.UserName)
	case found.Active && found.UserType == Admin && w.Account.UserType != Admin:
		err = fmt.Errorf("%w, which is an admin's: whoever reads it next decides whether it may become %s", exists, w.Account.UserType)
	default:
		return Skipped, found.ID, exists
	}
	return Failed, found.ID, err
}

// ownerOf is whose an account is, by what somebody said, the plan, the account's mark, and
// what is remembered: a list that leaves out leavers does not tell the plan.
func (a *applier) ownerOf(ctx context.Context, found *Account) (Key, error) {
	if p := a.plan.policy; p != nil && p.Adoption.Owners[found.ID] != 0 {
		return p.Adoption.Owners[found.ID], nil
	}
	if owner := a.plan.owner.of(found.ID); owner != 0 {
		return owner, nil
	}
	if owner, marked := ParseExternalID(found.ExternalID); marked || a.opts.OwnerOf == nil {
		return owner, nil
	}
	return a.opts.OwnerOf(ctx, found.ID)
}

// spares reports whether an account that nobody has planned for is to be left alone.
func (p *Policy) spares(a *Account, key Key) bool {
	if p == nil {
		return false
	}
	name := Fold(a.UserName)
	return p.Adoption.Foreign[a.ID] || name == Fold(p.APIAccount) || slices.ContainsFunc(p.Protect, func(entry string) bool {
		return Fold(entry) == name || Fold(entry) == key.String()
	})
}

// adopt turns a create into an update of the account that is already there.
func adopt(w Write, found Account) Write {
	wanted := w.Account
	wanted.ID = found.ID
	if found.ExternalID != "" {
		wanted.ExternalID = found.ExternalID // another system's mark stays
	}
	return Write{Op: WriteUpdateUser, Account: wanted, Before: found, Changes: w.Changes}
}
