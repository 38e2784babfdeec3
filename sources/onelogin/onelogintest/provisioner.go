package onelogintest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// State is the provisioning state of a person's app login, as the app's list of
// users shows it.
type State string

// The states. There is none where there is no login, or nothing was to be sent.
const (
	StateNone        State = ""
	StatePending     State = "pending" // an administrator must approve
	StateProvisioned State = "provisioned"
	StateFailed      State = "failed" // until somebody presses retry
)

// Login is what OneLogin knows of one person's login to the app.
type Login struct {
	State  State
	Detail string   // why it failed
	ID     string   // the user's id at the other side
	Groups []string // pushed on, sorted
	ByHand []string // given by hand, sorted
}

// login is a Login in the making. Its mutex is held for the whole of a push, so
// that one person's requests follow each other.
type login struct {
	mu       sync.Mutex
	state    State
	detail   string
	id       string
	body     string // last pushed, without active
	active   bool   // last told, or taken for granted
	entitled map[string]bool
	byHand   map[string]bool
	pushed   map[string]bool
}

// Provisioner simulates OneLogin as a SCIM client: it pushes what happens to the
// people of a Server's World to a base URL. Its methods are what an administrator
// does. Each makes its edit of the World itself, then pushes (with
// PushKnobs.PushFirst the other way round), so that API and pushes agree, and
// gives the error that it also records in the login. What else of that login
// differs from what was pushed goes with it; other logins stay as they are.
//
// What it sends and wants is taken from OneLogin's developer pages, its published
// sample and test harness, and other vendors' guides. While somebody is suspended
// only that is pushed. It does not take people out of their groups before it
// removes them, and does not say active when it finds somebody already there: both
// are unknown.
type Provisioner struct {
	server      *Server
	base, token string
	knobs       PushKnobs
	client      *http.Client

	mu      sync.Mutex
	enabled bool
	logins  map[int64]*login
	groups  map[string]string // name to id, of the last Refresh
	sent    []Request
	making  sync.Mutex // of groups, one at a time
}

// NewProvisioner makes the provisioner of a server's app. base and token are the
// fields "SCIM Base URL" and "SCIM Bearer Token".
func NewProvisioner(server *Server, base, token string, knobs PushKnobs) *Provisioner {
	base = strings.TrimSuffix(base, "/")
	if knobs.TrailingSlash {
		base += "/"
	}
	return &Provisioner{
		server: server, base: base, token: token, knobs: knobs, logins: make(map[int64]*login), groups: make(map[string]string),
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 128},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a redirect is a failure
		},
	}
}

// Close lets go of idle connections.
func (p *Provisioner) Close() { p.client.CloseIdleConnections() }

// Sent gives the requests so far, in the order of their ends.
func (p *Provisioner) Sent() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// Login gives one person's login. It waits until a push about them is over.
func (p *Provisioner) Login(person int64) Login {
	l := p.login(person)
	l.mu.Lock()
	defer l.mu.Unlock()
	return Login{State: l.state, Detail: l.detail, ID: l.id, Groups: slices.Sorted(maps.Keys(l.pushed)), ByHand: slices.Sorted(maps.Keys(l.byHand))}
}

// Failed gives the people whose login has failed, by id.
func (p *Provisioner) Failed() []int64 {
	return slices.DeleteFunc(p.everybody(), func(id int64) bool { return p.Login(id).State != StateFailed })
}

func (p *Provisioner) login(person int64) *login {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.logins[person]
	if l == nil {
		l = &login{}
		p.logins[person] = l
	}
	return l
}

