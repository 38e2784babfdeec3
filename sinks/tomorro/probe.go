package tomorro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
	"tomorro-sync/reconcile/scim"
)

// ErrSandbox says that what is there under the sandbox's names may be somebody's. Nothing
// was written.
var ErrSandbox = errors.New("the sandbox of a probe must be nobody's")

// ErrLeft says that something of the sandbox is still at Tomorro.
var ErrLeft = errors.New("something of the sandbox is left")

// The marks of what a probe makes.
const (
	probeMark   = reconcile.ProbeMark // externalId
	probeGiven  = "Tomorro Sync"
	probeFamily = "Probe"
)

// Sandbox is what a probe may write to: one account and one group, and nothing else.
type Sandbox struct {
	Account string // its userName, an e-mail
	Group   string // its name
	// Current is what Tomorro has now, completely.
	Current reconcile.Current
	// Real says why an account or a group of that name is not for trying things on,
	// or nothing. Empty ids ask about the names alone.
	Real func(account reconcile.Account, group reconcile.Group) string
	Step func(done, total int) // is told how far the probe is; may be nil
}

// Probe tries out on the sandbox what the service does with writes, and takes the sandbox
// away again. It takes over what an earlier probe that was killed left there. The error
// wraps ErrSandbox when what is there looks real; then nothing was written. A profile with
// a time is complete, even if the error wraps ErrLeft: something of the sandbox could not
// be taken away.
func Probe(ctx context.Context, cfg Config, s Sandbox) (profile reconcile.Profile, err error) {
	patient, err := New(cfg) // cleans up
	if err != nil {
		return profile, err
	}
	cfg.Retries = -1 // what is tried is to be seen as it is
	client, err := New(cfg)
	if err != nil {
		return profile, err
	}
	p := newProbe(client, s)
	if err := p.takeOver(); err != nil {
		return p.profile, err
	}
	defer func() {
		err = errors.Join(err, p.finish(ctx, patient))
		if !p.profile.At.IsZero() && p.throttled == 0 {
			p.answer(reconcile.ProbeRate, reconcile.AnswerNotSeen, "")
		}
		p.conclude()
		profile = p.profile
	}()
	for i, step := range []func(context.Context) error{p.create, p.duplicate, p.update, p.bulk, p.role, p.unknownType, p.rename, p.members, p.inactive, p.pages, p.attributes} {
		if err := step(ctx); err != nil {
			return p.profile, err
		}
		if s.Step != nil {
			s.Step(i+1, 12) // cleaning up is the last
		}
	}
	p.profile.At = time.Now().UTC()
	return p.profile, nil
}

// finish cleans up and says what is left.
func (p *probe) finish(ctx context.Context, patient *Client) error {
	calm, cancel := outlasting(ctx, p.hung)
	defer cancel()
	p.c = patient
	if left := p.cleanUp(calm); left != nil {
		if calm.Err() != nil { // each of the rest says the same
			left = context.Cause(calm)
		}
		return fmt.Errorf("clean up after the probe: %w: %w; the next probe takes over %s and the group %s, or remove them at Tomorro by hand", ErrLeft, left, p.s.Account, p.s.Group)
	}
	return nil
}

// cleanupTimeout is how long the probe goes on cleaning up when it is interrupted, or the
// service has let a request wait for nothing. By itself it takes the time that the service
// asks for.
const cleanupTimeout = 30 * time.Second

// outlasting gives a context that ends when ctx did so long ago, or hung was closed.
func outlasting(ctx context.Context, hung <-chan struct{}) (context.Context, context.CancelFunc) {
	calm, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-ctx.Done():
		case <-hung:
		case <-calm.Done():
			return
		}
		select {
		case <-time.After(cleanupTimeout):
			cancel(fmt.Errorf("not done within %s", cleanupTimeout))
		case <-calm.Done():
		}
	}()
	return calm, func() { cancel(nil) }
}

