package reconciletest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"tomorro-sync/reconcile"
)

// Fault is what happens to one write.
type Fault int

// The faults a Memory knows.
const (
	Works       Fault = iota
	Refuses           // no effect, an error about this write
	LosesAnswer       // takes effect, and the answer is lost
	LosesWrite        // no effect, and the answer is lost
	Forbids           // no effect, ErrRefused: the run must stop
)

// Memory is a Tomorro in memory: a sink, and a state to read. The zero value
// is empty and works.
type Memory struct {
	// Fail decides about each write; nil means that all work.
	Fail func(reconcile.Write) Fault
	// Ignore, when set, edits each write before it takes effect: what it takes out
	// is confirmed and not kept. before is the account as it was.
	Ignore func(w *reconcile.Write, before reconcile.Account)

	mu       sync.Mutex
	next     int
	accounts map[string]reconcile.Account
	groups   map[string]reconcile.Group
	writes   []reconcile.Write
}

// NewMemory starts with the given state.
func NewMemory(c reconcile.Current) *Memory {
	m := &Memory{accounts: make(map[string]reconcile.Account), groups: make(map[string]reconcile.Group)}
	for _, a := range c.Accounts {
		m.accounts[a.ID] = a
	}
	for _, g := range c.Groups {
		g.Members = slices.Clone(g.Members)
		m.groups[g.ID] = g
	}
	return m
}

// Read gives the state, sorted.
func (m *Memory) Read(context.Context) (reconcile.Current, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := reconcile.Current{Lists: []reconcile.ListReceipt{{List: "accounts", Items: len(m.accounts), Total: len(m.accounts)}}}
	for _, id := range slices.Sorted(maps.Keys(m.accounts)) {
		c.Accounts = append(c.Accounts, m.accounts[id])
	}
	for _, id := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[id]
		g.Members = slices.Sorted(slices.Values(g.Members))
		c.Groups = append(c.Groups, g)
	}
	return c, nil
}

// Writes gives the writes that were sent so far, whatever became of them.
func (m *Memory) Writes() []reconcile.Write {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.writes)
}

// ForgetWrites makes Writes begin anew.
func (m *Memory) ForgetWrites() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes = nil
}

// Write implements reconcile.Sink.
func (m *Memory) Write(_ context.Context, w reconcile.Write) (reconcile.Written, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes = append(m.writes, w)
	fault := Works
	if m.Fail != nil {
		fault = m.Fail(w)
	}
	switch fault {
	case Refuses:
		return reconcile.Written{}, errors.New("refused for a reason of its own")
	case Forbids:
		return reconcile.Written{}, fmt.Errorf("token: %w", reconcile.ErrRefused)
	case LosesWrite:
		return reconcile.Written{}, fmt.Errorf("timeout: %w", reconcile.ErrUncertain)
	}
	if m.Ignore != nil {
		m.Ignore(&w, m.accounts[w.Account.ID])
	}
	written, err := m.apply(w)
	if err == nil && fault == LosesAnswer {
		return reconcile.Written{}, fmt.Errorf("timeout: %w", reconcile.ErrUncertain)
	}
	return written, err
}

func (m *Memory) apply(w reconcile.Write) (reconcile.Written, error) {
	switch w.Op {
	case reconcile.WriteCreateUser:
		return m.createUser(w.Account)
	case reconcile.WriteUpdateUser:
		return m.updateUser(w.Account)
	case reconcile.WriteDeleteUser:
		delete(m.accounts, w.Account.ID)
		for id, g := range m.groups {
			g.Members = slices.DeleteFunc(g.Members, func(x string) bool { return x == w.Account.ID })
			m.groups[id] = g
		}
		return reconcile.Written{ID: w.Account.ID}, nil
	case reconcile.WriteCreateGroup:
		id := m.id("g")
		m.groups[id] = reconcile.Group{ID: id, Name: w.Group, Ours: true}
		return reconcile.Written{ID: id}, nil
	case reconcile.WriteMembers:
		return m.members(w)
	case reconcile.WriteDeleteGroup:
		delete(m.groups, w.GroupID)
		return reconcile.Written{ID: w.GroupID}, nil
	}
	return reconcile.Written{}, fmt.Errorf("unknown write %q", w.Op)
}

