package onelogin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// always are the facts that every person's account depends on.
const always = reconcile.FieldEmail | reconcile.FieldFirstName | reconcile.FieldLastName |
	reconcile.FieldTitle | reconcile.FieldRoles | reconcile.FieldStatus | reconcile.FieldLicence

// fill gets the facts that the user list left out and that are needed, from the
// documented alternatives: the v1 list, and for roles the members of each role.
func (p *pull) fill(ctx context.Context) error {
	p.d.Receipt.Fallbacks = append(p.d.Receipt.Fallbacks, p.appNotes...)
	needed := p.needs()
	if p.missing(needed) == 0 {
		return nil
	}
	if err := p.fromV1(ctx, needed); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.note("the v1 user list could not be read: %v", err)
	}
	if p.missing(reconcile.FieldRoles) != 0 && p.receipts[ofRoles].Why == "" {
		if err := p.rolesOfMembers(ctx); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			p.note("the members of the roles could not be read: %v", err)
		}
	}
	p.noteMissing(needed)
	return nil
}

// needs gives the facts that must be known of everybody: always, and what rules ask for. It
// also notes which fields the user list refused.
func (p *pull) needs() reconcile.Fields {
	if len(p.dropped) > 0 {
		p.note("the user list does not know the fields %s", strings.Join(p.dropped, ", "))
	}
	return always | neededBy(p.d.Rules)
}

func (p *pull) noteMissing(needed reconcile.Fields) {
	if left := p.missing(needed); left != 0 {
		p.note("OneLogin does not give %s; what depends on it is held", strings.Join(fieldNames(left), ", "))
	}
}

func (p *pull) note(format string, args ...any) {
	p.d.Receipt.Fallbacks = append(p.d.Receipt.Fallbacks, fmt.Sprintf(format, args...))
}

// missing gives those of the facts that are unread of at least one person.
func (p *pull) missing(of reconcile.Fields) reconcile.Fields {
	var m reconcile.Fields
	for i := range p.d.People {
		m |= p.d.People[i].Unread & of
	}
	return m
}

// sources are the facts behind rule conditions and mappings.
func sources() map[string]reconcile.Fields {
	return map[string]reconcile.Fields{
		"email": reconcile.FieldEmail, "username": reconcile.FieldUsername, "firstname": reconcile.FieldFirstName, "lastname": reconcile.FieldLastName,
		"title": reconcile.FieldTitle, "department": reconcile.FieldDepartment, "company": reconcile.FieldCompany,
		"group_id": reconcile.FieldGroup, "member_of": reconcile.FieldMemberOf, "last_login": reconcile.FieldLastLogin,
		"status": reconcile.FieldStatus, "has_role": reconcile.FieldRoles, "role": reconcile.FieldRoles, "roles": reconcile.FieldRoles,
	}
}

func neededBy(rules []reconcile.Rule) reconcile.Fields {
	var needed reconcile.Fields
	table := sources()
	need := func(source string) {
		if strings.HasPrefix(source, "custom_attribute_") {
			needed |= reconcile.FieldCustom
		}
		needed |= table[source]
	}
	for _, r := range rules {
		for _, c := range r.Conditions {
			need(c.Source)
		}
		for _, a := range r.Actions {
			if a.Expression != nil {
				for _, v := range a.Values {
					need(v)
				}
			}
		}
	}
	return needed
}

