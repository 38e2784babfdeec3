package onelogin

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// standing keeps the roles and the app's rules, which change rarely, for as long
// as Config.LookFresh. One read serves all who ask meanwhile.
type standing struct {
	c *Client

	mu    sync.Mutex
	kept  *rulebook // complete; nil when none was read
	under *reading  // nil when none is under way
}

// rulebook is what one read gave.
type rulebook struct {
	roles    []reconcile.OneLoginRole
	rules    []reconcile.Rule
	receipts [2]reconcile.ListReceipt // of the roles and of the rules
	began    time.Time
}

// reading is one read under way. Its results may be read when done is closed.
type reading struct {
	began time.Time
	done  chan struct{}
	book  *rulebook
	err   error
}

// get gives a rulebook that is fresh, or one that was read for the asking and may
// be incomplete, as its receipts say. Nobody may change it.
func (s *standing) get(ctx context.Context) (*rulebook, error) {
	s.mu.Lock()
	now := s.c.cfg.Now()
	if s.kept != nil {
		if age := now.Sub(s.kept.began); age >= 0 && age < s.c.cfg.LookFresh {
			defer s.mu.Unlock()
			return s.kept, nil
		}
	}
	r := s.under
	if r == nil || now.Sub(r.began) >= s.c.cfg.LookFresh { // a part of it may be as old
		r = &reading{began: now, done: make(chan struct{})}
		s.under = r
		// Who asked first may give up; the others still wait, and the next one gains. Each
		// request ends by itself, and what OneLogin has it wait for is no request yet.
		go s.read(context.WithoutCancel(ctx), r)
	}
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.book, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// read makes one read and keeps it if it is complete.
func (s *standing) read(ctx context.Context, r *reading) {
	p := &pull{c: s.c, silent: true}
	w := pool.New().WithErrors()
	w.Go(func() error { return p.roles(ctx) })
	w.Go(func() error { return p.rules(ctx) })
	r.err = w.Wait()
	r.book = &rulebook{roles: p.d.Roles, rules: p.d.Rules, receipts: [2]reconcile.ListReceipt(p.receipts[ofRoles:]), began: r.began}
	incomplete := slices.ContainsFunc(r.book.receipts[:], func(l reconcile.ListReceipt) bool { return l.Why != "" })
	s.mu.Lock()
	if s.under == r {
		s.under = nil
	}
	if r.err == nil && !incomplete {
		s.kept = r.book
	}
	s.mu.Unlock()
	close(r.done)
}