// probe is one probe under way.
type probe struct {
	c       *Client
	s       Sandbox
	profile reconcile.Profile

	contentType string // that the service takes
	account     reconcile.Account
	group       reconcile.Group
	own         map[string]bool // the ids that may be written to: the sandbox's, and what was made
	extra       []string        // accounts that a second create made
	made        bool            // the group was made by a probe
	hung        chan struct{}   // closed when a request got no answer in its time
	lost        bool            // nobody knows what came of a POST; see unclear
	throttled   int
	bulkBytes   int // of a Bulk request, as the service says
}

func newProbe(c *Client, s Sandbox) *probe {
	return &probe{c: c, s: s, own: make(map[string]bool), contentType: "application/json", hung: make(chan struct{}),
		profile: reconcile.Profile{Target: c.cfg.URL, Answers: []reconcile.ProfileAnswer{}}}
}

// renamed is the other address of the sandbox account.
func (p *probe) renamed() string {
	local, domain, _ := strings.Cut(p.s.Account, "@")
	return local + "-renamed@" + domain
}

// takeOver looks at what is there under the sandbox's names, and refuses what looks
// like somebody's.
func (p *probe) takeOver() error {
	if local, domain, ok := strings.Cut(p.s.Account, "@"); !ok || local == "" || domain == "" {
		return fmt.Errorf("%w: %q is not an e-mail address", ErrSandbox, p.s.Account)
	}
	if strings.TrimSpace(p.s.Group) == "" {
		return fmt.Errorf("%w: the sandbox group has no name", ErrSandbox)
	}
	for i := range p.s.Current.Groups {
		if g := p.s.Current.Groups[i]; reconcile.Fold(g.Name) == reconcile.Fold(p.s.Group) {
			p.group = g
		}
	}
	for _, a := range p.s.Current.Accounts {
		if name := reconcile.Fold(a.UserName); name != reconcile.Fold(p.s.Account) && name != reconcile.Fold(p.renamed()) {
			continue
		}
		if why := p.real(a); why != "" {
			return fmt.Errorf("%w: the account %s %s; name another with --probe-account", ErrSandbox, a.UserName, why)
		}
		if p.account.ID != "" {
			p.extra = append(p.extra, a.ID)
		} else {
			p.account = a
		}
		p.own[a.ID] = true
	}
	why := p.s.Real(reconcile.Account{UserName: p.s.Account}, p.group)
	switch {
	case why != "":
	case p.group.Ours:
		why = "was made by a run"
	case slices.ContainsFunc(p.group.Members, func(id string) bool { return !p.own[id] }):
		why = "has members"
	}
	if why != "" {
		return fmt.Errorf("%w: %s %s; name others with --probe-account and --probe-group", ErrSandbox, p.s.Group, why)
	}
	if p.group.ID != "" {
		p.own[p.group.ID] = true
	}
	return nil
}

// real says why an account is not the sandbox's, or nothing.
func (p *probe) real(a reconcile.Account) string {
	switch {
	case a.ExternalID != "" && a.ExternalID != probeMark:
		return "has the externalId of somebody"
	case a.UserType == reconcile.Admin:
		return "is an admin"
	case a.GivenName != probeGiven || !strings.HasPrefix(a.FamilyName, probeFamily):
		return "has the name of somebody"
	}
	for _, g := range p.s.Current.Groups {
		if slices.Contains(g.Members, a.ID) && g.ID != p.group.ID {
			return "is in the group " + g.Name
		}
	}
	return p.s.Real(a, reconcile.Group{})
}

// unclear notes a POST that may have made something, though its answer gives no id: it is
// looked for at the end.
func (p *probe) unclear(r reply, id string) bool {
	is := id == "" && (r.ok() || r.status >= http.StatusInternalServerError)
	p.lost = p.lost || is
	return is
}

