package tomorro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	json "github.com/go-json-experiment/json/v1"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

func sayAnswer(status int, body []byte) string {
	text := fmt.Sprint(status)
	if e, ok := scim.ParseError(body); ok && e.String() != "" && status >= 300 {
		text += ": " + e.String()
	}
	return text
}

// image is the sandbox account as the probe wants it.
func (p *probe) image() reconcile.Account {
	return reconcile.Account{ID: p.account.ID, UserName: p.s.Account, GivenName: probeGiven, FamilyName: probeFamily, UserType: reconcile.User, Active: true, ExternalID: probeMark}
}

// body is an account as it is sent.
func (p *probe) body(a reconcile.Account) scim.User {
	u := p.c.resource(a)
	u.ExternalID = a.ExternalID
	return u
}

// create makes the sandbox account, in the media type that the service takes.
func (p *probe) create(ctx context.Context) error {
	for _, kind := range []string{"application/json", scim.MediaType} {
		ok, err := p.createAs(ctx, kind)
		if err != nil {
			return err
		}
		if ok {
			break
		}
	}
	if p.account.ID == "" {
		return fmt.Errorf("the sandbox account %s could not be made: Tomorro answered %s; make room for it (a seat), or name another with --probe-account",
			p.s.Account, p.profile.Answer(reconcile.ProbeCreate).Seen)
	}
	got, err := p.look(ctx)
	if err != nil || got.ID == "" {
		return errors.Join(err, errNotThere)
	}
	answer := reconcile.AnswerWorks
	if got.ExternalID != probeMark {
		answer = reconcile.AnswerIgnored
	}
	p.answer(reconcile.ProbeExternalID, answer, "")
	return nil
}

var errNotThere = errors.New("the sandbox account is not there after it was made")

// createAs makes the account, or brings one that a former probe left into shape. It
// reports whether the media type is settled.
func (p *probe) createAs(ctx context.Context, kind string) (settled bool, err error) {
	p.contentType = kind
	method, path := http.MethodPost, "/Users"
	if p.account.ID != "" {
		method, path = http.MethodPut, "/Users/"+url.PathEscape(p.account.ID)
	}
	tried := map[string]string{"application/json": reconcile.ProbeContentJSON, scim.MediaType: reconcile.ProbeContentSCIM}[kind]
	r, err := p.call(ctx, method, path, nil, p.body(p.image()))
	if err != nil {
		return false, err
	}
	if r.status == http.StatusUnsupportedMediaType {
		p.answer(tried, reconcile.AnswerRefused, r.said)
		return false, nil
	}
	p.answer(tried, reconcile.AnswerWorks, r.said)
	if method == http.MethodPut {
		p.answer(reconcile.ProbeCreate, reconcile.AnswerUnknown, "the account was there from an earlier probe")
		return true, nil
	}
	made := madeUser(r)
	if r.ok() && made.ID != "" {
		p.account = p.image()
		p.account.ID = made.ID
		p.own[made.ID] = true
		p.answer(reconcile.ProbeCreate, reconcile.AnswerWorks, r.said)
		return true, nil
	}
	p.unclear(r, made.ID)
	p.answer(reconcile.ProbeCreate, reconcile.AnswerRefused, r.said)
	return true, nil
}

// madeUser reads the answer to a POST; without an id it cannot be read.
func madeUser(r reply) (made user) {
	if json.Unmarshal(r.body, &made) != nil {
		return user{}
	}
	return made
}

// look reads the sandbox account by its id; without an id it is not there.
func (p *probe) look(ctx context.Context) (reconcile.Account, error) {
	r, err := p.call(ctx, http.MethodGet, "/Users/"+url.PathEscape(p.account.ID), nil, nil)
	if err != nil || r.status == http.StatusNotFound {
		return reconcile.Account{}, err
	}
	var u user
	if !r.ok() || json.Unmarshal(r.body, &u) != nil || u.ID != p.account.ID {
		return reconcile.Account{}, fmt.Errorf("read the sandbox account: Tomorro answered %s", r.said)
	}
	return u.account(), nil
}

