package jobs

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile"
)

// silent is a Tomorro that answers about one account only.
type silent struct {
	AccountReader
	about string
}

func (s silent) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	if id == s.about {
		return reconcile.Account{ID: id}, nil
	}
	<-ctx.Done()
	return reconcile.Account{}, context.Cause(ctx)
}

// TestReadInTime: of people who come together, those are done who can be read in a part
// of a look, and the others put off. Who comes alone, and is not read, has failed.
func TestReadInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mirrored(time.Now())
		p := &Pushes{Runner: &Runner{Now: time.Now}, Accounts: silent{about: "a"}}
		for _, accounts := range [][]string{{"a", "b"}, {"b"}} {
			ctx, cancel := context.WithTimeout(t.Context(), visitLimit)
			began := time.Now()
			bad, err := m.refresh(ctx, p, &stale{accounts: accounts})
			if err != nil || len(bad) != 1 || errors.Is(bad["b"], ErrBusy) != (len(accounts) > 1) {
				t.Errorf("%v: %v %v", accounts, bad, err)
			}
			if took := time.Since(began); took > visitLimit/2 {
				t.Errorf("%v: no time is left after %s", accounts, took)
			}
			cancel()
		}
	})
}

// moved is a Tomorro without the accounts that are not in it.
type moved struct {
	AccountReader
	accounts map[string]reconcile.Account
}

func (m moved) ReadAccount(_ context.Context, id string) (reconcile.Account, error) {
	if a, there := m.accounts[id]; there {
		return a, nil
	}
	return reconcile.Account{}, reconcile.ErrGone
}

// TestAccountOfWhoseIsGone: whose account is gone may have another by now, which others made
// or found, and which is read then, known here before or not.
func TestAccountOfWhoseIsGone(t *testing.T) {
	at := time.Unix(1000, 0)
	for name, known := range map[string][]reconcile.Account{"made": {{ID: "a"}}, "found": {{ID: "a"}, {ID: "b"}}} {
		for _, touched := range []map[reconcile.Key]Touch{{1: {11, "theirs"}}, {1: {11, "theirs"}, 2: {12, "theirs"}}} {
			m := new(mirror)
			m.replace(reconcile.Current{Accounts: known}, map[reconcile.Key]string{1: "a"}, nil, at, 10)
			p := &Pushes{Runner: &Runner{Now: func() time.Time { return at }}, Accounts: moved{accounts: map[string]reconcile.Account{"b": {ID: "b", Active: true}}}}
			p.Runner.Links = linksOf{&inWay{happens: func() {}, links: map[reconcile.Key]string{1: "b"}}}
			s := m.stale(touched, at, at)
			s.groups = false
			if bad, err := m.refresh(t.Context(), p, &s); err != nil || len(bad) > 0 || !m.of(1).Active {
				t.Errorf("%s, of %d people: %+v, %v %v", name, len(touched), m.of(1), bad, err)
			}
		}
	}
}