func fieldNames(of reconcile.Fields) []string {
	var names []string
	for name, f := range map[string]reconcile.Fields{
		"email": reconcile.FieldEmail, "username": reconcile.FieldUsername, "firstname": reconcile.FieldFirstName, "lastname": reconcile.FieldLastName,
		"title": reconcile.FieldTitle, "role_ids": reconcile.FieldRoles, "status": reconcile.FieldStatus, "state": reconcile.FieldLicence,
		"group_id": reconcile.FieldGroup, "department": reconcile.FieldDepartment, "company": reconcile.FieldCompany,
		"member_of": reconcile.FieldMemberOf, "last_login": reconcile.FieldLastLogin, "custom_attributes": reconcile.FieldCustom,
	} {
		if of.Has(f) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fromV1 reads GET /api/1/users, which has everything without being asked, and
// takes from it what is missing.
func (p *pull) fromV1(ctx context.Context, needed reconcile.Fields) error {
	index := make(map[reconcile.Key]int, len(p.d.People))
	for i := range p.d.People {
		index[p.d.People[i].Key] = i
	}
	missing := p.missing(needed)
	seen := make(map[string]bool)
	for after := ""; ; {
		people, next, err := p.pageV1(ctx, after)
		if err != nil {
			return err
		}
		for i := range people {
			if j, ok := index[people[i].Key]; ok {
				take(&p.d.People[j], &people[i])
			}
		}
		if next == "" {
			break
		}
		if seen[next] {
			return fmt.Errorf("the v1 user list gives the same cursor again")
		}
		seen[next], after = true, next
	}
	p.note("%s read from the v1 user list, as the v2 list leaves it out", strings.Join(fieldNames(missing), ", "))
	return nil
}

// take gives to p what it lacks and from has.
func take(p, from *reconcile.Person) {
	take := p.Unread &^ from.Unread
	if take.Has(reconcile.FieldEmail) {
		p.Email = from.Email
	}
	if take.Has(reconcile.FieldUsername) {
		p.Username = from.Username
	}
	if take.Has(reconcile.FieldFirstName) {
		p.FirstName = from.FirstName
	}
	if take.Has(reconcile.FieldLastName) {
		p.LastName = from.LastName
	}
	if take.Has(reconcile.FieldTitle) {
		p.Title = from.Title
	}
	if take.Has(reconcile.FieldRoles) {
		p.Roles = from.Roles
	}
	if take.Has(reconcile.FieldStatus) {
		p.Status = from.Status
	}
	if take.Has(reconcile.FieldLicence) {
		p.Licence = from.Licence
	}
	if take.Has(reconcile.FieldGroup) {
		p.GroupID = from.GroupID
	}
	if take.Has(reconcile.FieldDepartment) {
		p.Department = from.Department
	}
	if take.Has(reconcile.FieldCompany) {
		p.Company = from.Company
	}
	if take.Has(reconcile.FieldMemberOf) {
		p.MemberOf = from.MemberOf
	}
	if take.Has(reconcile.FieldLastLogin) {
		p.LastLogin = from.LastLogin
	}
	if take.Has(reconcile.FieldCustom) {
		p.Custom = from.Custom
	}
	p.Unread &^= take
}

func (p *pull) pageV1(ctx context.Context, after string) ([]reconcile.Person, string, error) {
	query := url.Values{}
	if after != "" {
		query.Set("after_cursor", after)
	}
	r, err := p.c.get(ctx, "/api/1/users", query)
	if err != nil {
		return nil, "", err
	}
	if r.StatusCode() != http.StatusOK {
		return nil, "", refusal("read the v1 user list", "Read Users", r)
	}
	var page struct {
		Pagination struct {
			After loose `json:"after_cursor"`
		} `json:"pagination"`
		AfterCursor loose          `json:"afterCursor"`
		Data        jsontext.Value `json:"data"`
	}
	if err := decode(r.Body(), &page); err != nil {
		return nil, "", fmt.Errorf("the v1 user list cannot be read: %w", err)
	}
	people, err := p.texts.people(page.Data)
	if err != nil {
		return nil, "", fmt.Errorf("the v1 user list cannot be read: %w", err)
	}
	next := page.Pagination.After
	if next == "" {
		next = page.AfterCursor
	}
	return people, string(next), nil
}

// rolesOfMembers reads who has each role: one list a role.
func (p *pull) rolesOfMembers(ctx context.Context) error {
	members := make([][]named, len(p.d.Roles))
	w := pool.New().WithMaxGoroutines(p.c.cfg.Concurrency).WithErrors().WithFirstError()
	for i, role := range p.d.Roles {
		w.Go(func() error {
			l := &list[named]{
				c: p.c, name: "members of role " + role.Name, path: fmt.Sprintf("/api/2/roles/%d/users", role.ID), limit: 100,
				privilege: "Read Users", decode: decodeIdentified, id: (*named).id,
			}
			var err error
			members[i], _, err = l.read(ctx)
			return err
		})
	}
	if err := w.Wait(); err != nil {
		return err
	}
	has := make(map[reconcile.Key][]int64)
	for i, role := range p.d.Roles { // in order of the id
		for _, m := range members[i] {
			has[reconcile.Key(m.ID)] = append(has[reconcile.Key(m.ID)], role.ID)
		}
	}
	for i := range p.d.People {
		if x := &p.d.People[i]; x.Unread.Has(reconcile.FieldRoles) {
			x.Roles = has[x.Key]
			x.Unread &^= reconcile.FieldRoles
		}
	}
	p.note("roles read from the members of each role, as the user list leaves them out")
	return nil
}
