package onelogin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
)

// The three documented ways to send credentials for a token.
const (
	CredentialsBasic  = "basic"  // HTTP Basic and a JSON body
	CredentialsHeader = "header" // Authorization: client_id:…, client_secret:…
	CredentialsForm   = "form"   // in the form body
)

// Config says how to reach OneLogin. The first four fields are required; the
// zero value of everything else is a sensible default.
type Config struct {
	URL          string // https://{subdomain}.onelogin.com
	ClientID     string
	ClientSecret string
	AppID        int64 // the app that provisions Tomorro

	Credentials string       // CredentialsBasic (default), CredentialsHeader or CredentialsForm
	Concurrency int          // requests at once; default 8
	PageSize    int          // people a page; default 50, what the API documents
	PerSecond   float64      // requests a second; 0 means no limit
	Tokens      pace.Tokens  // shares PerSecond with other processes; nil: it is this one's
	Lessons     pace.Lessons // shares with other processes what is learned from refusals; nil: this one learns for itself
	NoEvents    bool         // Changed does not read events, which count against the hourly quota
	Reserve     int          // calls of the hourly quota to leave to others; default 100
	// QuotaOnV2 says that calls of the v2 API count against the hourly quota as well, as
	// older pages of OneLogin's have it; its newest wording is that v1 calls do.
	QuotaOnV2 bool

	Timeout time.Duration // of one request, once it may be sent; default 30 s
	Retries int           // after the first try; default 4, negative none
	Backoff time.Duration // before the first retry, doubled each time; default 500 ms
	MaxWait time.Duration // the longest wait for a quota; default 15 min

	LookFresh time.Duration // how old the roles and rules that Look gives may be; default 1 min

	Now    func() time.Time
	Logger *slog.Logger // nil: silent
	// OnPage is told of each page that was read: which list, how many items so
	// far, and how many in all. Several goroutines may call it at once.
	OnPage func(list string, done, total int)
	// OnSilence is told for how long nothing will be sent, when that is some seconds:
	// because OneLogin asks for it, or because no more than Reserve is left of its quota.
	OnSilence func(time.Duration)
}

// Client reads one OneLogin account. It is safe for concurrent use.
type Client struct {
	cfg       Config
	http      *resty.Client
	gate      *pace.Gate
	tokens    *tokens
	standing  *standing
	retries   atomic.Int64
	throttled atomic.Int64
	took      pace.Mean

	mu    sync.Mutex
	sent  map[string]int
	quota int       // X-RateLimit-Remaining; -1 when never seen
	spent time.Time // calls that count against the quota wait until then; see await
}

// Stats counts requests since the client was made.
type Stats struct {
	Requests  map[string]int `json:"requests"` // by method and path, ids left out
	Total     int            `json:"total"`
	Retries   int            `json:"retries"`
	Throttled int            `json:"throttled"`
	// AtOnce and PerSecond are how many requests may be under way now, and how many may be
	// sent a second by what was learned from refusals; PerSecond is 0 when no limit was
	// learned.
	AtOnce    int           `json:"atOnce"`
	PerSecond float64       `json:"perSecond,omitempty"`
	Quota     int           `json:"quota"`   // calls left this hour; -1 when OneLogin did not say
	Latency   time.Duration `json:"latency"` // mean of one request
}

// New checks the configuration and does no I/O.
func New(cfg Config) (*Client, error) {
	if err := cfg.problem(); err != nil {
		return nil, err
	}
	if cfg.AppID <= 0 {
		return nil, errors.New("onelogin.app_id is missing; it is the number in the address of the app's page")
	}
	return build(cfg), nil
}

// problem checks what every request needs.
func (cfg *Config) problem() error {
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return errors.New("onelogin.url is not a web address; write it as https://acme.onelogin.com")
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return errors.New("onelogin.client_id or onelogin.client_secret is missing; make a pair in OneLogin under Developers, API Credentials")
	}
	return nil
}

