package push

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// key is a token that is let in, as its hash, with how often it may come.
type key struct {
	hash    [sha256.Size]byte
	limiter *rate.Limiter
}

// minToken is how short a token may be. Failed guesses are not counted, so that
// nobody can lock OneLogin out; a token must be too long to guess.
const minToken = 16

// newKey reads a token of the configuration. Its errors do not show it.
func newKey(token string, limit rate.Limit, burst int) (key, error) {
	k := key{limiter: rate.NewLimiter(limit, burst)}
	digits, hashed := strings.CutPrefix(token, "sha256:")
	switch {
	case strings.TrimSpace(token) == "":
		return key{}, errors.New("is empty")
	case hashed:
		n, err := hex.Decode(k.hash[:], []byte(digits[:min(len(digits), 2*sha256.Size)]))
		if err != nil || n != sha256.Size || len(digits) != 2*sha256.Size {
			return key{}, errors.New("sha256: wants 64 hexadecimal digits")
		}
		if k.hash == sha256.Sum256(nil) {
			return key{}, errors.New("is the hash of nothing")
		}
	case strings.TrimSpace(token) != token:
		return key{}, errors.New("has blanks around it")
	case len(token) < minToken:
		return key{}, fmt.Errorf("has %d characters; it needs %d, or it can be guessed", len(token), minToken)
	default:
		k.hash = sha256.Sum256([]byte(token))
	}
	return k, nil
}

// admit decides who is let in: by address, by token, by rate.
func (c *call) admit() error {
	if !c.allowed(c.r.RemoteAddr) {
		p := refuse(http.StatusForbidden, "", "This address is not on the listener's list of client addresses.")
		p.kind = "address"
		return p
	}
	k, ok := c.authenticate(c.r.Header.Values("Authorization"))
	if !ok {
		p := refuse(http.StatusUnauthorized, "", "The bearer token is missing or not one of this listener's. Compare the SCIM Bearer Token in OneLogin's app.")
		p.kind = "token"
		return p
	}
	if wait, ok := k.take(time.Now()); !ok {
		p := refuse(http.StatusTooManyRequests, "", "Too many requests with this token. Nothing was changed; try again in %s.", wait.Round(time.Second))
		p.kind, p.after = "rate", wait
		return p
	}
	size := 0
	for name, values := range c.r.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > maxHeader {
		return refuse(http.StatusRequestHeaderFieldsTooLarge, "", "The request's headers are larger than %d KiB.", maxHeader>>10)
	}
	return nil
}

// allowed goes by the address of the connection, never by a header, which a client can
// make up.
func (l *Listener) allowed(remote string) bool {
	if len(l.o.Allow) == 0 {
		return true
	}
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	address := at.Addr().Unmap().WithZone("")
	for _, prefix := range l.o.Allow {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// authenticate compares the token's hash with every hash there is, each in
// constant time, so that neither which nor how much of it fits can be measured.
func (l *Listener) authenticate(headers []string) (*key, bool) {
	if len(headers) != 1 {
		return nil, false
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, false
	}
	hash := sha256.Sum256([]byte(strings.TrimSpace(token)))
	found := -1
	for i := range l.keys {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], l.keys[i].hash[:]), i, found)
	}
	if found < 0 {
		return nil, false
	}
	return &l.keys[found], true
}

// take takes one request from the token's rate, or says how long to wait.
func (k *key) take(now time.Time) (wait time.Duration, ok bool) {
	r := k.limiter.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait == 0 && r.OK() {
		return 0, true
	}
	r.CancelAt(now)
	return max(wait, time.Second), false
}

// whereabouts names the functions that panicked, without their arguments.
func whereabouts() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])])
	var names []string
	for {
		f, more := frames.Next()
		names = append(names, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more || len(names) == 6 {
			return strings.Join(names, " < ")
		}
	}
}
