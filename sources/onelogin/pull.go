package onelogin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// The most items a page may have, as documented for each list.
const (
	rolesLimit    = 650
	assignedLimit = 1000
)

// Pull reads everything a plan needs, all lists at the same time. A list that
// could not be read to its end is in the receipt, with its reason. The error is
// for a pull that gave nothing to work with: credentials refused, no such app,
// not OneLogin at all, not one page of people.
func (c *Client) Pull(ctx context.Context) (reconcile.Directory, error) {
	p := &pull{c: c, d: reconcile.Directory{ReadAt: c.cfg.Now()}}
	if _, err := c.tokens.get(ctx); err != nil {
		return p.d, err
	}
	ctx, p.stop = context.WithCancelCause(ctx)
	defer p.stop(nil)
	w := pool.New().WithErrors()
	for _, part := range []func(context.Context) error{p.app, p.users, p.assigned, p.roles, p.rules} {
		w.Go(func() error { return part(ctx) })
	}
	err := w.Wait()
	if ctx.Err() != nil {
		return p.d, context.Cause(ctx)
	}
	if err != nil {
		return p.d, err
	}
	if err := p.fill(ctx); err != nil {
		return p.d, err
	}
	p.assign(p.newest())
	return p.done(ctx)
}

// The places of pull.receipts.
const (
	ofUsers = iota
	ofAssigned
	ofRoles
	ofRules
)

// pull is one pull under way. Each part writes its own fields only.
type pull struct {
	c        *Client
	d        reconcile.Directory
	receipts [4]reconcile.ListReceipt
	texts    interner
	appNotes []string // why the app could not be read, from app
	dropped  []string // fields that the user list refused
	hasApp   map[reconcile.Key]bool
	silent   bool // Config.OnPage is not told
	// stop, when not nil, ends all parts of a pull that the quota does not allow.
	stop context.CancelCauseFunc
}

func (p *pull) appPath() string { return "/api/2/apps/" + strconv.FormatInt(p.c.cfg.AppID, 10) }

func (p *pull) app(ctx context.Context) error {
	what := fmt.Sprintf("read app %d", p.c.cfg.AppID)
	r, err := p.c.get(ctx, p.appPath(), nil)
	switch {
	case errors.Is(err, reconcile.ErrRefused):
		return err
	case err != nil:
		p.appNotes = append(p.appNotes, fmt.Sprintf("%s: %v", what, err))
		return nil
	case r.StatusCode() == http.StatusNotFound:
		return fmt.Errorf("%s: OneLogin has no such app; check onelogin.app_id, the number in the address of the app's page", what)
	case r.StatusCode() != http.StatusOK:
		p.appNotes = append(p.appNotes, refusal(what, "Read All", r).Error())
		return nil
	}
	app, err := decodeOK(r, decodeApp)
	if err != nil {
		p.appNotes = append(p.appNotes, fmt.Sprintf("%s: %v", what, err))
	}
	p.d.App = app
	return nil
}

func decodeApp(body []byte) (reconcile.App, error) {
	var raw struct {
		ID           number `json:"id"`
		Name         loose  `json:"name"`
		Provisioning struct {
			Enabled bool `json:"enabled"`
		} `json:"provisioning"`
		Parameters map[string]jsontext.Value `json:"parameters"`
	}
	if err := decode(body, &raw); err != nil {
		return reconcile.App{}, err
	}
	var parameter struct {
		Mapping string `json:"user_attribute_mappings"`
		Macro   string `json:"user_attribute_macros"`
	}
	_ = json.Unmarshal(raw.Parameters["scimusername"], &parameter) // shown where it can be read
	app := reconcile.App{ID: int64(raw.ID), Name: string(raw.Name), ProvisioningEnabled: raw.Provisioning.Enabled, UserNameSource: parameter.Mapping}
	if parameter.Mapping == "_macro_" {
		app.UserNameSource = parameter.Macro
	}
	return app, nil
}

var unknownAttribute = regexp.MustCompile(`unknown attribute: (\w+)`)

// users reads everybody.
func (p *pull) users(ctx context.Context) error {
	people, receipt, dropped, err := p.userList(ctx, nil)
	if len(people) == 0 && err == nil {
		receipt.Why = "OneLogin answers with nobody at all, which is never taken for the truth"
	}
	if len(people) == 0 && err != nil {
		return fmt.Errorf("read the users: %w", err)
	}
	p.d.People, p.receipts[ofUsers], p.dropped = people, receipt, dropped
	return nil
}

