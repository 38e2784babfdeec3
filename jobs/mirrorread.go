package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// refresh reads what is stale. Single accounts that cannot be read are bad, each with
// its reason: nothing is known of them then.
func (m *mirror) refresh(ctx context.Context, p *Pushes, s *stale) (bad map[string]error, err error) {
	if s.nothing() {
		return nil, nil
	}
	until := time.Now().Add(p.readWait())
	bad, gone, err := m.readStale(ctx, p, s, until)
	if again := m.orphaned(s, gone); err == nil && again.links {
		var more map[string]error
		more, _, err = m.readStale(ctx, p, &again, until)
		maps.Copy(bad, more)
	}
	if err != nil {
		return nil, err
	}
	m.learned(s, bad)
	return bad, nil
}

// orphaned asks for the links of people whose accounts are gone: others, who saw that
// before, may have made or found them another.
func (m *mirror) orphaned(s *stale, gone []string) (again stale) {
	if s.links || len(gone) == 0 {
		return again // the links were read
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range s.touched {
		if slices.Contains(gone, m.links[key]) {
			again.links, again.others = true, append(again.others, key)
		}
	}
	return again
}

// readStale does one round of what refresh does, and says which accounts are gone.
func (m *mirror) readStale(ctx context.Context, p *Pushes, s *stale, until time.Time) (bad map[string]error, gone []string, err error) {
	bad = make(map[string]error)
	var mu sync.Mutex
	read := 0
	if s.links {
		more, err := m.newLinks(ctx, p.Runner)
		if err != nil {
			return nil, nil, err
		}
		s.accounts = append(s.accounts, more...)
		for _, key := range s.others { // known or not, others have written it
			if id := m.of(key).ID; id != "" && !slices.Contains(s.accounts, id) {
				s.accounts = append(s.accounts, id)
			}
		}
	}
	at := p.Runner.now()
	w := pool.New().WithContext(ctx).WithMaxGoroutines(cmp.Or(p.Runner.Concurrency, 8)).WithCancelOnError().WithFirstError()
	if s.groups {
		w.Go(func(ctx context.Context) error {
			current, err := p.Accounts.ReadGroups(ctx)
			if err != nil {
				return fmt.Errorf("reading Tomorro: %w", err)
			}
			m.regroup(current, at, s)
			return nil
		})
	}
	for _, id := range s.accounts {
		w.Go(func(ctx context.Context) error {
			timed, cancel := context.WithDeadline(ctx, until)
			defer cancel()
			_, err := m.readAccount(timed, p, id)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, reconcile.ErrGone):
				gone = append(gone, id)
				fallthrough
			case err == nil:
				read++
				return nil
			case ctx.Err() != nil || errors.Is(err, reconcile.ErrRefused):
				return err
			}
			bad[id] = err
			return nil
		})
	}
	if err := w.Wait(); err != nil {
		return nil, nil, err
	}
	if read > 0 {
		putOff(bad)
	}
	return bad, gone, nil
}

// putOff has those read next who were not in time: those who were have taken all of it, and
// are done first.
func putOff(bad map[string]error) {
	for id, why := range bad {
		if errors.Is(why, context.DeadlineExceeded) {
			bad[id] = fmt.Errorf("%w: %w", ErrBusy, why)
		}
	}
}

// refreshAhead reads the groups before looks have to wait for that, while there are
// looks. When it fails they wait, and say so.
func (m *mirror) refreshAhead(ctx context.Context, p *Pushes) {
	ticker := time.NewTicker(ahead / 6)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if at := p.Runner.now(); m.aging(at) {
			if current, err := p.Accounts.ReadGroups(ctx); err == nil {
				m.regroup(current, at, &stale{})
			}
		}
	}
}

// newLinks reads the links again and names the accounts that are new here.
func (m *mirror) newLinks(ctx context.Context, r *Runner) ([]string, error) {
	links, err := r.Links.Links(ctx)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var more []string
	for _, account := range links {
		if _, known := m.find(account); !known && m.owner[account] == 0 {
			more = append(more, account)
		}
	}
	taken := make(map[string]bool, len(links))
	for _, account := range links {
		taken[account] = true
	}
	for key, account := range m.links { // what a look of ours linked since, but for what somebody gave to another
		if _, had := links[key]; !had && !taken[account] {
			links[key] = account
		}
	}
	m.relink(links)
	return more, nil
}

// readAccount reads one account and keeps it, or forgets it when it is gone.
func (m *mirror) readAccount(ctx context.Context, p *Pushes, id string) (reconcile.Account, error) {
	at := p.Runner.now()
	a, err := p.Accounts.ReadAccount(ctx, id)
	if err != nil && !errors.Is(err, reconcile.ErrGone) {
		return a, fmt.Errorf("reading Tomorro: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.drop(id, at)
		return a, err
	}
	if _, known := m.find(id); !known || !later(m.read, m.rows[id]).After(at) { // else somebody knows better
		m.put(a, at)
	}
	return a, nil
}