// duplicate makes the account a second time.
func (p *probe) duplicate(ctx context.Context) error {
	r, err := p.call(ctx, http.MethodPost, "/Users", nil, p.body(p.image()))
	if err != nil {
		return err
	}
	made := madeUser(r)
	switch unclear := p.unclear(r, made.ID); {
	case !r.ok():
		p.answer(reconcile.ProbeDuplicate, reconcile.AnswerRefused, r.said)
	case unclear:
		p.answer(reconcile.ProbeDuplicate, reconcile.AnswerUnknown, "the answer names no account: "+r.said)
	case made.ID == p.account.ID:
		p.answer(reconcile.ProbeDuplicate, reconcile.AnswerExisting, r.said)
	default:
		p.own[made.ID] = true
		p.extra = append(p.extra, made.ID)
		p.answer(reconcile.ProbeDuplicate, reconcile.AnswerSecond, r.said)
	}
	return nil
}

// kept judges one write by what is there afterwards.
func kept(r reply, before, after string, wanted string) string {
	switch {
	case after == wanted && r.ok():
		return reconcile.AnswerWorks
	case !r.ok():
		return reconcile.AnswerRefused
	case after == before:
		return reconcile.AnswerIgnored
	}
	return reconcile.AnswerOther
}

// update tries PUT and the dialects of PATCH, each by another last name.
func (p *probe) update(ctx context.Context) error {
	name := func(path string, value any, op string) scim.Patch {
		return scim.Patch{Schemas: []string{scim.SchemaPatch}, Operations: []scim.Operation{{Op: op, Path: path, Value: value}}}
	}
	for i, try := range []struct{ tried, method string }{
		{reconcile.ProbePut, http.MethodPut}, {reconcile.ProbePatch, http.MethodPatch},
		{reconcile.ProbePatchNoPath, http.MethodPatch}, {reconcile.ProbePatchCapital, http.MethodPatch},
	} {
		before, err := p.look(ctx)
		if err != nil {
			return err
		}
		family := fmt.Sprintf("%s %d", probeFamily, i+1)
		var body any
		switch try.tried {
		case reconcile.ProbePut:
			whole := p.image()
			whole.FamilyName = family
			body = p.body(whole)
		case reconcile.ProbePatch:
			body = name("name.familyName", family, "replace")
		case reconcile.ProbePatchNoPath:
			body = name("", map[string]any{"name": scim.Name{GivenName: probeGiven, FamilyName: family}}, "replace")
		default:
			entra := name("name.familyName", family, "Replace")
			entra.Operations = append(entra.Operations, scim.Operation{Op: "Replace", Path: "active", Value: "True"})
			body = entra
		}
		r, err := p.call(ctx, try.method, "/Users/"+url.PathEscape(p.account.ID), nil, body)
		if err != nil {
			return err
		}
		after, err := p.look(ctx)
		if err != nil {
			return err
		}
		p.answer(try.tried, kept(r, before.FamilyName, after.FamilyName, family), r.said)
	}
	return p.alive(ctx)
}

// alive wants the account to have access. One without a seat, or one that a former probe
// left where DELETE disables for good, says nothing of what becomes of others.
func (p *probe) alive(ctx context.Context) error {
	there, err := p.look(ctx)
	if err != nil || there.Active {
		return err
	}
	r, err := p.set(ctx, func(*reconcile.Account) {})
	if err != nil {
		return err
	}
	if there, err = p.look(ctx); err != nil || there.Active {
		return err
	}
	return fmt.Errorf("the sandbox account %s is inactive, and does not become active: Tomorro answered %s; make room for it (a seat), or name another with --probe-account", p.s.Account, r.said)
}

