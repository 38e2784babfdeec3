package jobs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile"
)

// inWay is a Tomorro, and a memory, that is slow: something happens before its answer.
type inWay struct {
	AccountReader
	mu      sync.Mutex // reads come side by side
	happens func()
	account reconcile.Account
	links   map[reconcile.Key]string
}

func (w *inWay) come() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.happens()
}

func (w *inWay) ReadAccount(context.Context, string) (reconcile.Account, error) {
	w.come()
	return w.account, nil
}

func (w *inWay) ReadGroups(context.Context) (reconcile.Current, error) {
	w.come()
	return reconcile.Current{Groups: []reconcile.Group{{ID: "g", Members: []string{"a"}}}}, nil
}

func mirrored(now time.Time) *mirror {
	m := new(mirror)
	m.replace(reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: "a@x.io", UserType: reconcile.User, Active: true}}, Groups: []reconcile.Group{{ID: "g"}}},
		map[reconcile.Key]string{1: "a"}, nil, now, 10)
	return m
}

// TestLateAnswers: an answer that was long on its way does not hide what a look of
// ours wrote meanwhile.
func TestLateAnswers(t *testing.T) {
	began := time.Unix(1000, 0)
	now := began
	m := mirrored(began.Add(-time.Second))
	w := &inWay{account: reconcile.Account{ID: "a", UserName: "old@x.io"}, links: map[reconcile.Key]string{1: "a"}}
	var mu sync.Mutex // answers come side by side
	p := &Pushes{Runner: &Runner{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}, Accounts: w}
	p.Runner.Links = linksOf{w}
	tick := func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(time.Second); return now }
	wrote := func(write reconcile.Write) {
		at := tick()
		m.written("ours", []reconcile.Outcome{{Write: write, Result: reconcile.Done, ID: "b", Account: write.Account}}, []string{"1"}, at)
	}
	w.happens = func() {
		wrote(reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: "a", UserName: "new@x.io"}, Changes: []reconcile.Change{{Key: 1}}})
	}
	if _, err := m.readAccount(t.Context(), p, "a"); err != nil || m.of(1).UserName != "new@x.io" {
		t.Errorf("a late account hides a write: %+v %v", m.of(1), err)
	}
	w.happens = func() {
		wrote(reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{ID: "b", UserName: "b@x.io"}, Changes: []reconcile.Change{{Key: 2}}})
	}
	if _, err := m.newLinks(t.Context(), p.Runner); err != nil || m.of(2).ID != "b" {
		t.Errorf("late links hide a write: %+v %v", m.of(2), err)
	}
	w.happens = func() {
		wrote(reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Add: []string{"a"}, Changes: []reconcile.Change{{Key: 1}}})
	}
	s := stale{groups: true, touched: map[reconcile.Key]Touch{2: {Position: 20, Run: "theirs"}}}
	if _, err := m.refresh(t.Context(), p, &s); err != nil {
		t.Fatal(err)
	}
	if s := m.stale(map[reconcile.Key]Touch{1: {Position: 30, Run: "ours"}}, now, now); !s.groups {
		t.Error("late groups hide a write, and are not read again")
	}
	w.happens = func() { tick() }
	again := m.stale(map[reconcile.Key]Touch{1: {Position: 30, Run: "ours"}}, now, now)
	if _, err := m.refresh(t.Context(), p, &again); err != nil {
		t.Fatal(err)
	}
	if s := m.stale(map[reconcile.Key]Touch{1: {Position: 30, Run: "ours"}}, now, now); !s.nothing() {
		t.Errorf("still %+v", s)
	}
}

type linksOf struct{ *inWay }

func (l linksOf) Links(context.Context) (map[reconcile.Key]string, error) {
	l.come()
	return l.links, nil
}

func (l linksOf) Link(context.Context, Lease, []reconcile.Link) error { return nil }