// userList reads the people whom a filter selects, with the richest list of
// fields that OneLogin accepts; dropped are those it refused.
func (p *pull) userList(ctx context.Context, filter url.Values) (people []reconcile.Person, receipt reconcile.ListReceipt, dropped []string, err error) {
	fields := userFields()
	for {
		query := url.Values{"fields": {strings.Join(fields, ",")}}
		maps.Copy(query, filter)
		l := &list[reconcile.Person]{
			c: p.c, name: reconcile.ListUsers, path: "/api/2/users", query: query, silent: p.silent, few: filter != nil,
			limit: p.c.cfg.PageSize, privilege: "Read Users", decode: p.texts.people, id: func(x *reconcile.Person) int64 { return int64(x.Key) },
			after: func(first head, items int) error { return p.afford(ctx, first, items) },
		}
		people, receipt, err = l.read(ctx)
		m := unknownAttribute.FindStringSubmatch(receipt.Why)
		if m == nil || !slices.Contains(fields, m[1]) || m[1] == "id" {
			return people, receipt, dropped, err
		}
		fields = slices.DeleteFunc(fields, func(f string) bool { return f == m[1] })
		dropped = append(dropped, m[1])
	}
}

func (p *pull) assigned(ctx context.Context) error {
	l := &list[named]{
		c: p.c, name: reconcile.ListAssigned, path: p.appPath() + "/users", limit: assignedLimit,
		privilege: "Read All", decode: decodeNameless, id: (*named).id,
	}
	items, receipt, _ := l.read(ctx)
	p.have(items, receipt)
	return nil
}

// have notes who has the app.
func (p *pull) have(items []named, receipt reconcile.ListReceipt) {
	p.hasApp = make(map[reconcile.Key]bool, len(items))
	for _, x := range items {
		p.hasApp[reconcile.Key(x.ID)] = true
	}
	p.receipts[ofAssigned] = receipt
}

func (p *pull) roles(ctx context.Context) error {
	l := &list[named]{
		c: p.c, name: reconcile.ListRoles, path: "/api/2/roles", limit: rolesLimit,
		privilege: "Read Users", decode: decodeIdentified, id: (*named).id, silent: p.silent,
	}
	items, receipt, _ := l.read(ctx)
	p.d.Roles = make([]reconcile.OneLoginRole, len(items))
	for i, x := range items {
		p.d.Roles[i] = reconcile.OneLoginRole{ID: int64(x.ID), Name: string(x.Name)}
	}
	slices.SortFunc(p.d.Roles, func(a, b reconcile.OneLoginRole) int { return cmp.Compare(a.ID, b.ID) })
	p.receipts[ofRoles] = receipt
	return nil
}

// rules reads the enabled rules. The list is documented to have no pages and no total.
func (p *pull) rules(ctx context.Context) error {
	receipt := reconcile.ListReceipt{List: reconcile.ListRules, Pages: 1, Total: -1}
	r, err := p.c.get(ctx, p.appPath()+"/rules", nil)
	switch {
	case errors.Is(err, reconcile.ErrRefused):
		return err
	case err == nil && r.StatusCode() != http.StatusOK:
		err = refusal("read the app's rules", "Manage All", r)
	case err == nil && headOf(r.Header()).more():
		err = errors.New("read the app's rules: there is more than one page, which is not documented; tell who maintains this program")
	case err == nil:
		p.d.Rules, err = decodeOK(r, decodeRules)
	}
	if err != nil {
		receipt.Pages, receipt.Why = 0, err.Error()
	}
	receipt.Items = len(p.d.Rules)
	p.receipts[ofRules] = receipt
	return nil
}

// newest is the largest id that was read: who has a larger one came later.
func (p *pull) newest() reconcile.Key {
	var newest reconcile.Key
	for i := range p.d.People {
		newest = max(newest, p.d.People[i].Key)
	}
	return newest
}

// assign marks who has the app. Somebody up to an id who has it and is not among
// the people was missed.
func (p *pull) assign(upTo reconcile.Key) {
	found := 0
	for i := range p.d.People {
		x := &p.d.People[i]
		if x.Assigned = p.hasApp[x.Key]; x.Assigned {
			found++
		}
	}
	missed := 0
	for key := range p.hasApp {
		if key <= upTo {
			missed++
		}
	}
	if missed -= found; missed > 0 && p.receipts[ofAssigned].Why == "" && p.receipts[ofUsers].Why == "" {
		p.receipts[ofAssigned].Why = fmt.Sprintf("%d people have the app who are not among the users", missed)
	}
}

// done gives the directory with its receipt.
func (p *pull) done(ctx context.Context) (reconcile.Directory, error) {
	slices.SortFunc(p.d.People, func(a, b reconcile.Person) int { return cmp.Compare(a.Key, b.Key) })
	p.d.Receipt.Lists = p.receipts[:]
	return p.d, ctx.Err()
}
