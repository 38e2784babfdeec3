package onelogintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Request is one request that was sent.
type Request struct {
	Method   string
	Path     string        // below the base URL, with the query
	Status   int           // 0 when no answer came
	Duration time.Duration // until the answer was read
}

// answer is what came back.
type answer struct {
	status int
	kind   string // media type
	body   []byte
}

// mostAnswer bounds an answer's body, in bytes.
const mostAnswer = 64 << 20

// send sends a request until its answer passes check, as often as OnFailure has
// it.
func (p *Provisioner) send(ctx context.Context, method, path, body string, check func(answer) error) error {
	err := p.once(ctx, method, path, body, check)
	twice := p.knobs.OnFailure == FailureTwice && method != http.MethodGet
	if twice || err != nil && p.knobs.OnFailure == FailureRetry && ctx.Err() == nil {
		err = p.once(ctx, method, path, body, check)
	}
	return err
}

// once sends one request.
func (p *Provisioner) once(ctx context.Context, method, path, body string, check func(answer) error) error {
	sent := Request{Method: method, Path: path}
	start := time.Now()
	a, err := p.exchange(ctx, method, path, body)
	sent.Status, sent.Duration = a.status, time.Since(start)
	p.mu.Lock()
	p.sent = append(p.sent, sent)
	p.mu.Unlock()
	if err == nil {
		err = check(a)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (p *Provisioner) exchange(ctx context.Context, method, path, body string) (answer, error) {
	timeout := 10 * time.Second
	if p.knobs.TimeoutMS > 0 {
		timeout = time.Duration(p.knobs.TimeoutMS) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, payload)
	if err != nil {
		return answer{}, err
	}
	p.setHeaders(req, body != "")
	resp, err := p.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return answer{resp.StatusCode, kind, data}, err
}

func (p *Provisioner) setHeaders(req *http.Request, hasBody bool) {
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("User-Agent", "") // unknown: none
	switch {
	case !hasBody || p.knobs.ContentType == ContentNone:
	case p.knobs.ContentType == ContentSCIM:
		req.Header.Set("Content-Type", "application/scim+json")
	default:
		req.Header.Set("Content-Type", "application/json")
	}
	for line := range strings.Lines(p.knobs.Headers) {
		if name, text, ok := strings.Cut(line, ":"); ok {
			req.Header.Set(strings.TrimSpace(name), strings.TrimSpace(text))
		}
	}
}

// findPath is the path of the search for a userName.
func (p *Provisioner) findPath(userName string) string {
	filter := url.QueryEscape(`userName eq "` + escaped(userName) + `"`)
	if !p.knobs.PlusForSpace {
		filter = strings.ReplaceAll(filter, "+", "%20")
	}
	return "/Users?filter=" + filter
}

// ok wants a 2xx and, when there is a body, JSON that says it is.
func (p *Provisioner) ok(a answer) error {
	if a.status < 200 || a.status > 299 {
		return refusal(a)
	}
	if p.knobs.Strictness == Lenient || len(a.body) == 0 {
		return nil
	}
	if a.kind != "application/json" && (a.kind != "application/scim+json" || p.knobs.Strictness != StrictSCIM) {
		return fmt.Errorf("the answer's Content-Type is %q, not application/json", a.kind)
	}
	if !json.Valid(a.body) {
		return errors.New("the answer is no JSON")
	}
	return nil
}

// refusal reads an error of SCIM 2.0 or 1.1.
func refusal(a answer) error {
	var b struct {
		Detail string `json:"detail"`
		Errors []struct {
			Description string `json:"description"`
		} `json:"Errors"`
	}
	switch err := json.Unmarshal(a.body, &b); {
	case err != nil:
		return fmt.Errorf("status %d with an error that cannot be read", a.status)
	case b.Detail == "" && len(b.Errors) > 0:
		b.Detail = b.Errors[0].Description
	}
	return fmt.Errorf("status %d: %s", a.status, b.Detail)
}

// userAnswer is what OneLogin looks at in a user.
type userAnswer struct {
	ID       json.RawMessage `json:"id"`
	UserName *string         `json:"userName"`
	Name     *struct {
		GivenName  *string `json:"givenName"`
		FamilyName *string `json:"familyName"`
	} `json:"name"`
}

// text is the id as text, or nothing.
func (u *userAnswer) text(lenient bool) string {
	var id string
	if json.Unmarshal(u.ID, &id) != nil && lenient {
		return string(u.ID) // a number
	}
	return id
}

// check says what a user lacks.
func (p *Provisioner) check(u *userAnswer) error {
	lenient := p.knobs.Strictness == Lenient
	switch {
	case lenient:
		return nil
	case u.text(false) == "":
		return errors.New("the user in the answer has no id as text")
	case u.UserName == nil:
		return errors.New("the user in the answer has no userName")
	case u.Name == nil || u.Name.GivenName == nil || u.Name.FamilyName == nil:
		return errors.New("the user in the answer has no name with givenName and familyName")
	}
	return nil
}

// user checks an answer that is one user, of the id want unless that is empty,
// and gives the id.
func (p *Provisioner) user(a answer, want string) (string, error) {
	if err := p.ok(a); err != nil {
		return "", err
	}
	lenient := p.knobs.Strictness == Lenient
	var u userAnswer
	if err := json.Unmarshal(a.body, &u); err != nil && !lenient {
		return "", fmt.Errorf("the answer is not one user: %w", err)
	}
	if err := p.check(&u); err != nil {
		return "", err
	}
	id := u.text(lenient)
	switch {
	case lenient && want != "":
		return want, nil
	case want != "" && id != want:
		return "", fmt.Errorf("the answer has the id %q, not %q", id, want)
	case id == "":
		return "", errors.New("the user in the answer has no id")
	}
	return id, nil
}

// found checks the answer of a search: a user's id, or nothing. A 404 is nothing
// as well.
func (p *Provisioner) found(a answer) (string, error) {
	if a.status == http.StatusNotFound {
		return "", nil
	}
	if err := p.ok(a); err != nil {
		return "", err
	}
	var list struct {
		Total     *int         `json:"totalResults"`
		Resources []userAnswer `json:"Resources"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		return "", fmt.Errorf("the answer is no list: %w", err)
	}
	lenient := p.knobs.Strictness == Lenient
	if !lenient && (list.Total == nil || *list.Total != len(list.Resources)) {
		return "", errors.New("totalResults is not the number of Resources")
	}
	if len(list.Resources) == 0 {
		return "", nil
	}
	if len(list.Resources) > 1 {
		return "", fmt.Errorf("%d users were found for one userName", len(list.Resources))
	}
	u := &list.Resources[0]
	return u.text(lenient), p.check(u)
}

// groupAnswer is what OneLogin looks at in a group.
type groupAnswer struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
}

// groupList checks an answer that lists all groups, in one page.
func (p *Provisioner) groupList(a answer) (map[string]string, error) {
	if err := p.ok(a); err != nil {
		return nil, err
	}
	var list struct {
		Total     *int          `json:"totalResults"`
		Resources []groupAnswer `json:"Resources"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		return nil, fmt.Errorf("the answer is no list: %w", err)
	}
	if p.knobs.Strictness != Lenient && (list.Total == nil || *list.Total != len(list.Resources)) {
		return nil, errors.New("totalResults is not the number of Resources: OneLogin reads one page")
	}
	ids := make(map[string]string, len(list.Resources))
	for _, g := range list.Resources {
		if g.ID == "" || g.DisplayName == "" {
			return nil, errors.New("a group in the answer lacks id or displayName")
		}
		ids[g.DisplayName] = g.ID
	}
	return ids, nil
}
