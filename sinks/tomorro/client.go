package tomorro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
	"tomorro-sync/reconcile/scim"
)

// The ways to take members out of a group, for Config.MemberRemoval.
const (
	RemoveByValues = "values" // one remove operation on members, with the list as its value: OneLogin's
	RemoveByFilter = "filter" // one operation a member: members[value eq "…"] (RFC 7644 section 3.5.2.2)
	RemoveByScim1  = "scim1"  // SCIM 1.1: members with operation "delete"
	RemoveByPut    = "put"    // the whole member list by PUT, as Okta does
)

// The ways to update a user, for Config.UpdateWith: the whole user by PUT, or what differs
// by PATCH (RFC 7644 sections 3.5.1 and 3.5.2).
const (
	UpdateByPut   = "put"
	UpdateByPatch = "patch"
)

// Config says how to reach Tomorro. URL and Token are required; the zero value
// of everything else is a sensible default.
type Config struct {
	URL   string // the SCIM base URL, as Tomorro's integration page shows it
	Token string

	UpdateWith     string // UpdateByPut (default) or UpdateByPatch
	MemberRemoval  string // RemoveByValues (default), RemoveByFilter, RemoveByScim1 or RemoveByPut
	ContentType    string // of requests; default application/json
	SendExternalID bool   // mark accounts and groups as made by this program

	Concurrency int          // requests at once; default 8
	Bulk        int          // most writes of a run in one Bulk request (RFC 7644 section 3.7); 0 and 1: no Bulk requests
	Attributes  bool         // ask only for those attributes of accounts that are compared (RFC 7644 section 3.9)
	BulkBytes   int          // most bytes in the body of one Bulk request; default 1 MiB
	PageSize    int          // default 100
	PerSecond   float64      // requests a second; 0 means no limit
	Tokens      pace.Tokens  // shares PerSecond with other processes; nil: it is this one's
	Lessons     pace.Lessons // shares with other processes what is learned from refusals; nil: this one learns for itself

	Timeout time.Duration // of one request, once it may be sent; default 30 s
	Retries int           // after the first try; default 4, negative none
	Backoff time.Duration // before the first retry, doubled each time; default 500 ms
	MaxWait time.Duration // the longest Retry-After that is waited for; default 5 min

	Logger *slog.Logger // nil: silent
	// OnPage is told of each page that was read: "users" or "groups", how many
	// so far, and how many in all. Several goroutines may call it at once.
	OnPage func(list string, done, total int)
	// OnSilence is told for how long nothing will be sent, when Tomorro asks for some
	// seconds of that.
	OnSilence func(time.Duration)
}

// Client talks to one Tomorro organisation. It is safe for concurrent use.
type Client struct {
	cfg       Config
	path      string // of the service, without a slash at its end
	http      *resty.Client
	gate      *pace.Gate
	retries   atomic.Int64
	throttled atomic.Int64
	took      pace.Mean

	mu      sync.Mutex
	sent    map[string]int           // by method and kind of path
	editing map[string]chan struct{} // by group, for RemoveByPut; has room for one
}

// Stats counts requests since the client was made.
type Stats struct {
	Requests  map[string]int `json:"requests"` // by method and path, ids left out
	Total     int            `json:"total"`
	Retries   int            `json:"retries"`
	Throttled int            `json:"throttled"` // answers 429
	// AtOnce and PerSecond are how many requests may be under way now, and how many may be
	// sent a second by what was learned from refusals; PerSecond is 0 when no limit was
	// learned.
	AtOnce    int           `json:"atOnce"`
	PerSecond float64       `json:"perSecond,omitempty"`
	Latency   time.Duration `json:"latency"` // mean of one request
}

