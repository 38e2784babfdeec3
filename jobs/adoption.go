package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/adopt"
)

// Adoption is how far somebody has looked through the accounts that Tomorro had before
// the first run.
type Adoption struct {
	Phase   AdoptionPhase
	Decided map[string]reconcile.AdoptionDecision // by account id
}

// AdoptionPhase says whether an adoption is under way, and who began or ended it when.
type AdoptionPhase struct {
	State string    `json:"state"` // AdoptionOpen, AdoptionDone; empty: there was no need, or no run yet
	By    string    `json:"by,omitempty"`
	At    time.Time `json:"at"`
}

// The states of an adoption; see AdoptionPhase.
const (
	AdoptionOpen = "open" // nobody is removed: see reconcile.Adoption
	AdoptionDone = "done"
)

// Adoptions remembers an Adoption.
type Adoptions interface {
	Adoption(ctx context.Context) (Adoption, error)
	SetAdoption(ctx context.Context, phase AdoptionPhase) error
	// DecideAdoption remembers the decision about an account, and the link that runs go by;
	// the account is no longer linked to d.Former.
	DecideAdoption(ctx context.Context, account string, d reconcile.AdoptionDecision) error
	// UndecideAdoption forgets the decision about an account, if there is one, and links
	// the account to the decision's Former again.
	UndecideAdoption(ctx context.Context, account string) error
}

// begins reports whether an adoption begins with what is seen: nothing is remembered of
// anybody, and Tomorro has accounts that are not marked as ours and are, or may be, those
// of people in OneLogin. Whoever is nobody's is never touched, and needs no looking at.
// It begins as well when Tomorro was made anew, as from a backup: most accounts are then
// known by nothing but the address that they had when it was made.
func (r *Runner) begins(seen *observation) bool {
	first := seen.adoption.Phase.State == "" && len(seen.links) == 0 && len(seen.pulls) == 0
	if r.Adoptions == nil || seen.adoption.Phase.State == AdoptionOpen || len(seen.current.Accounts) == 0 || !first && !seen.mostLost() {
		return false
	}
	rows := adopt.List(adopt.Input{Directory: &seen.directory, Current: &seen.current, Policy: &r.Policy, Links: seen.links, Decided: seen.adoption.Decided})
	if !first {
		return madeAnew(rows, seen.links)
	}
	return slices.ContainsFunc(rows, func(row adopt.Row) bool {
		name := reconcile.Fold(row.UserName)
		ours := name == reconcile.Fold(r.Policy.APIAccount) || name == reconcile.Fold(r.Policy.DefaultSubstitute)
		return row.Active && !ours && slices.Contains([]adopt.Match{adopt.Address, adopt.Folded, adopt.Name, adopt.Unclear}, row.Match)
	})
}

// mostLost reports whether Tomorro has less than half of the accounts that are remembered.
func (o *observation) mostLost() bool {
	there := make(map[string]bool, len(o.current.Accounts))
	for i := range o.current.Accounts {
		there[o.current.Accounts[i].ID] = true
	}
	kept := 0
	for _, account := range o.links {
		if there[account] {
			kept++
		}
	}
	return 2*kept < len(o.links)
}

// madeAnew reports whether more accounts are known by their address only, although
// another one is remembered of the same person, than by mark or link.
func madeAnew(rows []adopt.Row, links map[reconcile.Key]string) bool {
	known, anew := 0, 0
	for i := range rows {
		switch r := &rows[i]; r.Match {
		case adopt.Mark, adopt.Link:
			known++
		case adopt.Address, adopt.Folded:
			if links[r.People[0].Key] != "" {
				anew++
			}
		}
	}
	return anew > known
}

// known is what a policy knows of the adoption.
func (o *observation) known() reconcile.Adoption {
	a := reconcile.Adoption{Open: o.adoption.Phase.State == AdoptionOpen}
	if len(o.adoption.Decided) > 0 {
		a.Foreign, a.Owners = make(map[string]bool), make(map[string]reconcile.Key)
	}
	for account, d := range o.adoption.Decided {
		if d.Key == 0 {
			a.Foreign[account] = true
		} else {
			a.Owners[account] = d.Key
		}
	}
	return a
}

