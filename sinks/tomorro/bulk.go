package tomorro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// bulkAtOnce is how many Bulk requests are under way at most. The service still needs
// time for each operation: more requests would only wait for one another.
const bulkAtOnce = 4

// bulkLinger is how long a request that is not full waits for writes that come with the
// first one, and how often again while more came: little beside a round trip.
const (
	bulkLinger  = 3 * time.Millisecond
	bulkLingers = 5
)

// defaultBulkBytes is the largest body of a request when the service does not say.
const defaultBulkBytes = 1 << 20

// bulk makes one request of writes that come together (RFC 7644 section 3.7): it takes
// the place of a transport, gives each write the answer that its operation got, and so
// changes nothing for who writes. Nothing in one request depends on another part of it.
//
// Only writes of a run are gathered, which are those with a fence. A push is answered by
// itself: one account at which Tomorro hangs would hold up all who share its request.
type bulk struct {
	base http.RoundTripper
	root *url.URL // of the service
	cfg  *Config

	mu      sync.Mutex
	most    int // operations in one request, Config.Bulk at first; 1 or less: none are sent
	queue   []*operation
	senders int
}

// operation is one write on its way.
type operation struct {
	request *http.Request
	body    []byte
	answer  chan opAnswer // has room for one
}

// opAnswer is what came of it: an answer, an error, or neither, when it is to be sent by
// itself.
type opAnswer struct {
	response *http.Response
	err      error
	unsent   bool // the error came before anything was sent
}

// The wire form.
type (
	bulkOperation struct {
		Method string          `json:"method"`
		Path   string          `json:"path"`
		BulkID string          `json:"bulkId"`
		Data   json.RawMessage `json:"data,omitempty"`
	}
	bulkRequest struct {
		Schemas    []string        `json:"schemas"`
		Operations []bulkOperation `json:"Operations"`
	}
	bulkResult struct {
		Method   string          `json:"method"`
		BulkID   string          `json:"bulkId"`
		Location string          `json:"location"`
		Status   bulkStatus      `json:"status"`
		Response json.RawMessage `json:"response"`
	}
)

// bulkStatus reads a status as text, which RFC 7644 section 3.7.3 asks for, or as a
// number, which services send all the same.
type bulkStatus int

// UnmarshalJSON implements json.Unmarshaler.
func (s *bulkStatus) UnmarshalJSON(text []byte) error {
	n, err := strconv.Atoi(strings.Trim(string(text), `"`))
	if err != nil || n < 100 || n > 599 {
		return fmt.Errorf("%s is no status", text)
	}
	*s = bulkStatus(n)
	return nil
}

// gathering lays Bulk over a transport, if it is wanted.
func gathering(cfg *Config, base http.RoundTripper, root *url.URL) http.RoundTripper {
	if cfg.Bulk <= 1 {
		return base
	}
	return &bulk{base: base, root: root, cfg: cfg, most: cfg.Bulk}
}

// RoundTrip implements http.RoundTripper.
func (b *bulk) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet || !reconcile.Fenced(r.Context()) || !b.gathers() {
		return b.base.RoundTrip(r)
	}
	o := &operation{request: r, answer: make(chan opAnswer, 1)}
	if r.Body != nil {
		var err error
		o.body, err = io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
	}
	b.add(o)
	select {
	case a := <-o.answer:
		if a.response != nil || a.err != nil {
			if !a.unsent {
				notice(r.Context(), a.response, a.err)
			}
			return a.response, a.err
		}
	case <-r.Context().Done(): // it is left out, if it is not on its way
		unanswered(r.Context())
		return nil, r.Context().Err()
	}
	single := r.WithContext(r.Context())
	if r.Body != nil {
		single.Body = io.NopCloser(bytes.NewReader(o.body))
	}
	return b.base.RoundTrip(single)
}

func (b *bulk) gathers() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most > 1
}

func (b *bulk) add(o *operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, o)
	if b.senders < bulkAtOnce {
		b.senders++
		go b.send()
	}
}

// awaited leaves the operations that somebody still waits for.
func awaited(ops []*operation) []*operation {
	return slices.DeleteFunc(ops, func(o *operation) bool { return o.request.Context().Err() != nil })
}

// send makes requests until nothing waits.
func (b *bulk) send() {
	for {
		b.linger()
		ops := b.take()
		if len(ops) == 0 {
			return
		}
		b.deal(ops)
	}
}

// deal answers operations. Whoever gave up while the request waited for its turn has
// nothing written: it is made again for the others.
func (b *bulk) deal(ops []*operation) {
	for {
		answers := make([]opAnswer, len(ops)) // each to be sent by itself
		if len(ops) > 1 {
			answers = b.request(ops)
		}
		if len(ops) == 0 || !errors.Is(answers[0].err, errGivenUp) {
			for i, o := range ops {
				o.answer <- answers[i]
			}
			return
		}
		ops = awaited(ops)
	}
}

var errGivenUp = errors.New("nobody waits for one of several writes any more")

// linger waits while writes arrive, until a request is full.
func (b *bulk) linger() {
	had := 0
	for range bulkLingers {
		b.mu.Lock()
		n, most := len(b.queue), b.most
		b.mu.Unlock()
		if n >= most || n <= had && had > 0 {
			return
		}
		had = n
		time.Sleep(bulkLinger)
	}
}

