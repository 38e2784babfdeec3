package check

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// tomorro looks at whether Tomorro answers, and what it says of itself.
func (e *evaluation) tomorro() {
	const do = "In Tomorro, Integrations > User Provisioning: copy the SCIM base URL into tomorro.url and the token into tomorro.token"
	reach := Result{ID: "tomorro.reachable", Step: stepTomorro, Status: Pass,
		Found: fmt.Sprintf("%s and %s are read to their end", words.Count(len(e.f.Current.Accounts), "account", "accounts"), words.Count(len(e.f.Current.Groups), "group", "groups"))}
	if e.f.ReadErr != nil {
		reach.Status, reach.Found, reach.Do = Fail, e.f.ReadErr.Error(), do
		if !errors.Is(e.f.ReadErr, reconcile.ErrRefused) {
			reach.Do = "Look at tomorro.url, which is as Tomorro has it under Integrations > User Provisioning, and at the way there from this machine; if Tomorro is slow or busy, run check again when it is not"
		}
	}
	e.add(reach)
	e.token()
	service := Result{ID: "tomorro.service", Step: stepTomorro, Status: Unseen, Found: "what Tomorro's service can do cannot be seen: it offers no ServiceProviderConfig"}
	switch {
	case e.f.ServiceErr != nil && e.f.ReadErr != nil:
		service.Found = subject(service.ID) + ": not looked at, since Tomorro could not be read"
	case e.f.ServiceErr != nil:
		service.Found, service.Do = e.f.ServiceErr.Error(), later("Tomorro")
	case e.f.Service.Offered:
		service.Status, service.Found = Pass, "Tomorro's service says that it has PATCH"
		if e.f.Service.MostResults > 0 {
			service.Found += fmt.Sprintf(", and gives at most %d a page", e.f.Service.MostResults)
		}
		if !e.f.Service.Patch {
			service.Status, service.Found = Warn, "Tomorro's service says that it has no PATCH"
			service.Do = "Set tomorro.update: put and tomorro.member_removal: put, or let check --probe-writes find out what works"
		}
	}
	e.add(service)
	if e.f.ReadErr != nil {
		e.unread("tomorro.memberships", stepTomorro, "Tomorro")
		return
	}
	members := Result{ID: "tomorro.memberships", Step: stepTomorro, Status: Pass, Found: "Tomorro shows who is in its groups"}
	if e.f.Current.MembersUnknown {
		members.Status, members.Found = Fail, "Tomorro shows nowhere who is in its groups, so no membership is changed"
		members.Do = "Ask Tomorro's support for members in GET /Groups"
	}
	e.add(members)
}

// token tells when the token ends, as far as anybody knows.
func (e *evaluation) token() {
	r := Result{ID: "tomorro.token", Step: stepTomorro, Status: Unseen, Found: "whether the token ends cannot be seen",
		Do: "If Tomorro gave it an end, set tomorro.token_expires to that day: serve tells before it comes"}
	ends := e.s.TokenExpires
	if e.f.ReadErr != nil && (ends.IsZero() || ends.After(e.s.Now)) {
		e.unread(r.ID, r.Step, "Tomorro")
		return
	}
	if !ends.IsZero() {
		r.Status, r.Found, r.Do = Pass, "the token is good until "+ends.UTC().Format("2006-01-02 15:04 UTC"), "In Tomorro, Integrations > User Provisioning: make a new token, and put it into tomorro.token"
		switch left := ends.Sub(e.s.Now); {
		case left <= 0:
			r.Status, r.Found = Fail, "the token ended at "+ends.UTC().Format("2006-01-02 15:04 UTC")
		case left < e.s.ExpiresWarn:
			r.Status = Warn
		default:
			r.Do = ""
		}
	}
	e.add(r)
}

// account finds an account by its e-mail.
func (e *evaluation) account(userName string) *reconcile.Account {
	i := slices.IndexFunc(e.f.Current.Accounts, func(a reconcile.Account) bool { return reconcile.Fold(a.UserName) == reconcile.Fold(userName) })
	if i < 0 {
		return nil
	}
	return &e.f.Current.Accounts[i]
}

