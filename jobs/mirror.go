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

// mirror is what one process knows of Tomorro between looks at single people, so
// that a push costs a few requests and not a whole read.
//
// What a look decides by is never older than the take of its person: an account or
// membership that another process or run wrote since it was read here is read again
// (see stale), and so is what is older than fresh, since somebody may edit Tomorro by
// hand. The rest serves for counts that limits are shares of, for names of groups and
// for who has which address, and is read as a whole every whole.
type mirror struct {
	reading sync.Mutex // one whole read at a time

	mu       sync.Mutex
	current  reconcile.Current
	counts   reconcile.Counts  // of accounts
	names    map[string]string // folded userName to account
	links    map[reconcile.Key]string
	owner    map[string]reconcile.Key
	linked   map[string][]reconcile.Key // account to whom it is linked
	marked   map[reconcile.Key][]string // person to the accounts with their mark
	groups   map[string][]string        // account to its groups
	facts    *reconcile.Facts
	read     time.Time // when the whole was; zero for never
	position int64     // where writes stood before that
	rows     map[string]time.Time
	groupsAt time.Time
	seen     int64 // the last touch that is in groups
	known    map[string]knowledge
}

// knowledge is what is known of one subject beyond the last whole read: all until a
// position, and what one look of ours wrote.
type knowledge struct {
	position int64
	run      string
	at       time.Time
}

const (
	fresh = 10 * time.Second
	whole = 15 * time.Minute
)

// subject names whom a request is about as well as can be told without asking.
func (m *mirror) subject(a *Asked) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	account := a.Account
	if account == "" {
		account = m.names[reconcile.Fold(a.UserName)]
	}
	if key, known := m.owner[account]; known && account != "" {
		return key.String()
	}
	if a.Account != "" {
		return AccountSubject(a.Account)
	}
	return AddressSubject(a.UserName)
}

// account gives an account by id.
func (m *mirror) account(id string) (reconcile.Account, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, found := m.find(id); found {
		return m.current.Accounts[i], true
	}
	return reconcile.Account{}, false
}

// of gives a person's account: the linked one, else one that carries their mark.
func (m *mirror) of(key reconcile.Key) reconcile.Account {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, found := m.find(m.links[key]); found {
		return m.current.Accounts[i]
	}
	return reconcile.Account{}
}

// group gives a copy of a group by id.
func (m *mirror) group(id string) (reconcile.Group, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, found := m.findGroup(id)
	if !found {
		return reconcile.Group{}, false
	}
	g := m.current.Groups[i]
	g.Members = slices.Clone(g.Members)
	return g, true
}

func (m *mirror) find(id string) (int, bool) {
	return slices.BinarySearchFunc(m.current.Accounts, id, func(a reconcile.Account, id string) int { return cmp.Compare(a.ID, id) })
}

func (m *mirror) findGroup(id string) (int, bool) {
	return slices.BinarySearchFunc(m.current.Groups, id, func(g reconcile.Group, id string) int { return cmp.Compare(g.ID, id) })
}

// ensure reads everything unless that was done after since and within whole.
func (m *mirror) ensure(ctx context.Context, r *Runner, since int64) error {
	m.reading.Lock()
	defer m.reading.Unlock()
	m.mu.Lock()
	good := !m.read.IsZero() && r.now().Sub(m.read) < whole && m.position >= since
	m.mu.Unlock()
	if good {
		return nil
	}
	at := r.now()
	snapshot, err := r.Ledger.Snapshot(ctx)
	if err != nil {
		return err
	}
	var current reconcile.Current
	var facts *reconcile.Facts
	var links map[reconcile.Key]string
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	p.Go(func(ctx context.Context) (err error) {
		if current, err = r.Target.Read(ctx); err != nil {
			return fmt.Errorf("reading Tomorro: %w", err)
		}
		return nil
	})
	p.Go(func(ctx context.Context) (err error) {
		links, err = r.Links.Links(ctx)
		return err
	})
	p.Go(func(ctx context.Context) error {
		if r.Experience == nil {
			return nil
		}
		known, err := r.Experience.Facts(ctx)
		facts = &known
		return err
	})
	if err := p.Wait(); err != nil {
		return err
	}
	m.replace(current, links, facts, at, snapshot.Position)
	return nil
}

func (m *mirror) replace(current reconcile.Current, links map[reconcile.Key]string, facts *reconcile.Facts, at time.Time, position int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current, m.facts, m.read, m.groupsAt, m.position, m.seen = current, facts, at, at, position, position
	m.rows, m.known, m.names = make(map[string]time.Time), make(map[string]knowledge), make(map[string]string, len(current.Accounts))
	m.marked, m.counts = make(map[reconcile.Key][]string), reconcile.Counts{}
	for i := range current.Accounts {
		m.index(&current.Accounts[i], 1)
	}
	m.relink(links)
	m.indexGroups()
}

// relink takes over who has which account. A mark that the service keeps counts as
// a link does.
func (m *mirror) relink(links map[reconcile.Key]string) {
	m.links, m.owner, m.linked = links, make(map[string]reconcile.Key, len(links)), make(map[string][]reconcile.Key, len(links))
	for key, accounts := range m.marked {
		for _, account := range accounts {
			m.owner[account] = key
		}
	}
	for key, account := range links {
		m.owner[account] = key
		m.linked[account] = append(m.linked[account], key)
	}
}

// link takes over one identity.
func (m *mirror) link(key reconcile.Key, account string) {
	m.unlink(key)
	m.links[key], m.owner[account] = account, key
	m.linked[account] = append(m.linked[account], key)
}

func (m *mirror) unlink(key reconcile.Key) {
	if was, had := m.links[key]; had {
		m.linked[was] = slices.DeleteFunc(m.linked[was], func(k reconcile.Key) bool { return k == key })
		delete(m.links, key)
	}
}

