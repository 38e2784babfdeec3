package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sources/push"
)

// desk is what the listener talks to: reads go to Tomorro, and what is pushed to
// those who look at single people.
type desk struct {
	pushes *jobs.Pushes
	target *tomorro.Client
	tell   time.Duration // how often the log says how many people wait for another look
}

// notKnown translates what Tomorro does not have.
func notKnown(err error) error {
	if errors.Is(err, reconcile.ErrGone) {
		return &push.Refusal{Kind: push.ErrNotKnown, Reason: "Tomorro has no user or group with this id or name.", Err: err}
	}
	return err
}

// User, FindUser and Users implement push.Users.
func (d *desk) User(ctx context.Context, id string) (reconcile.Account, error) {
	a, err := d.target.ReadAccount(ctx, id)
	return a, notKnown(err)
}

func (d *desk) FindUser(ctx context.Context, userName string) (reconcile.Account, error) {
	a, err := d.target.FindAccount(ctx, userName)
	return a, notKnown(err)
}

func (d *desk) Users(ctx context.Context) ([]reconcile.Account, error) {
	current, err := d.target.Read(ctx)
	return current.Accounts, err
}

// Group and Groups implement push.Groups.
func (d *desk) Group(ctx context.Context, id string) (reconcile.Group, error) {
	g, err := d.target.ReadGroup(ctx, id)
	return g, notKnown(err)
}

func (d *desk) Groups(ctx context.Context) ([]reconcile.Group, error) {
	current, err := d.target.ReadGroups(ctx)
	return current.Groups, err
}

// pusher implements push.Pusher, whose User and Group are not those of push.Users
// and push.Groups.
type pusher struct{ desk *desk }

// User implements push.Pusher.
func (p pusher) User(ctx context.Context, said push.UserSaid) (reconcile.Account, error) {
	asked := jobs.Asked{Request: said.Request, What: string(said.Operation), Account: said.ID}
	if said.ID == "" {
		asked.UserName = said.UserName
	}
	switch {
	case said.Operation == push.Delete || said.Operation == push.Suspend:
		asked.Want = jobs.WantOut
	case said.Operation == push.Create || said.Active != nil && *said.Active:
		asked.Want = jobs.WantIn
	}
	if said.Operation == push.Create || said.Operation == push.Replace {
		asked.Agrees = func(person *reconcile.Person) bool { return agrees(&said, person) }
	}
	l := p.desk.pushes.Look(ctx, asked)[0]
	if err := whyNot(&l, ofAccount); err != nil {
		return reconcile.Account{}, err
	}
	if l.Account.ID == "" && said.Operation != push.Delete {
		return reconcile.Account{}, &push.Refusal{Kind: push.ErrHeld, Reason: "OneLogin's API says that this person has no access, so Tomorro has no account to show."}
	}
	return l.Account, nil
}

// agrees reports whether OneLogin's API says of a person what a push says, as far as
// the template of the set-up guide goes: what was not said agrees with everything, but
// OneLogin says nothing of people without the app. Blanks count no more than in titles.
func agrees(said *push.UserSaid, person *reconcile.Person) bool {
	same := func(said string, is ...string) bool {
		return said == "" || slices.ContainsFunc(is, func(x string) bool { return reconcile.FoldTitle(x) == reconcile.FoldTitle(said) })
	}
	return person.Assigned && same(said.UserName, person.Email, person.Username) && same(said.UserType, person.Title) &&
		same(said.GivenName, person.FirstName) && same(said.FamilyName, person.LastName)
}

// Membership implements push.Pusher.
func (p pusher) Membership(ctx context.Context, said push.MembershipSaid) (reconcile.Group, error) {
	added, removed := said.Added, said.Removed
	if said.Whole {
		g, err := p.desk.Group(ctx, said.GroupID)
		if err != nil {
			return g, err
		}
		added = said.All
		removed = slices.DeleteFunc(g.Members, func(id string) bool { return slices.Contains(said.All, id) })
	}
	var asked []jobs.Asked
	for off, ids := range map[bool][]string{false: added, true: removed} {
		for _, id := range ids {
			asked = append(asked, jobs.Asked{Request: said.Request, What: "members", Account: id, Groups: []reconcile.Assertion{{Group: said.GroupID, Off: off}}})
		}
	}
	for _, l := range p.desk.pushes.Look(ctx, asked...) {
		if l.Foreign || errors.Is(l.Err, reconcile.ErrGone) {
			continue // passed over
		}
		if err := whyNot(&l, func(h *reconcile.Held) bool { return h.GroupID == said.GroupID }); err != nil {
			return reconcile.Group{}, err
		}
	}
	if g, known := p.desk.pushes.Group(said.GroupID); known && len(asked) > 0 {
		return g, nil
	}
	return p.desk.Group(ctx, said.GroupID)
}

