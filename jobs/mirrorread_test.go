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