// TestStale: what has to be read again before somebody is decided about.
func TestStale(t *testing.T) {
	at := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		touch                  Touch
		key                    reconcile.Key
		later                  time.Duration
		account, groups, links bool
	}{
		"nobody wrote":                 {Touch{}, 1, 0, false, false, false},
		"nobody wrote, long ago":       {Touch{}, 1, fresh, true, true, false},
		"almost":                       {Touch{}, 1, fresh - 1, false, false, false},
		"before it was read":           {Touch{10, "theirs"}, 1, 0, false, false, false},
		"since":                        {Touch{11, "theirs"}, 1, 0, true, true, false},
		"by us":                        {Touch{11, "ours"}, 3, 0, false, false, false},
		"by others after us":           {Touch{12, "theirs"}, 3, 0, false, true, true},
		"somebody without an account":  {Touch{11, "theirs"}, 2, 0, false, true, true},
		"nor anything written of them": {Touch{}, 2, 0, false, false, false},
	} {
		m := mirrored(at)
		m.written("ours", nil, []string{"3"}, at)
		s := m.stale(map[reconcile.Key]Touch{c.key: c.touch}, at.Add(c.later), at.Add(c.later))
		if (len(s.accounts) > 0) != c.account || s.groups != c.groups || s.links != c.links {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestPartIsNotStale: a whole read that began before somebody else wrote does not get
// between the check and the plan.
func TestPartIsNotStale(t *testing.T) {
	at := time.Unix(1000, 0)
	v := &visit{began: at, touched: map[reconcile.Key]Touch{1: {11, "theirs"}}}
	m := mirrored(at)
	if s, rest := m.part(v, []reconcile.Key{1}, at, ""); s.nothing() || rest != nil {
		t.Errorf("%+v", s)
	}
	m.learned(&stale{touched: v.touched}, nil)
	m.seen = 11
	if s, rest := m.part(v, []reconcile.Key{1}, at, ""); !s.nothing() || rest == nil || len(v.seen.current.Accounts) != 1 {
		t.Errorf("%+v", s)
	}
	m.replace(m.current, m.links, nil, at, 10)
	if s, _ := m.part(v, []reconcile.Key{1}, at, ""); s.nothing() {
		t.Error("what was read before is taken for new")
	}
}

// TestGroupsReadAhead: groups in use are read again before a look has to wait for that,
// and a look needs them once more only when its memberships were written meanwhile.
func TestGroupsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mirrored(time.Now())
		reads, role := 0, reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: "a"}, Changes: []reconcile.Change{{Key: 1, Op: reconcile.OpChangeRole}}}
		wrote := func() {
			m.written("ours", []reconcile.Outcome{{Write: role, Result: reconcile.Done, Account: role.Account}}, []string{"1"}, time.Now())
		}
		w := &inWay{happens: func() {
			reads++
			time.Sleep(time.Second)
			wrote()
		}}
		wrote()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.refreshAhead(ctx, &Pushes{Runner: &Runner{Now: time.Now}, Accounts: w})
		for range 300 {
			time.Sleep(100 * time.Millisecond)
			if s := m.stale(map[reconcile.Key]Touch{1: {Position: 30, Run: "ours"}}, time.Now(), time.Now()); s.groups {
				t.Fatal("a look waits for the groups")
			}
		}
		if reads < 3 || reads > 4 {
			t.Errorf("the groups were read %d times in 30 s", reads)
		}
		time.Sleep(time.Hour)
		if reads > 5 {
			t.Errorf("the groups were read %d times while nobody asked", reads)
		}
	})
}

// TestGroupsCameMeanwhile: a read that began before a group was made does not hide it.
func TestGroupsCameMeanwhile(t *testing.T) {
	at := time.Unix(1000, 0)
	m := mirrored(at)
	made := reconcile.Outcome{Write: reconcile.Write{Op: reconcile.WriteCreateGroup, Changes: []reconcile.Change{{Op: reconcile.OpCreateGroup}}}, Result: reconcile.Done}
	m.written("ours", []reconcile.Outcome{made}, nil, at.Add(2*time.Second))
	m.regroup(reconcile.Current{}, at.Add(time.Second), &stale{})
	if s := m.stale(nil, at.Add(3*time.Second), at.Add(3*time.Second)); !s.groups {
		t.Error("groups read before one was made are taken for all")
	}
	m.regroup(reconcile.Current{}, at.Add(3*time.Second), &stale{})
	if s := m.stale(nil, at.Add(3*time.Second), at.Add(3*time.Second)); s.groups {
		t.Error("groups read since are not taken")
	}
}

// slowly is a Tomorro that takes its time for each answer.
type slowly struct {
	AccountReader
	account, groups time.Duration
}

func (s slowly) ReadAccount(_ context.Context, id string) (reconcile.Account, error) {
	time.Sleep(s.account)
	return reconcile.Account{ID: id, UserName: id + "@x.io", UserType: reconcile.User, Active: true}, nil
}

func (s slowly) ReadGroups(context.Context) (reconcile.Current, error) {
	time.Sleep(s.groups)
	return reconcile.Current{Groups: []reconcile.Group{{ID: "g"}}}, nil
}

// TestSlowTomorro: what a look asks for is new to it, also when the answers take longer
// than that is new to the next look.
func TestSlowTomorro(t *testing.T) {
	for name, s := range map[string]slowly{"many accounts": {account: 2 * time.Second}, "all groups": {groups: fresh + time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &Pushes{Runner: &Runner{Concurrency: 8}, Accounts: s}
				links, touched := make(map[reconcile.Key]string), make(map[reconcile.Key]Touch)
				var c reconcile.Current
				for k := range reconcile.Key(atOnce) {
					links[k+1], touched[k+1] = k.String(), Touch{}
					c.Accounts = append(c.Accounts, reconcile.Account{ID: k.String()})
				}
				slices.SortFunc(c.Accounts, func(a, b reconcile.Account) int { return strings.Compare(a.ID, b.ID) })
				p.mirror.replace(c, links, nil, time.Now(), 10)
				for range 2 { // looks, the second of which finds that old which the first has read
					time.Sleep(fresh)
					v := &visit{p: p, began: time.Now(), touched: touched}
					stale := p.mirror.stale(touched, v.began, time.Now())
					if err := v.refresh(t.Context(), &stale); err != nil {
						t.Fatal(err)
					}
					asked := time.Now()
					if _, rest, err := v.part(t.Context()); err != nil || rest.Counts.Active != atOnce || time.Since(asked) > 0 {
						t.Errorf("after %s: %+v %v", time.Since(v.began), rest, err)
					}
				}
			})
		})
	}
}
