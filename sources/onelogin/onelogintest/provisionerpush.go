package onelogintest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

var errNotEnabled = errors.New("the API status is not Enabled, so that nothing is sent: call Enable")

// edit is a change of the World; it must do the same to a view of it.
type edit func(*World)

// editing edits one person, if they are there.
func (p *Provisioner) editing(person int64, change func(*World, *Person)) edit {
	return func(w *World) {
		if x := w.Find(person); x != nil {
			change(w, x)
			x.UpdatedAt = p.server.Now()
		}
	}
}

// act changes the World and pushes, or the other way round. mappings has the
// rules applied to the person.
func (p *Provisioner) act(ctx context.Context, person int64, mappings bool, change edit) error {
	l := p.login(person)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.knobs.PushFirst {
		p.server.Edit(change)
		return p.settle(ctx, l, p.server.view(person), person, mappings)
	}
	view := p.server.view(person)
	change(view)
	err := p.settle(ctx, l, view, person, mappings)
	p.server.Edit(change)
	return err
}

// each settles everybody. It says how many failed.
func (p *Provisioner) each(ctx context.Context, workers int, mappings bool) error {
	all := p.everybody()
	todo := make(chan int64)
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed int
		first  error
	)
	for range max(1, workers) {
		wg.Go(func() {
			for person := range todo {
				err := p.act(ctx, person, mappings, func(*World) {})
				mu.Lock()
				if err != nil {
					failed, first = failed+1, cmp.Or(first, err)
				}
				mu.Unlock()
			}
		})
	}
	for _, person := range all {
		todo <- person
	}
	close(todo)
	wg.Wait()
	if failed > 0 {
		return fmt.Errorf("%d of %d logins failed, first: %w", failed, len(all), first)
	}
	return nil
}