// set brings the sandbox account into another shape, in the way that works: PUT, or
// PATCH where PUT does not.
func (p *probe) set(ctx context.Context, change func(*reconcile.Account)) (reply, error) {
	next := p.image()
	change(&next)
	path := "/Users/" + url.PathEscape(p.account.ID)
	if p.profile.Answer(reconcile.ProbePut).Answer != reconcile.AnswerWorks && p.profile.Answer(reconcile.ProbePatch).Answer == reconcile.AnswerWorks {
		before, err := p.look(ctx)
		if err != nil {
			return reply{}, err
		}
		patch := p.c.patch(reconcile.Write{Account: next, Before: before})
		if len(patch.Operations) == 0 {
			return reply{status: http.StatusOK}, nil
		}
		return p.call(ctx, http.MethodPatch, path, nil, patch)
	}
	return p.call(ctx, http.MethodPut, path, nil, p.body(next))
}

// role gives the account another role, and the old one back.
func (p *probe) role(ctx context.Context) error {
	r, err := p.set(ctx, func(a *reconcile.Account) { a.UserType = reconcile.Manager })
	if err != nil {
		return err
	}
	after, err := p.look(ctx)
	if err != nil {
		return err
	}
	p.answer(reconcile.ProbeRole, kept(r, string(reconcile.User), string(after.UserType), string(reconcile.Manager)), r.said)
	_, err = p.set(ctx, func(*reconcile.Account) {})
	return err
}

// unknownType sends a userType that is none of the four words.
func (p *probe) unknownType(ctx context.Context) error {
	const odd = "tomorro-sync-unknown"
	r, err := p.set(ctx, func(a *reconcile.Account) { a.UserType = odd })
	if err != nil {
		return err
	}
	after, err := p.look(ctx)
	if err != nil {
		return err
	}
	seen := r.said
	if r.ok() {
		seen += fmt.Sprintf("; it is %q now", after.UserType)
	}
	answer := kept(r, string(reconcile.User), string(after.UserType), odd)
	p.answer(reconcile.ProbeUnknownType, answer, seen)
	return nil
}

// rename gives the account another address on the same id, and the old one back.
func (p *probe) rename(ctx context.Context) error {
	r, err := p.set(ctx, func(a *reconcile.Account) { a.UserName = p.renamed() })
	if err != nil {
		return err
	}
	after, err := p.look(ctx)
	if err != nil {
		return err
	}
	answer := kept(r, p.s.Account, after.UserName, p.renamed())
	if answer == reconcile.AnswerWorks {
		back, err := p.set(ctx, func(*reconcile.Account) {})
		if err != nil {
			return err
		}
		if after, err = p.look(ctx); err != nil {
			return err
		}
		if after.UserName != p.s.Account {
			answer, r = reconcile.AnswerOther, back
		}
	}
	p.answer(reconcile.ProbeRename, answer, r.said)
	return nil
}

// inactive takes access away, and gives it back.
func (p *probe) inactive(ctx context.Context) error {
	r, err := p.set(ctx, func(a *reconcile.Account) { a.Active = false })
	if err != nil {
		return err
	}
	after, err := p.look(ctx)
	switch {
	case err != nil:
		return err
	case !r.ok():
		p.answer(reconcile.ProbeInactive, reconcile.AnswerRefused, r.said)
		return nil
	case after.ID == "":
		p.answer(reconcile.ProbeInactive, reconcile.AnswerRemoves, r.said+"; the account is not there any more")
		return nil
	case after.Active:
		p.answer(reconcile.ProbeInactive, reconcile.AnswerIgnored, r.said+"; it is still active")
		return nil
	}
	back, err := p.set(ctx, func(*reconcile.Account) {})
	if err != nil {
		return err
	}
	if after, err = p.look(ctx); err != nil {
		return err
	}
	if after.ID == "" || !after.Active {
		p.answer(reconcile.ProbeInactive, reconcile.AnswerRemoves, "it does not become active again: "+back.said)
		return nil
	}
	p.answer(reconcile.ProbeInactive, reconcile.AnswerWorks, r.said)
	return nil
}
