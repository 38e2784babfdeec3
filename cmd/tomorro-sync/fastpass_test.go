package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestFastPassFindsWhatTheNightWould lives through twenty days in each of some companies, under
// knobs that chance sets. During the day people are hired, edited, given and denied
// roles and the app, sign in and leave, while the fast pass is made again and again.
// What the night's plan still has is then nothing but
//
//	what takes something away    the fast pass leaves it to the night
//	what nobody could be told    somebody whose only changes moved no updated_at and had
//	                             no event: roles, app and mappings under some knobs
//	what is of everybody         a rule that was edited, an app that a role was given
//
// And nobody has lost anything before the night.
func TestFastPassFindsWhatTheNightWould(t *testing.T) {
	t.Parallel()
	for company := range uint64(companies) {
		t.Run(fmt.Sprint(company), func(t *testing.T) {
			t.Parallel()
			d := newDays(t, company)
			for day := range 20 {
				d.rules = day > 16 // what was read of rules serves looks for a minute, and these days are shorter
				d.day()
				d.night()
			}
		})
	}
}

// days is a company with a fast pass.
type days struct {
	*office
	conn    *connection
	served  *served
	rnd     *rand.Rand
	knobs   onelogintest.Knobs
	untold  map[int64]bool // who changed and could not be told of
	rules   bool           // rules are edited
	general bool           // something changed that names nobody
	hired   int
}