// New checks the configuration and does no I/O.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, errors.New("tomorro.url is not a web address; copy it from Tomorro's integration page")
	}
	if cfg.Token == "" {
		return nil, errors.New("tomorro.token is missing; copy it from Tomorro's integration page")
	}
	cfg.fill()
	c := &Client{cfg: cfg, path: strings.TrimRight(base.Path, "/"), gate: pace.NewSharedGate(cfg.Concurrency, cfg.PerSecond, cfg.Tokens), sent: make(map[string]int), editing: make(map[string]chan struct{})}
	c.gate.Learn(cfg.Lessons)
	transport := &pace.Transport{Gate: c.gate, Base: fenced{pace.NewBase(cfg.Concurrency)}, Timeout: cfg.Timeout, Sent: c.count, Took: c.took.Add, Kind: kindOf}
	c.http = resty.NewWithClient(&http.Client{Transport: gathering(&c.cfg, transport, base)}).
		SetBaseURL(strings.TrimRight(cfg.URL, "/")).
		SetAuthToken(cfg.Token).
		SetHeader("Accept", scim.MediaType+", application/json").
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })).
		SetLogger(quiet{cfg.Logger}).
		SetRetryCount(max(0, cfg.Retries)).
		SetRetryWaitTime(cfg.Backoff).
		SetRetryMaxWaitTime(cfg.MaxWait).
		SetRetryAfter(c.wait).
		AddRetryCondition(c.again).
		OnAfterResponse(c.heed)
	return c, nil
}

// kindOf groups requests that take about equally long. Bulk requests have no group: how long
// one takes depends on how much is in it.
func kindOf(r *http.Request) string {
	if strings.HasSuffix(r.URL.Path, "/Bulk") {
		return ""
	}
	return r.Method
}

func (cfg *Config) fill() {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&cfg.UpdateWith, UpdateByPut)
	def(&cfg.MemberRemoval, RemoveByValues)
	def(&cfg.ContentType, "application/json")
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	if cfg.PageSize <= 0 {
		cfg.PageSize = 100
	}
	if cfg.BulkBytes <= 0 {
		cfg.BulkBytes = defaultBulkBytes
	}
	if cfg.Retries == 0 {
		cfg.Retries = 4
	}
	for d, v := range map[*time.Duration]time.Duration{&cfg.Timeout: 30 * time.Second, &cfg.Backoff: 500 * time.Millisecond, &cfg.MaxWait: 5 * time.Minute} {
		if *d <= 0 {
			*d = v
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
}

// AtOnce is how many writes of a run can be under way at once: one in each request, or with
// Bulk as many as these requests hold.
func (c *Client) AtOnce() int {
	if c.cfg.Bulk > 1 {
		return c.cfg.Bulk * min(c.cfg.Concurrency, bulkAtOnce)
	}
	return c.cfg.Concurrency
}

// Stats gives the counters so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Requests: make(map[string]int, len(c.sent)), Retries: int(c.retries.Load()), Throttled: int(c.throttled.Load()), Latency: c.took.Value()}
	for k, n := range c.sent {
		s.Requests[k] = n
		s.Total += n
	}
	s.AtOnce, s.PerSecond = c.gate.Learned()
	return s
}

func (c *Client) count(r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, c.path)
	kind, id, hasID := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if hasID && id != "" {
		kind += "/{id}"
	}
	c.mu.Lock()
	c.sent[r.Method+" /"+kind]++
	c.mu.Unlock()
}

// again decides whether a request is sent again: always after 429, since the server did
// nothing; after a broken connection, a 5xx or a broken answer only if it is safe to
// repeat, which a POST is not. An answer without end has none the next time either.
func (c *Client) again(r *resty.Response, err error) bool {
	if r == nil || r.Request == nil || r.Request.Context().Err() != nil {
		return false
	}
	repeatable := r.Request.Method != http.MethodPost
	retry := false
	switch {
	case err != nil:
		retry = repeatable && !pace.IsLong(err)
		cut(r)
	case r.StatusCode() == http.StatusTooManyRequests:
		c.throttled.Add(1)
		retry = true
	case r.StatusCode() >= 500:
		retry = repeatable && r.StatusCode() != http.StatusNotImplemented
	case r.StatusCode() < 300:
		retry = repeatable && !plausible(r)
		if retry {
			unanswered(r.Request.Context())
		}
	}
	if retry && r.Request.Attempt <= c.cfg.Retries {
		c.retries.Add(1)
	}
	return retry
}

