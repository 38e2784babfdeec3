package push

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"tomorro-sync/reconcile/scim"
)

// Options are what a Listener needs. Tokens, Users, Groups and Pusher are
// required.
type Options struct {
	Users  Users
	Groups Groups
	Pusher Pusher
	// Tokens are the bearer tokens that are let in, each as it is (16 characters or
	// more) or as sha256:HEX of it. Two of them make a rotation without a gap.
	Tokens []string
	// Allow are the addresses that are let in; empty lets all in.
	Allow []netip.Prefix
	// Prefix is the path of the SCIM base URL; default /scim/v2.
	Prefix string
	// BaseURL is the SCIM base URL as clients know it, for meta.location. Without
	// one, locations are paths: a Host header is not believed.
	BaseURL string
	// Deadline is how long one request may take, its body included; default 8 s.
	Deadline time.Duration
	// Rate is how many requests a second one token may make, and Burst how many at
	// once; default 300 and 1,000. rate.Inf does not limit.
	Rate  rate.Limit
	Burst int
	Log   *slog.Logger // one line a request; nil: silent
}

// The limits of what is read.
const (
	maxBody     = 1 << 20
	maxDepth    = 32
	maxHeader   = 16 << 10 // names and values together
	maxText     = 1024     // bytes in a name, an id, a title
	maxFilter   = 8 << 10
	maxLists    = 4 // of everybody, at once: each reads all of Tomorro
	defaultRate = 300
)

// Listener is the SCIM service as a http.Handler. It may be used by many
// goroutines and starts none.
type Listener struct {
	o        Options
	keys     []key
	prefix   []string // segments of Options.Prefix
	location string   // what comes before /Users in a location
	lists    chan struct{}
}

// New checks the options. It refuses to serve without a token, or with one that
// is empty or short enough to be guessed.
func New(o Options) (*Listener, error) {
	if o.Users == nil || o.Groups == nil || o.Pusher == nil {
		return nil, errors.New("the SCIM listener needs Users, Groups and a Pusher")
	}
	if o.Prefix == "" {
		o.Prefix = "/scim/v2"
	}
	if o.Deadline <= 0 {
		o.Deadline = 8 * time.Second
	}
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	if o.Burst <= 0 {
		o.Burst = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Listener{o: o, prefix: segments(o.Prefix), lists: make(chan struct{}, maxLists)}
	l.location = "/" + strings.Join(l.prefix, "/")
	if o.BaseURL != "" {
		l.location = o.BaseURL
	}
	l.location = strings.TrimRight(l.location, "/")
	for i, token := range o.Tokens {
		k, err := newKey(token, o.Rate, o.Burst)
		if err != nil {
			return nil, fmt.Errorf("the SCIM listener's token %d: %w", i+1, err)
		}
		l.keys = append(l.keys, k)
	}
	if len(l.keys) == 0 {
		return nil, errors.New("the SCIM listener needs a bearer token: without one, everybody could take access away")
	}
	return l, nil
}

// answer is what is sent. Its body is rendered before anything is written, so that a
// failure to render can still be answered as an error.
type answer struct {
	status   int
	body     []byte // empty with 204 and 304
	location string
	etag     string
}

// call is one request on its way.
type call struct {
	*Listener
	r     *http.Request
	id    string // the request's
	route string // the pattern, for the log
	query query
}

// ServeHTTP answers one request.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := &call{Listener: l, r: r, id: rand.Text(), route: "-"}
	w.Header().Set("X-Request-Id", c.id)
	a, err := c.contained(w)
	var p *problem
	if err != nil {
		p = problemOf(err)
		a = p.answer(w.Header())
	}
	c.log(a.status, p, time.Since(start))
	a.write(w, r.Method != http.MethodHead)
}

// contained turns a panic into an error. A panic's value may name people, so
// only its type is logged, with where it happened.
func (c *call) contained(w http.ResponseWriter) (a answer, err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		c.o.Log.Error("a request panicked", "request", c.id, "route", c.route, "type", fmt.Sprintf("%T", v), "at", whereabouts())
		err = &problem{kind: "panic", says: scim.Error{
			Status: http.StatusInternalServerError, Detail: "The synchronisation failed on this request. Its log has the details under request " + c.id + ".",
		}}
	}()
	if err := c.admit(); err != nil {
		return answer{}, err
	}
	h, err := c.find()
	if err != nil {
		return answer{}, err
	}
	if c.query, err = readQuery(c.r.URL.RawQuery); err != nil {
		return answer{}, err
	}
	ctx := c.r.Context()
	if c.asked() != http.MethodGet {
		ctx = context.WithoutCancel(ctx) // a client that hangs up does not undo half a write
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Deadline)
	defer cancel()
	c.limitBody(w)
	c.r = c.r.WithContext(ctx)
	return h.serve(c, h.id)
}

// limitBody bounds how much is read, and for how long.
func (c *call) limitBody(w http.ResponseWriter) {
	if c.r.Body == nil || c.r.Body == http.NoBody {
		c.r.Body = http.NoBody
		return
	}
	c.r.Body = http.MaxBytesReader(w, c.r.Body, maxBody)
	// It fails for the recorders of tests only, which have no deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(c.o.Deadline))
}

// log writes one line that names nobody.
func (c *call) log(status int, p *problem, took time.Duration) {
	level, attrs := slog.LevelInfo, []any{
		"request", c.id, "method", method(c.r.Method), "route", c.route, "status", status, "took", took.Round(time.Microsecond),
	}
	if p != nil {
		attrs = append(attrs, "because", p.kind)
		level = slog.LevelWarn
		if status >= 500 && status != http.StatusNotImplemented {
			level = slog.LevelError
		}
	}
	c.o.Log.Log(context.WithoutCancel(c.r.Context()), level, "scim", attrs...)
}

// answer renders a problem, with the headers that belong to it.
func (p *problem) answer(h http.Header) answer {
	if p.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.after+time.Second-1)/time.Second)))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.says.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="scim"`)
	}
	return answer{status: p.says.Status, body: p.says.Body()}
}

// write sends an answer, with its body only when whole: HEAD gets the headers alone. These
// must be set before the status is written.
func (a answer) write(w http.ResponseWriter, whole bool) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.etag != "" {
		h.Set("ETag", a.etag)
	}
	if len(a.body) > 0 {
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if whole {
		_, _ = w.Write(a.body) // the client may have gone
	}
}

// render makes an answer of anything that JSON can say.
func render(status int, v any) (answer, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{}, fmt.Errorf("render an answer: %w", err)
	}
	return answer{status: status, body: body}, nil
}