// everybody are the ids of who has the app, or a login that OneLogin remembers.
func (p *Provisioner) everybody() []int64 {
	ids := make(map[int64]bool)
	p.server.mu.RLock()
	for _, x := range p.server.world.People {
		if p.server.world.HasApp(x) {
			ids[x.ID] = true
		}
	}
	p.server.mu.RUnlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.logins {
		ids[id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// wanted is what the other side should have of somebody.
type wanted struct {
	has      bool // the app
	active   bool
	userName string
	body     string
}

func (p *Provisioner) wanted(view *World, person int64) (wanted, error) {
	x := view.Find(person)
	if x == nil || !view.HasApp(x) {
		return wanted{}, nil
	}
	body, err := p.knobs.render(view, x)
	return wanted{has: true, active: works(x), userName: p.knobs.userName(view, x), body: body}, err
}

// settle pushes what differs, or has it wait for approval.
func (p *Provisioner) settle(ctx context.Context, l *login, view *World, person int64, mappings bool) error {
	if x := view.Find(person); mappings && x != nil {
		l.entitled = maps.Clone(l.byHand)
		for _, name := range ruleGroups(view, x) {
			if _, known := p.groupID(name); known || p.knobs.CreateGroups {
				put(&l.entitled, name)
			}
		}
	}
	want, err := p.wanted(view, person)
	if err == nil && !p.differs(l, want) {
		switch {
		case !want.has:
			l.forget()
		case l.id != "":
			l.state, l.detail = StateProvisioned, ""
		default:
			l.state, l.detail = StateNone, ""
		}
		return nil
	}
	if p.knobs.Approval {
		l.state, l.detail = StatePending, ""
		return nil
	}
	return p.push(ctx, l, view, person)
}

// differs reports whether a request is due.
func (p *Provisioner) differs(l *login, want wanted) bool {
	switch {
	case !want.has:
		return l.id != ""
	case !want.active:
		return l.id != "" && l.active
	}
	return l.id == "" || !l.active || l.body != want.body || !maps.Equal(l.entitled, l.pushed)
}

// push sends what differs and records how it went.
func (p *Provisioner) push(ctx context.Context, l *login, view *World, person int64) error {
	if !p.isEnabled() {
		return errNotEnabled
	}
	want, err := p.wanted(view, person)
	if err == nil {
		err = p.requests(ctx, l, want)
	}
	switch {
	case err != nil:
		l.state, l.detail = StateFailed, err.Error()
		return err
	case !want.has:
		l.forget()
	case l.id == "":
		l.state, l.detail = StateNone, ""
	default:
		l.state, l.detail = StateProvisioned, ""
	}
	return nil
}

// forget ends a login: what it was entitled to goes with it.
func (l *login) forget() {
	l.state, l.detail, l.id, l.body, l.active = StateNone, "", "", "", false
	l.entitled, l.byHand, l.pushed = nil, nil, nil
}

func (p *Provisioner) requests(ctx context.Context, l *login, want wanted) error {
	switch {
	case !want.has:
		return p.deprovision(ctx, l)
	case l.id == "" && !want.active:
		return nil // nobody provisions a suspended person
	case l.id == "":
		if err := p.provision(ctx, l, want); err != nil {
			return err
		}
	case !want.active && l.active:
		if !p.knobs.SuspendSilent {
			if err := p.put(ctx, l, want.body, false, true); err != nil {
				return err
			}
			l.body = want.body
		}
		l.active = false
	case want.active && (!l.active || l.body != want.body):
		if l.active || !p.knobs.SuspendSilent || l.body != want.body {
			if err := p.put(ctx, l, want.body, true, !l.active && !p.knobs.SuspendSilent); err != nil {
				return err
			}
		}
		l.body, l.active = want.body, true
	}
	if !want.active {
		return nil
	}
	return p.memberships(ctx, l)
}

// provision finds the person or creates them.
func (p *Provisioner) provision(ctx context.Context, l *login, want wanted) error {
	var id string
	err := p.send(ctx, http.MethodGet, p.findPath(want.userName), "", func(a answer) (err error) {
		id, err = p.found(a)
		return err
	})
	if err != nil {
		return err
	}
	if id != "" {
		l.id = id
		err = p.put(ctx, l, want.body, true, false)
	} else {
		err = p.send(ctx, http.MethodPost, "/Users", p.knobs.withActive(want.body, true, false), func(a answer) (err error) {
			l.id, err = p.user(a, "")
			return err
		})
	}
	if err == nil {
		l.body, l.active = want.body, true
	}
	return err
}

// put replaces the user. activeChanged says that this is about active.
func (p *Provisioner) put(ctx context.Context, l *login, body string, active, activeChanged bool) error {
	check := func(a answer) error { _, err := p.user(a, l.id); return err }
	path := "/Users/" + url.PathEscape(l.id)
	if !p.knobs.NoGetByID {
		if err := p.send(ctx, http.MethodGet, path, "", check); err != nil {
			return err
		}
	}
	return p.send(ctx, http.MethodPut, path, p.knobs.withActive(body, active, activeChanged), check)
}

// deprovision is what the setting for "deleted, or access is removed" sends.
func (p *Provisioner) deprovision(ctx context.Context, l *login) error {
	switch {
	case l.id == "" || p.knobs.Deprovision == DeprovisionNothing:
		return nil
	case p.knobs.Deprovision == DeprovisionSuspend && !l.active:
		return nil // told already
	case p.knobs.Deprovision == DeprovisionSuspend:
		return p.put(ctx, l, l.body, false, true)
	}
	return p.send(ctx, http.MethodDelete, "/Users/"+url.PathEscape(l.id), "", p.ok)
}

// memberships pushes each group gained and each lost, one user and one group a
// request.
func (p *Provisioner) memberships(ctx context.Context, l *login) error {
	for _, name := range slices.Sorted(maps.Keys(l.entitled)) {
		if l.pushed[name] {
			continue
		}
		if err := p.member(ctx, l, name, true); err != nil {
			return err
		}
		put(&l.pushed, name)
	}
	for _, name := range slices.Sorted(maps.Keys(l.pushed)) {
		if l.entitled[name] {
			continue
		}
		if err := p.member(ctx, l, name, false); err != nil {
			return err
		}
		delete(l.pushed, name)
	}
	return nil
}

// member adds a person to a group or takes them out.
func (p *Provisioner) member(ctx context.Context, l *login, group string, add bool) error {
	if p.knobs.ListGroups {
		if err := p.Refresh(ctx); err != nil {
			return err
		}
	}
	id, known := p.groupID(group)
	switch {
	case !known && !add:
		return nil // the group is gone, and the membership with it
	case !known && !p.knobs.CreateGroups:
		return fmt.Errorf("the app has no group %q any more: press Refresh, then reapply the mappings", group)
	case !known:
		var err error
		if id, err = p.createGroup(ctx, group); err != nil {
			return err
		}
	}
	return p.send(ctx, http.MethodPatch, "/Groups/"+url.PathEscape(id), p.knobs.patch(l.id, add), p.ok)
}

// patch is the body that adds one person to a group or takes them out.
func (k *PushKnobs) patch(user string, add bool) string {
	const head = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	user = escaped(user)
	switch {
	case k.Dialect == DialectD3 && add:
		return `{"schemas":["urn:scim:schemas:core:1.0"],"members":[{"value":"` + user + `","operation":"add"}]}`
	case k.Dialect == DialectD3:
		return `{"members":[{"value":"` + user + `","operation":"delete"}]}`
	case k.Dialect == DialectD2 && !add:
		return head + `{"op":"remove","path":"` + escaped(`members[value eq "`+user+`"]`) + `"}]}`
	case add:
		return head + `{"op":"add","path":"members","value":[{"value":"` + user + `"}]}]}`
	}
	return head + `{"op":"remove","path":"members","value":[{"value":"` + user + `"}]}]}`
}
