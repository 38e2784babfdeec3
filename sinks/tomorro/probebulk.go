package tomorro

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	json "github.com/go-json-experiment/json/v1"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// offered is what a ServiceProviderConfig says of Bulk (RFC 7643 section 5).
type offered struct {
	Bulk struct {
		Supported      scim.Bool `json:"supported"`
		MaxOperations  int       `json:"maxOperations"`
		MaxPayloadSize int       `json:"maxPayloadSize"`
	} `json:"bulk"`
}

// bulk sends one write as a Bulk request, where the service says that it takes them.
func (p *probe) bulk(ctx context.Context) error {
	r, err := p.call(ctx, http.MethodGet, "/ServiceProviderConfig", nil, nil)
	if err != nil {
		return err
	}
	var config offered
	if !r.ok() || json.Unmarshal(r.body, &config) != nil || !bool(config.Bulk.Supported) || config.Bulk.MaxOperations < 2 {
		p.answer(reconcile.ProbeBulk, reconcile.AnswerNotSeen, "")
		return nil
	}
	before, err := p.look(ctx)
	if err != nil {
		return err
	}
	next := p.image()
	next.FamilyName = probeFamily + " Bulk"
	method, data := http.MethodPut, marshal(p.body(next))
	if p.profile.Answer(reconcile.ProbePut).Answer != reconcile.AnswerWorks {
		method, data = http.MethodPatch, marshal(p.c.patch(reconcile.Write{Account: next, Before: before}))
	}
	path := "/Users/" + url.PathEscape(p.account.ID)
	if r, err = p.call(ctx, http.MethodPost, "/Bulk", nil, bulkRequest{Schemas: []string{scim.SchemaBulkRequest},
		Operations: []bulkOperation{{Method: method, Path: path, BulkID: "0", Data: data}}}); err != nil {
		return err
	}
	part := reply{said: r.said}
	if r.ok() {
		part = answerTo(method, path, r.body)
	}
	after, err := p.look(ctx)
	if err != nil {
		return err
	}
	a := reconcile.ProfileAnswer{Tried: reconcile.ProbeBulk, Answer: kept(part, before.FamilyName, after.FamilyName, next.FamilyName), Seen: part.said}
	if a.Answer == reconcile.AnswerWorks {
		a.Number, p.bulkBytes = config.Bulk.MaxOperations, config.Bulk.MaxPayloadSize
		a.Seen = fmt.Sprintf("%d operations in one request", a.Number)
	}
	p.profile.Answers = append(p.profile.Answers, a)
	return nil
}

// answerTo gives what a Bulk answer says of its one operation.
func answerTo(method, path string, text []byte) reply {
	one := &operation{request: &http.Request{Method: method, URL: &url.URL{Path: path}}}
	a := parts([]*operation{one}, text)[0]
	if a.err != nil {
		return reply{said: a.err.Error()}
	}
	return reply{status: a.response.StatusCode, said: sayAnswer(a.response.StatusCode, nil)}
}
