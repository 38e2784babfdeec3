package console

import (
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// policy is what a page may load: our two files, pictures of ours, and nothing that
// stands in the page itself.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// mostForm bounds what a form may send.
const mostForm = 1 << 20

// guarded gives every answer the headers that keep browsers from helping others,
// and refuses forms that another site sends.
func guarded(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, mostForm)
		next.ServeHTTP(w, r)
	})
}

// cached lets the two files be kept for a while: they name nobody.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		next.ServeHTTP(w, r)
	})
}

// doors count attempts to sign in: by address, and all of them, since addresses
// are cheap. An attempt counts before it is looked at, whether it is good or not.
type doors struct {
	now func() time.Time

	mu   sync.Mutex
	all  *rate.Limiter
	each map[string]*door
}

type door struct {
	attempts *rate.Limiter
	seen     time.Time
}

const (
	attemptsEach    = 10               // at once, from one address
	attemptEvery    = 20 * time.Second // then one more
	attemptsAll     = 60
	attemptAllEvery = 2 * time.Second
	mostDoors       = 4096
)

func newDoors(now func() time.Time) *doors {
	return &doors{now: now, all: rate.NewLimiter(rate.Every(attemptAllEvery), attemptsAll), each: make(map[string]*door)}
}

// open tells whether somebody at this address may try.
func (d *doors) open(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	one := d.each[host]
	if one == nil {
		d.sweep(now)
		one = &door{attempts: rate.NewLimiter(rate.Every(attemptEvery), attemptsEach)}
		d.each[host] = one
	}
	one.seen = now
	return one.attempts.AllowN(now, 1) && d.all.AllowN(now, 1)
}

// sweep forgets addresses whose attempts have all come back. If there are too many
// others, all are forgotten: the common limit still holds.
func (d *doors) sweep(now time.Time) {
	if len(d.each) < mostDoors {
		return
	}
	for host, one := range d.each {
		if now.Sub(one.seen) > attemptsEach*attemptEvery {
			delete(d.each, host)
		}
	}
	if len(d.each) >= mostDoors {
		clear(d.each)
	}
}