func build(cfg Config) *Client {
	cfg.fill()
	c := &Client{cfg: cfg, gate: pace.NewSharedGate(cfg.Concurrency, cfg.PerSecond, cfg.Tokens), sent: make(map[string]int), quota: -1}
	c.gate.Learn(cfg.Lessons)
	transport := &pace.Transport{Gate: c.gate, Base: pace.NewBase(cfg.Concurrency), Timeout: cfg.Timeout, Sent: c.count, Took: c.took.Add}
	c.http = resty.NewWithClient(&http.Client{Transport: transport}).
		SetBaseURL(strings.TrimRight(cfg.URL, "/")).
		SetHeader("Accept", "application/json").
		SetRedirectPolicy(resty.NoRedirectPolicy()).
		SetLogger(quiet{cfg.Logger}).
		SetRetryCount(max(0, cfg.Retries)).
		SetRetryWaitTime(cfg.Backoff).
		SetRetryMaxWaitTime(cfg.MaxWait).
		SetRetryAfter(c.wait).
		AddRetryCondition(c.again).
		OnAfterResponse(c.heed)
	c.tokens, c.standing = &tokens{c: c, turn: make(chan struct{}, 1)}, &standing{c: c}
	return c
}

func (cfg *Config) fill() {
	if cfg.Credentials == "" {
		cfg.Credentials = CredentialsBasic
	}
	for n, v := range map[*int]int{&cfg.Concurrency: 8, &cfg.PageSize: 50, &cfg.Reserve: 100, &cfg.Retries: 4} {
		if *n == 0 {
			*n = v
		}
	}
	for d, v := range map[*time.Duration]time.Duration{&cfg.Timeout: 30 * time.Second, &cfg.Backoff: 500 * time.Millisecond, &cfg.MaxWait: 15 * time.Minute, &cfg.LookFresh: time.Minute} {
		if *d <= 0 {
			*d = v
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
}

// Stats gives the counters so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Requests: make(map[string]int, len(c.sent)), Retries: int(c.retries.Load()), Throttled: int(c.throttled.Load()), Latency: c.took.Value(), Quota: c.quota}
	for k, n := range c.sent {
		s.Requests[k] = n
		s.Total += n
	}
	s.AtOnce, s.PerSecond = c.gate.Learned()
	return s
}

func (c *Client) count(r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	for i, p := range parts {
		if _, err := strconv.Atoi(p); err == nil && i > 2 {
			parts[i] = "{id}"
		}
	}
	c.mu.Lock()
	c.sent[r.Method+" "+strings.Join(parts, "/")]++
	c.mu.Unlock()
}

// get makes one authorised GET with its retries. A 401 is answered with one new
// token and one more try, never more: OneLogin answers 401 to a bad token, to
// too low a privilege and to an unknown route alike.
func (c *Client) get(ctx context.Context, path string, query url.Values) (*resty.Response, error) {
	for again := false; ; again = true {
		if err := c.await(ctx, path); err != nil {
			return nil, err
		}
		token, err := c.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		r, err := c.http.R().SetContext(ctx).SetAuthToken(token).SetQueryParamsFromValues(query).Get(path)
		if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if do := pace.Remedy(err); do != "" {
				err = fmt.Errorf("%w; %s", err, do)
			}
			return nil, err
		}
		c.watch(r)
		if r.StatusCode() != http.StatusUnauthorized || again {
			return r, nil
		}
		c.tokens.drop(token)
	}
}

// again decides whether a request is sent again. All that this client sends is safe to
// repeat. An answer without end has none the next time either.
func (c *Client) again(r *resty.Response, err error) bool {
	if r == nil || r.Request == nil || r.Request.Context().Err() != nil {
		return false
	}
	retry := err != nil && !pace.IsLong(err)
	if err == nil {
		switch code := r.StatusCode(); {
		case code == http.StatusTooManyRequests, quotaSpent(r):
			c.throttled.Add(1)
			retry = true
		case code >= 500:
			retry = !strings.HasPrefix(r.Request.URL, c.http.BaseURL+tokenPath) || code != http.StatusInternalServerError
		case code == http.StatusOK:
			retry = !whole(r.Body())
		}
	}
	if retry && r.Request.Attempt <= c.cfg.Retries {
		c.retries.Add(1)
	}
	return retry
}

// whole reports whether a body can be a complete JSON document. Login pages answer 200 with
// HTML, and a cut connection leaves half a document.
func whole(body []byte) bool {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return false
	}
	first, last := body[0], body[len(body)-1]
	return first == '[' && last == ']' || first == '{' && last == '}'
}