// take gives the next request's operations. Without any, the sender is over.
func (b *bulk) take() []*operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = awaited(b.queue)
	const around = 200 // bytes that an operation has besides its data
	n, size := 0, around
	for n < len(b.queue) && n < max(1, b.most) {
		if size += len(b.queue[n].body) + len(b.queue[n].request.URL.Path) + around; n > 0 && size > b.cfg.BulkBytes {
			break
		}
		n++
	}
	if n == 0 {
		b.senders--
	}
	ops := slices.Clone(b.queue[:n])
	b.queue = slices.Delete(b.queue, 0, n)
	return ops
}

// request makes one request of them. A service that needs long for each gets fewer at
// once: whoever waits longer than the timeout does not know what became of a write.
func (b *bulk) request(ops []*operation) []opAnswer {
	ctx, cancel := together(ops)
	defer cancel()
	ctx, doubt := doubting(ctx)
	var began time.Time // once it has its turn
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { began = time.Now() }})
	body := bulkRequest{Schemas: []string{scim.SchemaBulkRequest}}
	for i, o := range ops {
		path := "/" + strings.TrimPrefix(strings.TrimPrefix(o.request.URL.EscapedPath(), b.root.EscapedPath()), "/")
		body.Operations = append(body.Operations, bulkOperation{Method: o.request.Method, Path: path, BulkID: strconv.Itoa(i), Data: o.body})
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.root.JoinPath("Bulk").String(), bytes.NewReader(marshal(body)))
	if err != nil {
		return same(ops, opAnswer{err: err, unsent: true})
	}
	r.Header = ops[0].request.Header.Clone()
	r.Header.Set("Content-Type", b.cfg.ContentType) // a DELETE has none
	resp, err := b.base.RoundTrip(r)
	defer func() {
		if !began.IsZero() && time.Since(began) > b.cfg.Timeout/3 {
			b.atMost(max(1, len(ops)/2))
		}
	}()
	if err != nil {
		return same(ops, opAnswer{err: err, unsent: !doubt.Load()})
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return same(ops, opAnswer{err: fmt.Errorf("read the answer to %d writes: %w", len(ops), err)})
	}
	return b.answered(ops, resp, text)
}

// together gives a context that ends when nobody waits any more, and whose fence checks
// those of all, and that all still wait.
func together(ops []*operation) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	var waiting atomic.Int64
	waiting.Store(int64(len(ops)))
	stops := make([]func() bool, len(ops))
	for i, o := range ops {
		stops[i] = context.AfterFunc(o.request.Context(), func() {
			if waiting.Add(-1) == 0 {
				cancel()
			}
		})
	}
	ctx = reconcile.WithFence(ctx, func() error {
		for _, o := range ops {
			if o.request.Context().Err() != nil {
				return errGivenUp
			}
			if err := reconcile.Fence(o.request.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

func same(ops []*operation, a opAnswer) []opAnswer {
	return slices.Repeat([]opAnswer{a}, len(ops))
}

// answered gives each operation its part of an answer, with whatever status of success
// the service sends it. One that takes no such request, or not one as large, has done
// nothing: each is then sent by itself.
func (b *bulk) answered(ops []*operation, resp *http.Response, text []byte) []opAnswer {
	if resp.StatusCode < 300 {
		return parts(ops, text)
	}
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		b.atMost(1)
		return make([]opAnswer, len(ops))
	case http.StatusRequestEntityTooLarge, http.StatusBadRequest: // or one among them that spoils the others
		b.atMost(len(ops) / 2)
		return make([]opAnswer, len(ops))
	}
	answers := make([]opAnswer, len(ops))
	for i, o := range ops {
		answers[i].response = response(o.request, resp.StatusCode, resp.Header, text)
	}
	return answers
}

func (b *bulk) atMost(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = min(b.most, n)
}

var errUnanswered = errors.New("the answer to several writes leaves this one out")

// parts finds the part of each operation: by its bulkId, or where the service gives none
// back, by its place in the list, if method and id agree.
func parts(ops []*operation, text []byte) []opAnswer {
	var got struct {
		Operations []bulkResult `json:"Operations"`
	}
	answers := same(ops, opAnswer{err: errUnanswered})
	if err := json.Unmarshal(text, &got); err != nil {
		return same(ops, opAnswer{err: fmt.Errorf("the answer to %d writes is not SCIM: %w", len(ops), err)})
	}
	for place, part := range got.Operations {
		i, err := strconv.Atoi(part.BulkID)
		if part.BulkID == "" && len(got.Operations) == len(ops) {
			i, err = place, nil
		}
		if err != nil || i < 0 || i >= len(ops) || part.Status == 0 || !ops[i].answeredBy(&part) {
			continue
		}
		header := http.Header{"Content-Type": {scim.MediaType}}
		if part.Location != "" {
			header.Set("Location", part.Location)
		}
		body := part.Response
		if string(body) == "null" {
			body = nil
		}
		answers[i] = opAnswer{response: response(ops[i].request, int(part.Status), header, body)}
	}
	return answers
}

// answeredBy reports whether a part can be this operation's.
func (o *operation) answeredBy(part *bulkResult) bool {
	at, err := url.Parse(part.Location)
	if err != nil || !strings.EqualFold(part.Method, o.request.Method) {
		return false
	}
	if o.request.Method == http.MethodPost || part.Location == "" { // a new id, or none
		return true
	}
	return strings.HasSuffix(at.Path, o.request.URL.Path[strings.LastIndex(o.request.URL.Path, "/"):])
}

// response is what the operation would have got by itself.
func response(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	return &http.Response{Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}