// plausible reports whether an answer can be SCIM at all. Login pages and firewalls answer
// 200 with HTML, and a cut connection leaves half a document.
func plausible(r *resty.Response) bool {
	body := trim(r.Body())
	if len(body) == 0 {
		return r.Request.Method != http.MethodGet
	}
	return body[0] == '{' && body[len(body)-1] == '}'
}

// trim takes JSON's white space off both ends.
func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// wait gives the pause before a retry. 0 is resty's exponential backoff with jitter.
func (c *Client) wait(_ *resty.Client, r *resty.Response) (time.Duration, error) {
	d, asked := pace.RetryAfter(r.Header().Get("Retry-After"), ownTime(r))
	switch {
	case asked && d > c.cfg.MaxWait:
		return 0, fmt.Errorf("asked by Tomorro to come back in %s, which is longer than this run waits", d)
	case asked:
		return max(d, time.Millisecond), nil
	}
	return 0, nil
}

// heed makes all requests wait when an answer asks for that, even if this one is not tried
// again, as a POST that met 503 is not.
func (c *Client) heed(_ *resty.Client, r *resty.Response) error {
	if r.StatusCode() != http.StatusTooManyRequests && r.StatusCode() < 500 {
		return nil
	}
	d, asked := pace.RetryAfter(r.Header().Get("Retry-After"), ownTime(r))
	switch {
	case asked && d <= c.cfg.MaxWait:
		if c.gate.Quiet(d) && c.cfg.OnSilence != nil {
			c.cfg.OnSilence(d)
		}
	case !asked && r.StatusCode() == http.StatusTooManyRequests:
		c.gate.Quiet(c.cfg.Backoff)
	}
	return nil
}

// ownTime is when an answer was made, by the service's clock. Times in Retry-After are by
// that clock, and ours may be minutes off.
func ownTime(r *resty.Response) time.Time {
	if date, err := http.ParseTime(r.Header().Get("Date")); err == nil {
		return date
	}
	return time.Now()
}

// send makes one request, with its retries. body is nil or marshalled JSON. The
// error is about transport only; a refusal is in the answer.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body []byte) (*resty.Response, error) {
	r := c.http.R().SetContext(ctx)
	if query != nil {
		r.SetQueryParamsFromValues(query)
	}
	if body != nil {
		r.SetHeader("Content-Type", c.cfg.ContentType).SetBody(body)
	}
	resp, err := r.Execute(method, path)
	if err != nil {
		cut(resp)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if do := pace.Remedy(err); do != "" {
			err = fmt.Errorf("%w; %s", err, do)
		}
		return nil, err
	}
	return resp, nil
}

// refusal turns an answer that is not 2xx into an error: what was tried, the
// status, what the server said, and what to do about it.
func refusal(what string, r *resty.Response) error {
	said := ""
	if e, ok := scim.ParseError(r.Body()); ok && e.String() != "" {
		said = ": " + e.String()
	}
	err := fmt.Errorf("%s: Tomorro answered %d%s", what, r.StatusCode(), said)
	switch {
	case r.StatusCode() == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w; check tomorro.token against Tomorro's integration page", err, reconcile.ErrRefused)
	case r.StatusCode() == http.StatusNotFound && said == "" || r.StatusCode() >= 300 && r.StatusCode() < 400:
		return fmt.Errorf("%w; check tomorro.url against Tomorro's integration page", err)
	case r.StatusCode() == http.StatusTooManyRequests:
		return fmt.Errorf("%w; lower tomorro.concurrency or set tomorro.requests_per_second", err)
	case r.StatusCode() < 300:
		return fmt.Errorf("%w with a web page; check tomorro.url, and what stands between here and Tomorro", err)
	}
	return err
}

// quiet is resty's logger on slog. Resty words its lines for developers, and
// what matters reaches the caller as an error.
type quiet struct{ log *slog.Logger }

func (q quiet) Errorf(format string, v ...any) { q.log.Debug(fmt.Sprintf(format, v...)) }
func (q quiet) Warnf(format string, v ...any)  { q.log.Debug(fmt.Sprintf(format, v...)) }
func (q quiet) Debugf(format string, v ...any) { q.log.Debug(fmt.Sprintf(format, v...)) }