// quotaSpent recognises the v1 quota, which answers 400.
func quotaSpent(r *resty.Response) bool {
	return r.StatusCode() == http.StatusBadRequest && strings.Contains(string(r.Body()), "rate_limit_exceeded")
}

// wait gives the pause before a retry. 0 is resty's exponential backoff with jitter.
func (c *Client) wait(_ *resty.Client, r *resty.Response) (time.Duration, error) {
	d, asked := pace.RetryAfter(r.Header().Get("Retry-After"), c.cfg.Now())
	if quotaSpent(r) {
		if d, asked = c.quotaReset(r), true; d <= c.cfg.MaxWait {
			c.quiet(r, d)
		}
	}
	switch {
	case quotaSpent(r) && d > c.cfg.MaxWait:
		return 0, c.tooLong(d)
	case asked && d > c.cfg.MaxWait:
		return 0, &waitError{c.cfg.Now().Add(d), "OneLogin asks for no calls"}
	case asked:
		return max(d, time.Millisecond), nil
	}
	return 0, nil
}

// heed makes all requests wait when an answer asks for that, even if this one is not tried
// again.
func (c *Client) heed(_ *resty.Client, r *resty.Response) error {
	code := r.StatusCode()
	if code != http.StatusTooManyRequests && code < 500 {
		return nil
	}
	d, asked := pace.RetryAfter(r.Header().Get("Retry-After"), c.cfg.Now())
	switch {
	case asked && d <= c.cfg.MaxWait:
		c.silence(d)
	case !asked && (code == http.StatusTooManyRequests || code == http.StatusBadGateway):
		c.gate.Quiet(c.cfg.Backoff)
	}
	return nil
}

// silence holds back all requests for d, and tells Config.OnSilence.
func (c *Client) silence(d time.Duration) {
	if c.gate.Quiet(d) && c.cfg.OnSilence != nil {
		c.cfg.OnSilence(d)
	}
}

// quotaReset gives the time until the hourly quota is full again, from the header or else
// from /auth/rate_limit, which uses no quota; Config.Backoff when neither says it.
func (c *Client) quotaReset(r *resty.Response) time.Duration {
	if n, err := strconv.Atoi(r.Header().Get("X-RateLimit-Reset")); err == nil && n >= 0 {
		return pace.Seconds(int64(n))
	}
	var limit rateLimit
	// A plain client: the gate may be closed, and one look must not be retried.
	req, err := http.NewRequestWithContext(r.Request.Context(), http.MethodGet, c.http.BaseURL+"/auth/rate_limit", nil)
	if err != nil {
		return c.cfg.Backoff
	}
	req.Header.Set("Authorization", "Bearer "+r.Request.Token)
	plain := &http.Client{Timeout: c.cfg.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := plain.Do(req)
	if err != nil {
		return c.cfg.Backoff
	}
	defer resp.Body.Close()
	if json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&limit) != nil || limit.Data.Reset < 0 {
		return c.cfg.Backoff
	}
	return pace.Seconds(limit.Data.Reset)
}

// refusal turns an answer that is not 200 into an error: what was tried, the
// status, what OneLogin said, and what to do.
func refusal(what, privilege string, r *resty.Response) error {
	err := fmt.Errorf("%s: OneLogin answered %d", what, r.StatusCode())
	if said := said(r.Body()); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	switch r.StatusCode() {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %w; the credentials need the privilege %s", err, reconcile.ErrRefused, privilege)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("%w after %d tries; look at OneLogin's status page, and if it is well, lower onelogin.concurrency", err, r.Request.Attempt)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%w after %d tries; lower onelogin.concurrency", err, r.Request.Attempt)
	}
	return err
}

// quiet is resty's logger on slog. What matters reaches the caller as an error.
type quiet struct{ log *slog.Logger }

func (q quiet) Errorf(format string, v ...any) { q.log.Debug(fmt.Sprintf(format, v...)) }
func (q quiet) Warnf(format string, v ...any)  { q.log.Debug(fmt.Sprintf(format, v...)) }
func (q quiet) Debugf(format string, v ...any) { q.log.Debug(fmt.Sprintf(format, v...)) }
