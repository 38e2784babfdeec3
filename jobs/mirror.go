package jobs

import (
	"cmp"
	"context"
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
// (see stale), and so is what is older than fresh and than the look, since somebody may
// edit Tomorro by hand. The rest serves for counts that limits are shares of, for names of
// groups and for who has which address, and is read as a whole every whole.
type mirror struct {
	reading sync.Mutex // one whole read at a time

	mu       sync.Mutex
	current  reconcile.Current
	counts   reconcile.Counts    // of accounts
	names    map[string][]string // folded userName to its accounts
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
	regroups time.Time // groups read before this are of no use
	used     time.Time // when a look last asked how old the groups are
	seen     int64     // the last touch that is in groups
	known    map[string]knowledge
}

// knowledge is what is known of one subject beyond the last whole read: all until a
// position, and what one look of ours wrote.
type knowledge struct {
	position int64
	run      string
	grouped  time.Time // when a look of ours last wrote what shows in groups
}

// What is older than fresh is read before a look decides by it, and the whole after
// whole. Groups in use are read ahead of that, so that no look waits for all of them.
const (
	fresh = 10 * time.Second
	ahead = 3 * time.Second
	whole = 15 * time.Minute
)

// subject names whom a request is about as well as can be told without asking. Whose
// a userName is, OneLogin says: at Tomorro it may still be that of who had it before.
func (m *mirror) subject(account, userName string) string {
	if account == "" {
		return AddressSubject(userName)
	}
	if key, known := m.ownerOf(account); known {
		return key.String()
	}
	return AccountSubject(account)
}

func (m *mirror) ownerOf(account string) (reconcile.Key, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, known := m.owner[account]
	return key, known
}

// named gives who has the account with a userName.
func (m *mirror) named(userName string) (reconcile.Key, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, account := range m.names[reconcile.Fold(userName)] {
		if key, known := m.owner[account]; known {
			return key, true
		}
	}
	return 0, false
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

// ensure reads all of Tomorro, unless the last such read knows the writes up to the
// position since, began after the time after, and is not older than whole.
func (m *mirror) ensure(ctx context.Context, r *Runner, since int64, after time.Time) error {
	m.reading.Lock()
	defer m.reading.Unlock()
	m.mu.Lock()
	good := !m.read.IsZero() && r.now().Sub(m.read) < whole && m.position >= since && m.read.After(after)
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
	groups := groupsOf(current.Groups)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current, m.groups, m.facts, m.read, m.groupsAt, m.position, m.seen = current, groups, facts, at, at, position, position
	m.rows, m.known, m.names = make(map[string]time.Time), make(map[string]knowledge), make(map[string][]string, len(current.Accounts))
	m.marked, m.counts = make(map[reconcile.Key][]string), reconcile.Counts{}
	for i := range current.Accounts {
		m.index(&current.Accounts[i], 1)
	}
	m.relink(links)
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

// forgetBefore makes the next look read everything, unless that was begun since.
func (m *mirror) forgetBefore(since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.read.Before(since) {
		m.read = time.Time{}
	}
}

// groupsBefore reports whether the groups are older than a moment.
func (m *mirror) groupsBefore(since time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.groupsAt.Before(since)
}

// forgetGroups makes the next look read the groups: what is being read already is of
// no use.
func (m *mirror) forgetGroups(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groupsAt, m.regroups = time.Time{}, now
}

// stale is what has to be read again before some people can be decided about.
type stale struct {
	accounts []string
	groups   bool
	links    bool
	others   []reconcile.Key // whom others wrote, who may have found or made them an account
	touched  map[reconcile.Key]Touch
}

func (s *stale) nothing() bool { return len(s.accounts) == 0 && !s.groups && !s.links }

// stale compares what is known with who wrote these people last, for a look that began
// at some time: what was asked for since is not old, however long the answer took.
func (m *mirror) stale(touched map[reconcile.Key]Touch, began, now time.Time) stale {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.outdated(touched, began, now)
}

func (m *mirror) outdated(touched map[reconcile.Key]Touch, began, now time.Time) stale {
	old := func(at time.Time) bool { return now.Sub(at) >= fresh && at.Before(began) }
	m.used = now
	out := stale{groups: old(m.groupsAt), touched: touched}
	for key, t := range touched {
		k, account := m.known[key.String()], m.links[key]
		others := t.Run != "" && t.Run != k.run && t.Position > m.position
		newer := others && t.Position > k.position
		if newer {
			out.others = append(out.others, key)
		}
		_, listed := m.find(account)
		switch {
		case account != "" && !listed && m.rows[account].IsZero(): // gone, or a leaver's, whom lists may leave out
			out.accounts = append(out.accounts, account)
		case newer && account == "":
			out.links = true
		case account != "" && (newer || old(later(m.read, m.rows[account]))):
			out.accounts = append(out.accounts, account)
		}
		out.groups = out.groups || others && t.Position > m.seen
	}
	return out
}

// learned notes, after a refresh, that all about these people is known until the
// touches that it began with.
func (m *mirror) learned(s *stale, bad map[string]error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, t := range s.touched {
		if k := m.known[key.String()]; t.Position > k.position && bad[m.links[key]] == nil {
			k.position = t.Position
			m.known[key.String()] = k
		}
	}
}

// aging reports whether the groups are in use and will be stale soon.
func (m *mirror) aging(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	age := now.Sub(m.groupsAt)
	return age >= fresh-ahead && age < fresh && now.Sub(m.used) < time.Second
}

// regroup takes over groups that were read from a moment on. What our own looks
// wrote since may be missing in them: whose memberships were written then, is not
// known any more.
func (m *mirror) regroup(groups reconcile.Current, at time.Time, s *stale) {
	of := groupsOf(groups.Groups) // while no look has to wait for it
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.groupsAt.Before(at) || at.Before(m.regroups) {
		return // somebody read them after this, or groups came and went
	}
	m.current.Groups, m.groups, m.current.MembersUnknown, m.groupsAt = groups.Groups, of, groups.MembersUnknown, at
	for _, t := range s.touched {
		m.seen = max(m.seen, t.Position)
	}
	maps.DeleteFunc(m.known, func(_ string, k knowledge) bool { return !k.grouped.IsZero() && !k.grouped.Before(at) })
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