// Enable presses Enable: the connection is tested by a search for somebody who
// cannot exist. Before that, nothing else is sent.
func (p *Provisioner) Enable(ctx context.Context) error {
	err := p.send(ctx, http.MethodGet, p.findPath("no-such-user-4c1f7e0b@connection.test"), "", func(a answer) error {
		id, err := p.found(a)
		if id != "" {
			return errors.New("somebody was found who cannot exist")
		}
		return err
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enabled = err == nil
	return err
}

// Refresh presses Refresh under Entitlements: the groups' names and ids are read.
func (p *Provisioner) Refresh(ctx context.Context) error {
	if !p.isEnabled() {
		return errNotEnabled
	}
	return p.send(ctx, http.MethodGet, "/Groups", "", func(a answer) error {
		groups, err := p.groupList(a)
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.groups = groups
		return nil
	})
}

// Assign gives somebody the app, and provisions them.
func (p *Provisioner) Assign(ctx context.Context, person int64) error {
	return p.act(ctx, person, true, p.editing(person, func(_ *World, x *Person) { x.Assigned = true }))
}

// Reassign is Assign after Remove. OneLogin has forgotten the first login.
func (p *Provisioner) Reassign(ctx context.Context, person int64) error { return p.Assign(ctx, person) }

// Update changes attributes of somebody, roles included. A nil edit pushes what
// was changed elsewhere.
func (p *Provisioner) Update(ctx context.Context, person int64, edit func(*Person)) error {
	if edit == nil {
		edit = func(*Person) {}
	}
	return p.act(ctx, person, true, p.editing(person, func(_ *World, x *Person) { edit(x) }))
}

// Suspend suspends somebody in OneLogin.
func (p *Provisioner) Suspend(ctx context.Context, person int64) error {
	return p.act(ctx, person, false, p.editing(person, func(_ *World, x *Person) { x.Status = 2 }))
}

// Reactivate ends a suspension.
func (p *Provisioner) Reactivate(ctx context.Context, person int64) error {
	return p.act(ctx, person, true, p.editing(person, func(_ *World, x *Person) { x.Status = 1 }))
}

// Remove takes the app from somebody, and the roles that give it.
func (p *Provisioner) Remove(ctx context.Context, person int64) error {
	return p.act(ctx, person, false, p.editing(person, func(w *World, x *Person) {
		x.Assigned = false
		x.RoleIDs = slices.DeleteFunc(slices.Clone(x.RoleIDs), func(id int64) bool { return slices.Contains(w.App.RoleIDs, id) })
	}))
}

// Delete deletes somebody from OneLogin.
func (p *Provisioner) Delete(ctx context.Context, person int64) error {
	return p.act(ctx, person, false, func(w *World) { w.Remove(person) })
}

// GroupOn gives somebody a group by hand (guide, step 6). Names that no Refresh
// has read cannot be chosen.
func (p *Provisioner) GroupOn(ctx context.Context, person int64, group string) error {
	if _, known := p.groupID(group); !known {
		return fmt.Errorf("the app has no group %q: press Refresh", group)
	}
	return p.byHand(ctx, person, func(l *login) { put(&l.byHand, group); put(&l.entitled, group) })
}

// GroupOff takes a group from somebody by hand. A rule that gives it gives it
// again when the mappings are applied.
func (p *Provisioner) GroupOff(ctx context.Context, person int64, group string) error {
	return p.byHand(ctx, person, func(l *login) { delete(l.byHand, group); delete(l.entitled, group) })
}

func (p *Provisioner) byHand(ctx context.Context, person int64, change func(*login)) error {
	l := p.login(person)
	l.mu.Lock()
	defer l.mu.Unlock()
	view := p.server.view(person)
	if x := view.Find(person); x == nil || !view.HasApp(x) {
		return fmt.Errorf("person %d has no login to the app, so that no group can be set", person)
	}
	change(l)
	return p.settle(ctx, l, view, person, false)
}

// Retry pushes a failed login again.
func (p *Provisioner) Retry(ctx context.Context, person int64) error {
	return p.act(ctx, person, false, func(*World) {})
}

// Reset forgets what was pushed for somebody, and provisions them anew.
func (p *Provisioner) Reset(ctx context.Context, person int64) error {
	l := p.login(person)
	l.mu.Lock()
	l.id, l.body, l.active, l.pushed = "", "", false, nil
	l.mu.Unlock()
	return p.act(ctx, person, true, func(*World) {})
}

// Approve sends what waits for an administrator about one person.
func (p *Provisioner) Approve(ctx context.Context, person int64) error {
	l := p.login(person)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != StatePending {
		return fmt.Errorf("nothing waits for approval: the state is %q", l.state)
	}
	return p.push(ctx, l, p.server.view(person), person)
}

// ReapplyMappings recomputes everybody's groups from the rules, and pushes what
// differs.
func (p *Provisioner) ReapplyMappings(ctx context.Context) error { return p.each(ctx, 1, true) }

// SyncLogins is the bulk action of the same name: it reads the other side's users
// and groups, applies the mappings, and pushes whatever differs or had failed, for
// everybody, with that many workers.
func (p *Provisioner) SyncLogins(ctx context.Context, workers int) error {
	if !p.isEnabled() {
		return errNotEnabled
	}
	if err := p.send(ctx, http.MethodGet, "/Users", "", p.ok); err != nil {
		return err
	}
	if err := p.Refresh(ctx); err != nil {
		return err
	}
	return p.each(ctx, workers, true)
}
