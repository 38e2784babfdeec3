package tomorro

import (
	"context"

	"tomorro-sync/reconcile"
)

// ReadGroups reads the groups alone, as Read does, but without accounts, which costs only
// the pages of one list. Where that list shows no members at all, it reads everything and
// finds them as Read does.
func (c *Client) ReadGroups(ctx context.Context) (reconcile.Current, error) {
	groups, receipt, err := c.groups(ctx, &interner{})
	if err != nil {
		return reconcile.Current{}, err
	}
	if len(groups) > 0 && !shown(groups) {
		return c.Read(ctx)
	}
	current := reconcile.Current{Lists: []reconcile.ListReceipt{receipt}}
	for i := range groups {
		current.Groups = append(current.Groups, groups[i].Group)
	}
	return current, nil
}

// answered gives the account as the service answered it, or nothing when the
// answer leaves something out: that says neither that it was kept nor that it was
// not.
func answered(sent reconcile.Account, got *user) reconcile.Account {
	if got.ID == "" || got.UserName == "" || got.UserType == "" || got.Active == nil ||
		got.Name.GivenName == "" && sent.GivenName != "" || got.Name.FamilyName == "" && sent.FamilyName != "" {
		return reconcile.Account{}
	}
	return got.account()
}
