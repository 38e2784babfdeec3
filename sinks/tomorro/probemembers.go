package tomorro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	json "github.com/go-json-experiment/json/v1"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// nobody is a member that no service has: taking it out must take out nobody else.
const nobody = "00000000-0000-4000-8000-000000000000"

// removals are the forms of tomorro.member_removal, the best first.
var removals = []struct{ form, tried string }{
	{RemoveByValues, reconcile.ProbeMembersValues}, {RemoveByFilter, reconcile.ProbeMembersFilter},
	{RemoveByScim1, reconcile.ProbeMembersScim1}, {RemoveByPut, reconcile.ProbeMembersPut},
}

// members tries each way to take somebody out of a group.
func (p *probe) members(ctx context.Context) error {
	if why, err := p.makeGroup(ctx); err != nil || why != "" {
		for _, r := range removals {
			p.answer(r.tried, reconcile.AnswerUnknown, why)
		}
		return err
	}
	for _, r := range removals {
		answer, seen, err := p.form(ctx, r.form)
		if err != nil {
			return err
		}
		p.answer(r.tried, answer, seen)
	}
	return nil
}

// makeGroup makes the sandbox group where there is none; why says why it could not.
func (p *probe) makeGroup(ctx context.Context) (why string, err error) {
	if p.group.ID != "" {
		return "", nil
	}
	r, err := p.call(ctx, http.MethodPost, "/Groups", nil, scim.Group{Schemas: []string{scim.SchemaGroup}, DisplayName: p.s.Group, ExternalID: probeMark})
	if err != nil {
		return "", err
	}
	var made group
	if json.Unmarshal(r.body, &made) != nil {
		made = group{}
	}
	if p.unclear(r, made.ID); !r.ok() || made.ID == "" {
		return fmt.Sprintf("the sandbox group could not be made (%s); make one named %q at Tomorro by hand", r.said, p.s.Group), nil
	}
	p.group, p.made = made.group(), true
	p.own[made.ID] = true
	return "", nil
}

// form puts the account into the group, takes out somebody who is not in it, and
// then the account, all in one form. What comes of it is seen in the group.
func (p *probe) form(ctx context.Context, form string) (answer, seen string, err error) {
	in, err := p.member(ctx)
	if err != nil {
		return "", "", err
	}
	if !in {
		r, err := p.change(ctx, form, []string{p.account.ID}, nil)
		if err != nil {
			return "", "", err
		}
		if in, err = p.member(ctx); err != nil || !in {
			return judge(r, reconcile.AnswerIgnored), "adding: " + r.said, err
		}
	}
	if form != RemoveByPut { // which says who stays
		r, err := p.change(ctx, form, nil, []string{nobody})
		if err != nil {
			return "", "", err
		}
		if in, err = p.member(ctx); err != nil || !in {
			return reconcile.AnswerEverybody, "taking out somebody else took out everybody: " + r.said, err
		}
	}
	r, err := p.change(ctx, form, nil, []string{p.account.ID})
	if err != nil {
		return "", "", err
	}
	if in, err = p.member(ctx); err != nil || in {
		return judge(r, reconcile.AnswerIgnored), r.said, err
	}
	return reconcile.AnswerWorks, r.said, nil
}

func judge(r reply, ifTaken string) string {
	if r.ok() {
		return ifTaken
	}
	return reconcile.AnswerRefused
}

// change sends one change of members in one form.
func (p *probe) change(ctx context.Context, form string, add, remove []string) (reply, error) {
	path := "/Groups/" + url.PathEscape(p.group.ID)
	if form == RemoveByPut {
		body := struct {
			scim.Group
			Members []scim.Member `json:"members"` // also when it is empty
		}{scim.Group{Schemas: []string{scim.SchemaGroup}, ID: p.group.ID, DisplayName: p.group.Name}, memberValues(add)}
		if p.made {
			body.ExternalID = probeMark
		}
		return p.call(ctx, http.MethodPut, path, nil, body)
	}
	speaks := &Client{cfg: Config{MemberRemoval: form}}
	return p.call(ctx, http.MethodPatch, path, nil, speaks.memberPatch(add, remove))
}

// member reports whether the account is in the group, wherever the service shows it.
func (p *probe) member(ctx context.Context) (bool, error) {
	r, err := p.call(ctx, http.MethodGet, "/Groups/"+url.PathEscape(p.group.ID), nil, nil)
	if err != nil {
		return false, err
	}
	var g group
	if r.ok() && json.Unmarshal(r.body, &g) == nil && g.Members != nil {
		return slices.Contains(g.group().Members, p.account.ID), nil
	}
	r, err = p.call(ctx, http.MethodGet, "/Users/"+url.PathEscape(p.account.ID), nil, nil)
	if err != nil {
		return false, err
	}
	var u user
	if r.ok() && json.Unmarshal(r.body, &u) == nil {
		return slices.ContainsFunc(u.Groups, func(m scim.Member) bool { return m.Value == p.group.ID }), nil
	}
	return false, nil
}