func newDays(t *testing.T, seed uint64) *days {
	t.Helper()
	d := &days{office: newOffice(t, labOptions{users: 24, groups: 4, seed: seed, plain: true}, `
schedule: {cron: "0 2 29 2 *", missed: skip, delta: 1s, delta_overlap: 0s}
limits: {band: none, deactivate: {max: none, share: none}, remove_member: {max: none, share: none}, remove_from_group: {max: none, share: none}, change_role: {max: none, share: none}, grant_admin: {max: none, share: none}, create: {max: none, share: none}, rename: {max: none, share: none}}
listen: {retry: 100ms}
min_admins: 0
`), rnd: rand.New(rand.NewPCG(seed, 3))}
	for _, p := range d.world.People { // who is held for their own data would stay marked
		p.Title = new([]string{"user", "viewer", "manager", "admin"}[d.rnd.IntN(4)])
	}
	d.lab.onelogin.Turn(func(k *onelogintest.Knobs) {
		k.RolesTouch, k.MappingsTouch, k.AppsTouch = d.rnd.IntN(2) == 0, d.rnd.IntN(2) == 0, d.rnd.IntN(2) == 0
		for _, event := range []int{13, 14, 147, 148, 149, 206} {
			if d.rnd.IntN(4) == 0 {
				k.SilentEvents = append(k.SilentEvents, event)
			}
		}
		d.knobs = *k
	})
	c, err := loadConfig(d.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if d.conn, err = (services{}).open(t.Context(), session{config: c, store: true, serving: true, log: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.conn.close)
	d.conn.desk.pushes.Idle = 5 * time.Millisecond
	d.served = newServed(c, quiet, d.conn)
	d.served.fast.Every = time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.served.serveDesk(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	d.run()
	d.pass() // the first ever
	return d
}

// run makes a run, as the night does.
func (d *days) run() {
	d.t.Helper()
	if _, err := d.conn.runner.Reconcile(d.t.Context(), jobs.Trigger{By: "schedule"}, func(reconcile.Plan) (bool, error) { return true, nil }); err != nil {
		d.t.Fatal(err)
	}
	d.conn.desk.pushes.Forget()
}

// pass makes a fast pass, and waits until whom it marked was looked at.
func (d *days) pass() {
	d.t.Helper()
	time.Sleep(2 * time.Millisecond) // the interval
	if err := d.served.fast.Look(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	eventually(d.t, "nobody is marked", func() bool {
		status, err := d.conn.memory.Status(d.t.Context())
		return err == nil && status.Marks == 0
	})
}

// day lets things happen, and looks now and then.
func (d *days) day() {
	d.t.Helper()
	d.untold = make(map[int64]bool)
	morning := d.actual()
	for range 2 + d.rnd.IntN(4) {
		for range 1 + d.rnd.IntN(4) {
			d.happen()
		}
		d.pass()
	}
	for name, was := range d.missing(morning) {
		d.t.Errorf("before the night %s lost something: %+v", name, was)
	}
}

// missing are those who had more in the morning.
func (d *days) missing(morning map[string]onelogintest.ExpectedAccount) map[string]onelogintest.ExpectedAccount {
	rank := []string{"viewer", "user", "manager", "admin"}
	now := d.actual()
	lost := make(map[string]onelogintest.ExpectedAccount)
	for name, was := range morning {
		is, there := now[name]
		kept := there && slices.Index(rank, is.UserType) >= slices.Index(rank, was.UserType)
		for _, g := range was.Groups {
			kept = kept && slices.Contains(is.Groups, g)
		}
		if !kept {
			lost[name] = was
		}
	}
	return lost
}

// happen lets one thing happen.
func (d *days) happen() {
	p := d.world.People[d.rnd.IntN(len(d.world.People))]
	id, role := p.ID, d.world.Roles[d.rnd.IntN(len(d.world.Roles))].ID
	title := []string{"user", "viewer", "manager", "admin"}[d.rnd.IntN(4)]
	type change = func(*onelogintest.World, *onelogintest.Person)
	edit := func(f func(*onelogintest.Person)) change {
		return func(_ *onelogintest.World, p *onelogintest.Person) { f(p) }
	}
	kind, what := onelogintest.SignedIn, change(nil)
	switch d.rnd.IntN(12) {
	case 0:
		d.hired++
		kind, what = onelogintest.Hired, edit(func(p *onelogintest.Person) {
			p.FirstName, p.LastName, p.Email = "New", fmt.Sprint("Comer ", d.hired), fmt.Sprintf("new.comer.%d@acme.example", d.hired)
			p.Title, p.Assigned, p.RoleIDs = &title, true, []int64{role}
		})
	case 1:
		kind, what = onelogintest.Edited, edit(func(p *onelogintest.Person) { p.LastName += "a" })
	case 2:
		kind, what = onelogintest.Edited, edit(func(p *onelogintest.Person) { p.Title = &title })
	case 3:
		kind, what = onelogintest.TitleMapped, edit(func(p *onelogintest.Person) { p.Title = &title })
	case 4, 5:
		kind = []onelogintest.Happening{onelogintest.RoleGiven, onelogintest.RoleMapped}[d.rnd.IntN(2)]
		what = edit(func(p *onelogintest.Person) {
			if !slices.Contains(p.RoleIDs, role) {
				p.RoleIDs = append(slices.Clone(p.RoleIDs), role)
				slices.Sort(p.RoleIDs)
			}
		})
	case 6:
		kind, what = onelogintest.RoleTaken, edit(func(p *onelogintest.Person) { p.RoleIDs = p.RoleIDs[:max(0, len(p.RoleIDs)-1)] })
	case 7:
		kind, what = onelogintest.AppGiven, edit(func(p *onelogintest.Person) { p.Assigned = true })
	case 8:
		kind, what = onelogintest.AppTaken, edit(func(p *onelogintest.Person) { p.Assigned = false })
	case 9:
		kind, what = onelogintest.Edited, edit(func(p *onelogintest.Person) { p.Status = 3 - min(p.Status, 2) }) // suspended, or back
	case 10:
		if d.rules {
			d.lab.onelogin.Edit(func(w *onelogintest.World) {
				w.Rules[0].Conditions, d.general = []onelogintest.Condition{{Source: "has_role", Operator: "ri", Value: fmt.Sprint(role)}}, true
			})
			return
		}
	case 11:
		if len(d.world.People) > 15 {
			kind = onelogintest.Deleted
		}
	}
	told := d.knobs.Touches(kind) || d.knobs.Tells(kind) && kind != onelogintest.AppTaken && kind != onelogintest.Deleted
	id = d.lab.onelogin.Happen(kind, id, what)
	if told {
		delete(d.untold, id) // all of it is seen
	} else {
		d.untold[id] = true
	}
}

// night looks what the fast pass has left, and then makes the run.
func (d *days) night() {
	d.t.Helper()
	plan, err := d.conn.runner.Plan(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for i := range plan.Changes {
		c := &plan.Changes[i]
		takes := c.Op.Removes() || c.Op == reconcile.OpChangeRole && demoted(c)
		if !takes && !d.untold[int64(c.Key)] && !d.general {
			d.t.Errorf("the fast pass could have known, with %+v: %s of %s, by %s", d.knobs, c.Op, c.Who, c.Cause)
		}
	}
	d.run()
	d.equal()
}

// demoted reports whether a change of role takes something away.
func demoted(c *reconcile.Change) bool {
	rank := []reconcile.UserType{reconcile.Viewer, reconcile.User, reconcile.Manager, reconcile.Admin}
	return slices.Index(rank, c.After.UserType) < slices.Index(rank, c.Before.UserType)
}