// open remembers that an adoption begins with this run.
func (rec *recorder) open(ctx context.Context, by Trigger, seen *observation) error {
	if !seen.begins {
		return nil
	}
	if err := rec.r.Adoptions.SetAdoption(ctx, seen.adoption.Phase); err != nil {
		return fmt.Errorf("remember that an adoption begins: %w", err)
	}
	return rec.entries(ctx, Entry{Kind: EntryAdopt, Trigger: &by, Note: "open"})
}

// Adopter is what decisions about an adoption need of a store.
type Adopter interface {
	Adoptions
	Journal
}

// Errors of decisions about accounts: see AdoptMatch, AdoptForeign and AdoptForget.
var (
	ErrOwned     = errors.New("the account is known to be somebody's")
	ErrHasOne    = errors.New("has another account")
	ErrUndecided = errors.New("nothing was decided of the account")
)

// AdoptMatch decides that an account, named by address or id, is a person's, named by
// e-mail or OneLogin id: runs take it for theirs from now on. An account of somebody
// whom OneLogin no longer knows can be decided about as well: that may be the same
// person. It fails with ErrUnknown, ErrOwned, or ErrHasOne, also when another account has
// the person's address and is not said to be somebody else's or nobody's.
func AdoptMatch(ctx context.Context, store Adopter, by Trigger, s *Survey, account, person string, now time.Time) error {
	a, err := s.account(account)
	if err != nil {
		return err
	}
	p, err := s.person(person)
	if err != nil {
		return err
	}
	former, err := s.former(a, p.Key)
	if err != nil {
		return err
	}
	for i := range s.Current.Accounts {
		other := &s.Current.Accounts[i]
		theirs := s.has(p.Key, other) || p.Email != "" && reconcile.Fold(other.UserName) == reconcile.Fold(p.Email) && !s.decided(other)
		if theirs && other.ID != a.ID {
			return fmt.Errorf("%s %w: %s", person, ErrHasOne, other.UserName)
		}
	}
	return decideAdoption(ctx, store, by, a.ID, reconcile.AdoptionDecision{Key: p.Key, Former: former, By: by.Who, At: now})
}

// AdoptRecreated decides that the account of a row that adopt.List found for the survey,
// Recreated and of the SameName, is the person's. It looks at nothing else: there may be
// such a row for everybody.
func AdoptRecreated(ctx context.Context, store Adopter, by Trigger, s *Survey, r *adopt.Row, now time.Time) error {
	d := reconcile.AdoptionDecision{Key: r.People[0].Key, By: by.Who, At: now}
	if s.Links[r.Former] == r.Account {
		d.Former = r.Former
	}
	return decideAdoption(ctx, store, by, r.Account, d)
}

// AdoptForeign decides that an account is nobody's in OneLogin: no run takes it for
// somebody's, not even by its address. It fails with ErrUnknown or ErrOwned.
func AdoptForeign(ctx context.Context, store Adopter, by Trigger, s *Survey, account string, now time.Time) error {
	a, err := s.account(account)
	if err == nil {
		err = s.free(a)
	}
	if err != nil {
		return err
	}
	return decideAdoption(ctx, store, by, a.ID, reconcile.AdoptionDecision{By: by.Who, At: now})
}

func decideAdoption(ctx context.Context, store Adopter, by Trigger, account string, d reconcile.AdoptionDecision) error {
	entry := Entry{Kind: EntryAdopt, Time: d.At, Trigger: &by, Target: account, Note: "foreign"}
	if d.Key != 0 {
		entry.Note, entry.Keys = "match", []reconcile.Key{d.Key}
	}
	if _, err := store.Append(ctx, Lease{}, entry); err != nil {
		return err
	}
	return store.DecideAdoption(ctx, account, d)
}

// AdoptForget ends what was decided of an account. It fails with ErrUnknown or
// ErrUndecided.
func AdoptForget(ctx context.Context, store Adopter, by Trigger, s *Survey, account string, now time.Time) error {
	a, err := s.account(account)
	if err != nil {
		return err
	}
	if _, decided := s.Adoption.Decided[a.ID]; !decided {
		return fmt.Errorf("%w %s", ErrUndecided, a.UserName)
	}
	if _, err := store.Append(ctx, Lease{}, Entry{Kind: EntryAdopt, Time: now, Trigger: &by, Target: a.ID, Note: "forget"}); err != nil {
		return err
	}
	return store.UndecideAdoption(ctx, a.ID)
}