// id makes an id that was never used, also not in a Memory this one follows on.
func (m *Memory) id(kind string) string {
	for {
		m.next++
		id := fmt.Sprintf("%s-new-%04d", kind, m.next)
		_, account := m.accounts[id]
		_, group := m.groups[id]
		if !account && !group {
			return id
		}
	}
}

func (m *Memory) named(name string) (reconcile.Account, bool) {
	for _, id := range slices.Sorted(maps.Keys(m.accounts)) {
		if a := m.accounts[id]; reconcile.Fold(a.UserName) == reconcile.Fold(name) {
			return a, true
		}
	}
	return reconcile.Account{}, false
}

func (m *Memory) createUser(a reconcile.Account) (reconcile.Written, error) {
	if existing, ok := m.named(a.UserName); ok {
		return reconcile.Written{}, &reconcile.ExistsError{Account: existing}
	}
	a.ID = m.id("a")
	m.accounts[a.ID] = a
	return reconcile.Written{ID: a.ID, Account: a}, nil
}

func (m *Memory) updateUser(a reconcile.Account) (reconcile.Written, error) {
	had, there := m.accounts[a.ID]
	if !there {
		return reconcile.Written{}, fmt.Errorf("account %s: %w", a.ID, reconcile.ErrGone)
	}
	if other, ok := m.named(a.UserName); ok && other.ID != a.ID && a.UserName != had.UserName { // two that differ in case may be there
		return reconcile.Written{}, fmt.Errorf("the address %s is taken", a.UserName)
	}
	m.accounts[a.ID] = a
	return reconcile.Written{ID: a.ID, Account: a}, nil
}

func (m *Memory) members(w reconcile.Write) (reconcile.Written, error) {
	g, ok := m.groups[w.GroupID]
	if !ok {
		return reconcile.Written{}, fmt.Errorf("group %s: %w", w.GroupID, reconcile.ErrGone)
	}
	set := make(map[string]bool)
	for _, id := range g.Members {
		set[id] = true
	}
	for _, id := range w.Add {
		if _, known := m.accounts[id]; !known {
			err := fmt.Errorf("account %s: %w", id, reconcile.ErrGone)
			if len(w.Add)+len(w.Remove) > 1 {
				err = &reconcile.DivisibleError{Err: err}
			}
			return reconcile.Written{}, err
		}
		set[id] = true
	}
	for _, id := range w.Remove {
		delete(set, id)
	}
	g.Members = slices.Sorted(maps.Keys(set))
	m.groups[g.ID] = g
	return reconcile.Written{ID: g.ID}, nil
}

// Log is a reconcile.Recorder that keeps what it is told.
type Log struct {
	mu       sync.Mutex
	Intents  []reconcile.Write
	Outcomes []reconcile.Outcome
	// Break, when set, may refuse the n-th intent (from 1).
	Break func(n int) error
}

// Intent implements reconcile.Recorder.
func (l *Log) Intent(_ context.Context, w reconcile.Write) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Break != nil {
		if err := l.Break(len(l.Intents) + 1); err != nil {
			return "", err
		}
	}
	l.Intents = append(l.Intents, w)
	return fmt.Sprint(len(l.Intents)), nil
}

// Outcome implements reconcile.Recorder.
func (l *Log) Outcome(_ context.Context, _ string, o reconcile.Outcome) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Outcomes = append(l.Outcomes, o)
	return nil
}

// Testify answers Witness questions from a directory.
func Testify(d *reconcile.Directory, keys []reconcile.Key) []reconcile.Testimony {
	out := make([]reconcile.Testimony, 0, len(keys))
	for _, k := range keys {
		t := reconcile.Testimony{Key: k, Answer: reconcile.WitnessGone}
		if i := slices.IndexFunc(d.People, func(p reconcile.Person) bool { return p.Key == k }); i >= 0 {
			p := d.People[i]
			t.Status, t.Licence = p.Status, p.Licence
			switch {
			case p.Status == 0 || p.Status == 2 || p.Licence != reconcile.Approved:
				t.Answer = reconcile.WitnessInactive
			case !p.Assigned:
				t.Answer = reconcile.WitnessUnassigned
			default:
				t.Answer = reconcile.WitnessPresent
			}
		}
		out = append(out, t)
	}
	return out
}