// identities takes over identities that a plan found.
func (m *mirror) identities(links []reconcile.Link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range links {
		m.link(l.Key, l.Account)
	}
}

// forget makes the next look read everything.
func (m *mirror) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = time.Time{}
}

// stale is what has to be read again before some people can be decided about.
type stale struct {
	accounts []string
	groups   bool
	links    bool
	touched  map[reconcile.Key]Touch
}

func (s *stale) nothing() bool { return len(s.accounts) == 0 && !s.groups && !s.links }

// stale compares what is known with who wrote these people last.
func (m *mirror) stale(touched map[reconcile.Key]Touch, now time.Time) stale {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := stale{groups: now.Sub(m.groupsAt) >= fresh, touched: touched}
	for key, t := range touched {
		k, account := m.known[key.String()], m.links[key]
		others := t.Run != "" && t.Run != k.run && t.Position > m.position
		switch {
		case others && t.Position > k.position && account == "":
			out.links = true
		case account != "" && (others && t.Position > k.position || now.Sub(later(m.read, m.rows[account])) >= fresh):
			out.accounts = append(out.accounts, account)
		}
		out.groups = out.groups || others && t.Position > m.seen
	}
	return out
}

// learned notes, after a refresh, that all about these people is known until the
// touches that it began with.
func (m *mirror) learned(s *stale) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, t := range s.touched {
		if k := m.known[key.String()]; t.Position > k.position {
			k.position = t.Position
			m.known[key.String()] = k
		}
	}
}

// regroup takes over groups that were read from a moment on. What our own looks
// wrote since may be missing in them: who was written then is not known any more.
func (m *mirror) regroup(groups reconcile.Current, at time.Time, s *stale) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.groupsAt.Before(at) {
		return // somebody read them after this
	}
	m.current.Groups, m.current.MembersUnknown, m.groupsAt = groups.Groups, groups.MembersUnknown, at
	m.indexGroups()
	for _, t := range s.touched {
		m.seen = max(m.seen, t.Position)
	}
	maps.DeleteFunc(m.known, func(_ string, k knowledge) bool { return k.run != "" && !k.at.Before(at) })
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// refresh reads what is stale.
func (m *mirror) refresh(ctx context.Context, p *Pushes, s *stale) error {
	if s.nothing() {
		return nil
	}
	if s.links {
		more, err := m.newLinks(ctx, p.Runner)
		if err != nil {
			return err
		}
		s.accounts = append(s.accounts, more...)
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
			_, err := m.readAccount(ctx, p, id)
			if errors.Is(err, reconcile.ErrGone) {
				return nil
			}
			return err
		})
	}
	if err := w.Wait(); err != nil {
		return err
	}
	m.learned(s)
	return nil
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
		m.drop(id)
		return a, err
	}
	m.put(a, at)
	return a, nil
}

func (m *mirror) put(a reconcile.Account, at time.Time) {
	i, found := m.find(a.ID)
	if found {
		m.index(&m.current.Accounts[i], -1)
		m.current.Accounts[i] = a
	} else {
		m.current.Accounts = slices.Insert(m.current.Accounts, i, a)
	}
	m.index(&a, 1)
	m.rows[a.ID] = at
	if key, ours := reconcile.ParseExternalID(a.ExternalID); ours && m.owner[a.ID] == 0 {
		m.owner[a.ID] = key
	}
}

func (m *mirror) drop(id string) {
	if i, found := m.find(id); found {
		m.index(&m.current.Accounts[i], -1)
		m.current.Accounts = slices.Delete(m.current.Accounts, i, i+1)
	}
	delete(m.rows, id)
}

// written takes over what a look wrote. Where the effect is not known, what is known
// is made old.
func (m *mirror) written(run string, outcomes []reconcile.Outcome, subjects []string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, subject := range subjects {
		m.known[subject] = knowledge{position: m.known[subject].position, run: run, at: now}
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Result != reconcile.Done {
			m.read, m.groupsAt = m.read.Add(-fresh), time.Time{}
			maps.DeleteFunc(m.rows, func(id string, _ time.Time) bool { return id == o.Write.Account.ID })
			continue
		}
		switch w := &o.Write; w.Op {
		case reconcile.WriteCreateUser, reconcile.WriteUpdateUser:
			a := o.Account
			if a.ID == "" {
				a = w.Account
				a.ID = o.ID
			}
			m.put(a, now)
			if key := w.Changes[0].Key; key != 0 {
				m.link(key, a.ID)
			}
		case reconcile.WriteDeleteUser:
			m.drop(w.Account.ID)
			m.unlink(m.owner[w.Account.ID])
			delete(m.owner, w.Account.ID)
		case reconcile.WriteMembers:
			m.members(o)
		default: // groups come and go
			m.groupsAt = time.Time{}
		}
	}
}

func (m *mirror) members(o *reconcile.Outcome) {
	i, found := m.findGroup(o.Write.GroupID)
	if !found {
		m.groupsAt = time.Time{}
		return
	}
	g := &m.current.Groups[i]
	members := append(slices.Clone(g.Members), o.Write.Add...)
	members = slices.DeleteFunc(members, func(id string) bool {
		return slices.Contains(o.Write.Remove, id) || slices.Contains(o.Missing, id)
	})
	slices.Sort(members)
	g.Members = slices.Compact(members)
	for _, id := range slices.Concat(o.Write.Add, o.Write.Remove) {
		m.groups[id] = slices.DeleteFunc(m.groups[id], func(group string) bool { return group == g.ID })
		if _, in := slices.BinarySearch(g.Members, id); in {
			m.groups[id] = append(m.groups[id], g.ID)
		}
	}
}