// pages asks for more than any service gives at once, and for what is past the end.
func (p *probe) pages(ctx context.Context) error {
	total := 0
	for _, size := range []int{1000, 200, 100, 50, 20} {
		got, r, err := p.page(ctx, 1, size)
		if err != nil {
			return err
		}
		if !r.ok() {
			continue // larger than it takes
		}
		n := len(got.Resources)
		if total = n; got.Total != nil {
			total = *got.Total
		}
		a := reconcile.ProfileAnswer{Tried: reconcile.ProbePageCap, Answer: reconcile.AnswerNotSeen, Seen: fmt.Sprintf("%d of %d when asked for %d", n, total, size)}
		capped, err := p.continues(ctx, got, size, total)
		switch {
		case err != nil:
			return err
		case capped:
			a.Answer, a.Number = reconcile.AnswerSeen, n
		case size < 1000:
			a.Answer, a.Number = reconcile.AnswerSeen, size
		}
		p.profile.Answers = append(p.profile.Answers, a)
		break
	}
	got, r, err := p.page(ctx, total+1, 10)
	switch {
	case err != nil:
		return err
	case !r.ok():
		p.answer(reconcile.ProbePastEnd, reconcile.AnswerRefused, r.said)
	case len(got.Resources) > 0:
		p.answer(reconcile.ProbePastEnd, reconcile.AnswerOther, "it answers with accounts again")
	default:
		p.answer(reconcile.ProbePastEnd, reconcile.AnswerWorks, "")
	}
	return nil
}

// continues reports whether a page that is shorter than what was asked for, and than
// the list, was cut: then others follow. A total alone may be wrong.
func (p *probe) continues(ctx context.Context, got page[user], size, total int) (bool, error) {
	n := len(got.Resources)
	if n == 0 || n >= min(size, total) {
		return false, nil
	}
	next, r, err := p.page(ctx, n+1, size)
	if err != nil || !r.ok() || len(next.Resources) == 0 {
		return false, err
	}
	return !slices.ContainsFunc(got.Resources, func(u user) bool { return u.ID == next.Resources[0].ID }), nil
}

func (p *probe) page(ctx context.Context, start, count int) (got page[user], r reply, err error) {
	r, err = p.call(ctx, http.MethodGet, "/Users", url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(count)}}, nil)
	if err == nil && r.ok() && json.Unmarshal(r.body, &got) != nil {
		err = errors.New("read a page of accounts: the answer is not SCIM; check tomorro.url")
	}
	return got, r, err
}

// attributes asks for a page of accounts with the attributes that are compared, and wants
// of each what the whole list says.
func (p *probe) attributes(ctx context.Context) error {
	query := url.Values{"startIndex": {"1"}, "count": {"20"}}
	whole, err := p.call(ctx, http.MethodGet, "/Users", query, nil)
	if err != nil {
		return err
	}
	query.Set("attributes", compared)
	part, err := p.call(ctx, http.MethodGet, "/Users", query, nil)
	if err != nil {
		return err
	}
	var all, some page[user]
	switch {
	case !part.ok():
		p.answer(reconcile.ProbeAttributes, reconcile.AnswerRefused, part.said)
	case json.Unmarshal(whole.body, &all) != nil || json.Unmarshal(part.body, &some) != nil || !slices.EqualFunc(all.Resources, some.Resources, alike):
		p.answer(reconcile.ProbeAttributes, reconcile.AnswerOther, "accounts come otherwise than without it")
	case len(part.body) >= len(whole.body):
		p.answer(reconcile.ProbeAttributes, reconcile.AnswerIgnored, "")
	default:
		p.answer(reconcile.ProbeAttributes, reconcile.AnswerWorks, fmt.Sprintf("%d bytes instead of %d", len(part.body), len(whole.body)))
	}
	return nil
}

// alike compares what is compared of two accounts, and wants it to be said.
func alike(a, b user) bool {
	return a.Active != nil && b.Active != nil && *a.Active == *b.Active && a.UserName != "" &&
		a.ID == b.ID && a.ExternalID == b.ExternalID && a.UserName == b.UserName && a.UserType == b.UserType && a.Name == b.Name
}

// cleanUp takes away what the probe made, and notes what DELETE does.
func (p *probe) cleanUp(ctx context.Context) error {
	var left []error
	if p.lost {
		left = append(left, p.search(ctx))
	}
	if p.group.ID != "" {
		left = append(left, p.leaveGroup(ctx))
	}
	for _, id := range p.extra {
		if r, err := p.call(ctx, http.MethodDelete, "/Users/"+url.PathEscape(id), nil, nil); err != nil || !r.ok() && r.status != http.StatusNotFound {
			left = append(left, errors.Join(err, fmt.Errorf("the second account %s: %s", id, r.said)))
		}
	}
	if p.account.ID != "" {
		left = append(left, p.leaveAccount(ctx))
	}
	return errors.Join(left...)
}