// Group implements push.Pusher. Groups are renamed in Tomorro only: whoever set
// access by a group's name must see it change there.
func (p pusher) Group(ctx context.Context, said push.GroupSaid) (reconcile.Group, error) {
	var g reconcile.Group
	var err error
	switch said.Operation {
	case push.Create:
		g, err = p.desk.pushes.MakeGroup(ctx, said.Request, said.Name)
	case push.Delete:
		err = p.desk.pushes.DropGroup(ctx, said.Request, said.ID)
	default:
		if g, err = p.desk.Group(ctx, said.ID); err == nil && reconcile.Fold(g.Name) != reconcile.Fold(said.Name) {
			err = fmt.Errorf("%w: group %q is not renamed by a push; rename it in Tomorro, then press Refresh in OneLogin", jobs.ErrNotAllowed, g.Name)
		}
	}
	switch {
	case errors.Is(err, jobs.ErrNotAllowed):
		return g, &push.Refusal{Kind: push.ErrHeld, Reason: err.Error(), Err: err}
	case errors.Is(err, jobs.ErrBusy):
		return g, &push.Refusal{Kind: push.ErrUnavailable, Reason: "This group is being created or deleted at the moment.", After: busyFor, Err: err}
	}
	return g, notKnown(err)
}

// ofAccount tells what concerns the account itself: a group that is held is no
// reason to call a change of title failed.
func ofAccount(h *reconcile.Held) bool { return h.Group == "" }

// busyFor is when to come again while somebody else is at work on a person.
const busyFor = 5 * time.Second

// whyNot says why a look did not end as the push expects; nil when it did.
func whyNot(l *jobs.Looked, concerns func(*reconcile.Held) bool) error {
	refuse := func(kind error, after time.Duration, format string, args ...any) error {
		return &push.Refusal{Kind: kind, Reason: fmt.Sprintf(format, args...), After: after, Err: l.Err}
	}
	const kept = " It is stored, and done without anybody pushing it again."
	_, taken := errors.AsType[*reconcile.ExistsError](l.Err)
	switch {
	case l.Err == nil:
	case errors.Is(l.Err, reconcile.ErrGone):
		return notKnown(l.Err)
	case errors.Is(l.Err, jobs.ErrNotStored):
		return refuse(push.ErrUnavailable, 0, "The synchronisation's memory cannot be reached, so this was not stored; push it again later.")
	case errors.Is(l.Err, jobs.ErrBusy):
		return refuse(push.ErrUnavailable, busyFor, "This person is being synchronised at the moment."+kept)
	case taken:
		return refuse(push.ErrConflict, 0, "Another account at Tomorro has this userName: %v", l.Err)
	case errors.Is(l.Err, jobs.ErrNotDone):
		return refuse(push.ErrUnavailable, 0, "%v. It is tried again without anybody pushing it.", l.Err)
	case errors.Is(l.Err, context.DeadlineExceeded) || errors.Is(l.Err, reconcile.ErrRefused):
		return l.Err // the listener has words for these
	default:
		return refuse(push.ErrUnavailable, 0, "OneLogin's API, Tomorro or the synchronisation's memory does not answer as it should."+kept)
	}
	for i := range l.Held {
		h := &l.Held[i]
		switch {
		case !concerns(h):
		case h.Rule == reconcile.RuleReceipt || h.Rule == reconcile.RuleWitness:
			return refuse(push.ErrUnavailable, 0, "Held until OneLogin's API confirms it: %s.%s", h.Reason, kept)
		default:
			return refuse(push.ErrHeld, 0, "Held: %s. See it with: tomorro-sync holds", h.Reason)
		}
	}
	switch {
	case l.Foreign && l.Late:
		return refuse(push.ErrHeld, 0, "OneLogin's API knows nobody with this account's address, so the account is not touched. If it does within some minutes, this is done without anybody pushing it again; else change it in Tomorro by hand.")
	case l.Foreign:
		return refuse(push.ErrHeld, 0, "OneLogin's API knows nobody with this account's address, so the account is not touched; change it in Tomorro by hand.")
	case l.Late && l.Account.Active:
		return refuse(push.ErrUnavailable, 0, "OneLogin's API still says that this person has access."+kept)
	case l.Late:
		return refuse(push.ErrUnavailable, 0, "OneLogin's API does not say yet that this person has the app and is active."+kept)
	}
	return nil
}