// search finds what a POST made whose answer was lost. Nobody had these names before.
func (p *probe) search(ctx context.Context) error {
	var users page[user]
	if err := p.named(ctx, "/Users", "userName", p.s.Account, &users); err != nil {
		return err
	}
	for i := range users.Resources {
		a := users.Resources[i].account()
		if a.ID == "" || p.own[a.ID] || reconcile.Fold(a.UserName) != reconcile.Fold(p.s.Account) || p.real(a) != "" {
			continue
		}
		if p.own[a.ID] = true; p.account.ID != "" {
			p.extra = append(p.extra, a.ID)
		} else {
			p.account = a
		}
	}
	var groups page[group]
	if err := p.named(ctx, "/Groups", "displayName", p.s.Group, &groups); err != nil {
		return err
	}
	for i := range groups.Resources {
		if g := &groups.Resources[i]; g.ID != "" && p.group.ID == "" && reconcile.Fold(g.Name) == reconcile.Fold(p.s.Group) {
			p.group, p.made, p.own[g.ID] = g.group(), true, true
		}
	}
	return nil
}

// named asks for what has a name.
func (p *probe) named(ctx context.Context, path, attribute, name string, into any) error {
	r, err := p.call(ctx, http.MethodGet, path, url.Values{"filter": {attribute + " eq " + scim.Quote(name)}}, nil)
	switch {
	case err != nil:
		return err
	case r.status == http.StatusNotFound:
		return nil
	case !r.ok() || json.Unmarshal(r.body, into) != nil:
		return fmt.Errorf("look for %s, which may have been made: Tomorro answered %s", name, r.said)
	}
	return nil
}

// late notes that the service does not answer in time.
func (p *probe) late() {
	select {
	case <-p.hung:
	default:
		close(p.hung)
	}
}

// reply is one answer of the service.
type reply struct {
	status int
	body   []byte
	said   string // its error, for people
}

func (r reply) ok() bool { return r.status >= 200 && r.status < 300 }

// call makes one request, and waits where the service asks for it. What changes
// something must be about the sandbox.
func (p *probe) call(ctx context.Context, method, path string, query url.Values, body any) (reply, error) {
	id, err := url.PathUnescape(path[strings.LastIndex(path, "/")+1:])
	if method != http.MethodGet && method != http.MethodPost && (err != nil || !p.own[id]) {
		return reply{}, fmt.Errorf("%s %s is not about the sandbox: %w", method, path, ErrSandbox)
	}
	for tries := 0; ; tries++ {
		r := p.c.http.R().SetContext(ctx).SetQueryParamsFromValues(query)
		if body != nil {
			r.SetHeader("Content-Type", p.contentType).SetBody(marshal(body))
		}
		resp, err := r.Execute(method, path)
		if err != nil {
			p.lost = p.lost || method == http.MethodPost
			if ctx.Err() != nil {
				return reply{}, context.Cause(ctx)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				p.late()
			}
			return reply{}, fmt.Errorf("%s %s: %w", method, path, err)
		}
		switch resp.StatusCode() {
		case http.StatusUnauthorized:
			return reply{}, refusal(method+" "+path, resp)
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // which is no word on what was asked
			p.lost = p.lost || method == http.MethodPost
			return reply{}, fmt.Errorf("%w; probe again when Tomorro is well", refusal(method+" "+path, resp))
		}
		if resp.StatusCode() != http.StatusTooManyRequests {
			return reply{resp.StatusCode(), resp.Body(), sayAnswer(resp.StatusCode(), resp.Body())}, nil
		}
		if tries >= 8 { // which is no word on it either
			return reply{}, fmt.Errorf("%w; probe again when Tomorro has less to do", refusal(method+" "+path, resp))
		}
		p.throttled++
		wait, asked := pace.RetryAfter(resp.Header().Get("Retry-After"), ownTime(resp))
		if p.throttled == 1 {
			how := "without Retry-After"
			if asked {
				how = "Retry-After " + wait.String()
			}
			p.answer(reconcile.ProbeRate, reconcile.AnswerSeen, "429 "+how)
		}
		if !asked {
			wait = time.Second
		}
		select {
		case <-time.After(min(wait, 30*time.Second) + 50*time.Millisecond):
		case <-ctx.Done():
			return reply{}, context.Cause(ctx)
		}
	}
}

// answer notes what came of one thing.
func (p *probe) answer(tried, answer, seen string) {
	p.profile.Answers = append(p.profile.Answers, reconcile.ProfileAnswer{Tried: tried, Answer: answer, Seen: seen})
}