// leaveGroup deletes the group if a probe made it, else it leaves it empty.
func (p *probe) leaveGroup(ctx context.Context) error {
	kept := ""
	if p.made || p.marked(ctx) {
		r, err := p.call(ctx, http.MethodDelete, "/Groups/"+url.PathEscape(p.group.ID), nil, nil)
		if err != nil {
			return err
		}
		is := !r.ok() && r.status != http.StatusNotFound
		if !is { // a service without this route answers 404 as well, and the group is there
			is, err = p.shown(ctx)
		}
		if err != nil || !is {
			return err
		}
		kept = r.said
	}
	if err := p.emptyGroup(ctx); err != nil || kept == "" {
		return err
	}
	return fmt.Errorf("the group %s is still there, empty, and people can choose it: Tomorro answered %s to its deletion", p.group.Name, kept)
}

// shown reports whether the service shows the group, by its id or by its name.
func (p *probe) shown(ctx context.Context) (bool, error) {
	r, err := p.call(ctx, http.MethodGet, "/Groups/"+url.PathEscape(p.group.ID), nil, nil)
	if err != nil {
		return false, err
	}
	var g group
	if r.ok() && json.Unmarshal(r.body, &g) == nil {
		return g.ID == p.group.ID, nil
	}
	r, err = p.call(ctx, http.MethodGet, "/Groups", url.Values{"filter": {"displayName eq " + scim.Quote(p.s.Group)}}, nil)
	if err != nil {
		return false, err
	}
	var groups page[group]
	return r.ok() && json.Unmarshal(r.body, &groups) == nil && slices.ContainsFunc(groups.Resources, func(g group) bool { return g.ID == p.group.ID }), nil
}

// emptyGroup takes the account out of the group, in any form that does.
func (p *probe) emptyGroup(ctx context.Context) error {
	for _, r := range removals {
		in, err := p.member(ctx)
		if err != nil || !in {
			return err
		}
		if _, err := p.change(ctx, r.form, nil, []string{p.account.ID}); err != nil {
			return err
		}
	}
	if in, err := p.member(ctx); err != nil || in {
		return errors.Join(err, fmt.Errorf("the sandbox account is still in the group %s", p.group.Name))
	}
	return nil
}

// marked reports whether a probe made the group.
func (p *probe) marked(ctx context.Context) bool {
	r, err := p.call(ctx, http.MethodGet, "/Groups/"+url.PathEscape(p.group.ID), nil, nil)
	var g group
	return err == nil && r.ok() && json.Unmarshal(r.body, &g) == nil && g.ExternalID == probeMark
}

func (p *probe) leaveAccount(ctx context.Context) error {
	there, err := p.look(ctx)
	if err != nil || there.ID == "" {
		return err
	}
	r, err := p.call(ctx, http.MethodDelete, "/Users/"+url.PathEscape(p.account.ID), nil, nil)
	if err != nil {
		return err
	}
	after, err := p.look(ctx)
	switch {
	case err != nil:
		return err
	case after.ID == "": // also if the answer to the first try was lost, and the second says 404
		p.answer(reconcile.ProbeDelete, reconcile.AnswerWorks, r.said)
	case !r.ok():
		p.answer(reconcile.ProbeDelete, reconcile.AnswerRefused, r.said)
		return fmt.Errorf("the sandbox account is still there: %s", r.said)
	case after.Active:
		p.answer(reconcile.ProbeDelete, reconcile.AnswerIgnored, r.said)
		return errors.New("the sandbox account is still there and active")
	default:
		p.answer(reconcile.ProbeDelete, reconcile.AnswerOther, r.said+"; the account is there and inactive")
	}
	return nil
}

// conclude gives the settings that follow from the answers.
func (p *probe) conclude() {
	works := func(tried string) bool { return p.profile.Answer(tried).Answer == reconcile.AnswerWorks }
	switch {
	case works(reconcile.ProbeContentJSON):
		p.profile.ContentType = "application/json"
	case works(reconcile.ProbeContentSCIM):
		p.profile.ContentType = scim.MediaType
	}
	switch {
	case works(reconcile.ProbePut):
		p.profile.Update = UpdateByPut
	case works(reconcile.ProbePatch):
		p.profile.Update = UpdateByPatch
	}
	for _, r := range removals {
		if p.profile.MemberRemoval == "" && works(r.tried) {
			p.profile.MemberRemoval = r.form
		}
	}
	if a := p.profile.Answer(reconcile.ProbePageCap); a.Answer == reconcile.AnswerSeen {
		p.profile.PageSize = a.Number
	}
	if a := p.profile.Answer(reconcile.ProbeBulk); a.Answer == reconcile.AnswerWorks {
		p.profile.Bulk, p.profile.BulkBytes = a.Number, p.bulkBytes
	}
	p.profile.Attributes = works(reconcile.ProbeAttributes)
}