// substitute looks at who inherits, whose token this is, and the seats.
func (e *evaluation) substitute() {
	if e.f.ReadErr != nil {
		for _, id := range []string{"tomorro.default_substitute", "tomorro.api_account", "tomorro.seats"} {
			e.unread(id, stepSubstitute, "Tomorro")
		}
		return
	}
	e.heir()
	api := Result{ID: "tomorro.api_account", Step: stepTomorro, Status: Pass, Found: "the account whose token this is has access, and is never changed"}
	switch a := e.account(e.s.Policy.APIAccount); {
	case e.s.Policy.APIAccount == "":
		api.Status, api.Found = Unseen, "whose token this is cannot be seen, so that account is not protected"
		api.Do = "Set tomorro.api_account to the e-mail of the admin who made the token"
	case a == nil:
		api.Status, api.Found = Fail, e.s.Policy.APIAccount+" has no account at Tomorro"
		api.Do = "Correct tomorro.api_account"
	case !a.Active:
		api.Status, api.Found = Fail, e.s.Policy.APIAccount+" is inactive at Tomorro: the token may end with it"
		api.Do = "In Tomorro, activate the account, or make a token with another one; then correct tomorro.api_account"
	}
	e.add(api)
	seats := Result{ID: "tomorro.seats", Step: stepTomorro, Status: Unseen, Do: "In Tomorro, look at your plan's licences before many people are added"}
	used := make(map[string]int)
	for _, a := range e.f.Current.Accounts {
		if a.Active {
			used[string(a.UserType)]++
		}
	}
	seats.Found, seats.Items = "how many seats are left cannot be seen; these are in use", byNumber(used)
	if len(used) == 0 {
		seats.Found = "how many seats are left cannot be seen; none is in use"
	}
	e.add(seats)
}

var ranks = []reconcile.UserType{reconcile.Viewer, reconcile.User, reconcile.Manager, reconcile.Admin}

// heir looks at the default substitute, who must have at least the role of whoever
// leaves.
func (e *evaluation) heir() {
	name := e.s.Policy.DefaultSubstitute
	const choose = "In Tomorro, Integrations > User Provisioning > Default substitute: choose an active admin, and name them in tomorro.default_substitute"
	r := Result{ID: "tomorro.default_substitute", Step: stepSubstitute, Status: Pass}
	a := e.account(name)
	strongest, of := -1, ""
	for i := range e.f.Current.Accounts {
		x := &e.f.Current.Accounts[i]
		if rank := slices.Index(ranks, x.UserType); x.Active && rank > strongest {
			strongest, of = rank, string(x.UserType)
		}
	}
	switch {
	case name == "":
		r.Status, r.Found = Warn, "tomorro.default_substitute is not set, so nobody checks who inherits what leavers own; which one Tomorro has cannot be seen"
	case a == nil:
		r.Status, r.Found = Fail, name+", the default substitute, has no account at Tomorro: nobody is removed until it has"
	case !a.Active:
		r.Status, r.Found = Fail, name+", the default substitute, is inactive at Tomorro: nobody is removed until that changes"
	case slices.Index(ranks, a.UserType) < strongest:
		r.Status = Warn
		r.Found = fmt.Sprintf("%s, the default substitute, is only %s: whoever is %s cannot be removed", name, a.UserType, of)
	default:
		r.Found = fmt.Sprintf("%s is active, %s, and can inherit from everybody", name, a.UserType)
	}
	if r.Status != Pass {
		r.Do = choose
	}
	e.add(r)
}

// How far clocks may be apart: tokens and the fast pass go by them.
const (
	skewWarns = 30 * time.Second
	skewFails = 5 * time.Minute
)

// clocks compares our clock with those of both services.
func (e *evaluation) clocks() {
	for _, c := range []struct {
		id, step, whose string
		clock           reconcile.Clock
		err             error
	}{{"onelogin.clock", stepAPI, "OneLogin", e.f.App.Clock, e.f.AppErr}, {"tomorro.clock", stepTomorro, "Tomorro", e.f.Service.Clock, e.f.ServiceErr}} {
		if c.err != nil && !c.clock.Shown {
			e.unread(c.id, c.step, c.whose)
			continue
		}
		r := Result{ID: c.id, Step: c.step, Status: Pass, Found: "this machine's clock agrees with that of " + c.whose}
		switch off := c.clock.Ahead.Abs(); {
		case !c.clock.Shown:
			r.Status, r.Found = Unseen, c.whose+"'s clock cannot be seen"
		case off > skewWarns:
			r.Status, r.Do = Warn, "Let this machine keep its time by NTP"
			r.Found = fmt.Sprintf("this machine's clock and that of %s are %s apart", c.whose, off)
			if off > skewFails {
				r.Status = Fail
			}
		}
		e.add(r)
	}
}