// AdoptDone ends the adoption: runs remove and rename from now on, and who is known by
// name only gets an account of their own.
func AdoptDone(ctx context.Context, store Adopter, by Trigger, now time.Time) error {
	if _, err := store.Append(ctx, Lease{}, Entry{Kind: EntryAdopt, Time: now, Trigger: &by, Note: AdoptionDone}); err != nil {
		return err
	}
	return store.SetAdoption(ctx, AdoptionPhase{State: AdoptionDone, By: by.Who, At: now})
}

// account finds an account by address or id.
func (s *Survey) account(name string) (*reconcile.Account, error) {
	var found []*reconcile.Account
	for i := range s.Current.Accounts {
		if a := &s.Current.Accounts[i]; a.ID == name || reconcile.Fold(a.UserName) == reconcile.Fold(name) {
			found = append(found, a)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("%w %s", ErrUnknown, name)
	case len(found) > 1:
		return nil, fmt.Errorf("%d accounts have the address %s; name one by its id", len(found), name)
	}
	return found[0], nil
}

// person finds a person by e-mail or OneLogin id.
func (s *Survey) person(name string) (*reconcile.Person, error) {
	var found []*reconcile.Person
	for i := range s.Directory.People {
		if p := &s.Directory.People[i]; p.Key.String() == name || p.Email != "" && reconcile.Fold(p.Email) == reconcile.Fold(name) {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("%w %s", ErrUnknown, name)
	case len(found) > 1:
		return nil, fmt.Errorf("%d people have the e-mail %s in OneLogin; name one by OneLogin id", len(found), name)
	}
	return found[0], nil
}

// free fails with ErrOwned when a mark, a link or an earlier decision says whose the
// account is.
func (s *Survey) free(a *reconcile.Account) error {
	if owners := s.owners(a); len(owners) > 0 {
		return fmt.Errorf("%w: %s is OneLogin user %s's", ErrOwned, a.UserName, owners[0])
	}
	return nil
}

// former gives who is linked to an account and is gone from OneLogin; 0 is nobody. It
// fails with ErrOwned when the account is somebody's whom OneLogin knows, or may know,
// and not now's as well as another's: a run marks what was decided, and a decision that is
// taken back leaves that mark.
func (s *Survey) former(a *reconcile.Account, now reconcile.Key) (linked reconcile.Key, err error) {
	owners := s.owners(a)
	for _, key := range owners {
		if key == now && len(owners) > 1 {
			continue
		}
		known := slices.ContainsFunc(s.Directory.People, func(p reconcile.Person) bool { return p.Key == key })
		if known || !s.Directory.Receipt.Complete() {
			return 0, s.free(a)
		}
		if s.Links[key] == a.ID {
			linked = key
		}
	}
	return linked, nil
}

// has reports whether an account is said to be of a person.
func (s *Survey) has(key reconcile.Key, a *reconcile.Account) bool {
	if d := s.Adoption.Decided[a.ID]; d.Key != 0 {
		return d.Key == key
	}
	marked, ours := reconcile.ParseExternalID(a.ExternalID)
	return ours && marked == key || s.Links[key] == a.ID
}

// decided reports whether it is said whose an account is, or that it is nobody's.
func (s *Survey) decided(a *reconcile.Account) bool {
	_, said := s.Adoption.Decided[a.ID]
	return said || len(s.owners(a)) > 0
}

// owners are who an account is said to be of: by what somebody decided, else by its mark
// and by links.
func (s *Survey) owners(a *reconcile.Account) []reconcile.Key {
	if d := s.Adoption.Decided[a.ID]; d.Key != 0 {
		return []reconcile.Key{d.Key}
	}
	var owners []reconcile.Key
	if key, marked := reconcile.ParseExternalID(a.ExternalID); marked {
		owners = append(owners, key)
	}
	for person, account := range s.Links {
		if account == a.ID && !slices.Contains(owners, person) {
			owners = append(owners, person)
		}
	}
	slices.Sort(owners)
	return owners
}
