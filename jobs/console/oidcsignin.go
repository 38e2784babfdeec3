package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"tomorro-sync/jobs"
)

// attemptLife is how long somebody may take at the provider.
const attemptLife = 10 * time.Minute

// attempt is a sign-in that is under way at the provider.
type attempt struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Next     string    `json:"next"` // where it leads to
	Began    time.Time `json:"began"`
}

// attempts are kept as sessions are, each for one use, by a digest of the cookie that
// its browser has. How many there are is bounded by the doors.
type attempts struct {
	now   func() time.Time
	shelf jobs.Shelf
}

func (s *attempts) begin(ctx context.Context, next string) (id string, a attempt, err error) {
	id = rand.Text() + rand.Text()
	a = attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next, Began: s.now()}
	data, err := json.Marshal(a)
	if err != nil {
		return "", a, fmt.Errorf("begin a sign-in: %w", err)
	}
	return id, a, s.shelf.Keep(ctx, shelfName("attempt", id), data, attemptLife)
}

// take gives an attempt once.
func (s *attempts) take(ctx context.Context, id string) (a attempt, is bool, err error) {
	if id == "" {
		return attempt{}, false, nil
	}
	data, found, err := s.shelf.Withdraw(ctx, shelfName("attempt", id))
	if err != nil || !found {
		return attempt{}, false, err
	}
	if err := json.Unmarshal(data, &a); err != nil || s.now().Sub(a.Began) > attemptLife {
		return attempt{}, false, nil
	}
	return a, true, nil
}

// attemptCookie goes with a sign-in at the provider. It is Lax, since the provider
// sends the browser back.
const attemptCookie = "tomorro_sync_attempt"

func (c *console) setAttempt(w http.ResponseWriter, id string) {
	k := &http.Cookie{Name: attemptCookie, Value: id, Path: CallbackPath, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: c.provider.https(), MaxAge: int(attemptLife / time.Second)}
	if id == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

// leave sends somebody to the provider. A session ends here: its cookie does not
// come with the answer, which another site sends.
func (c *console) leave(w http.ResponseWriter, r *http.Request) {
	if !c.doors.open(r) {
		c.tooMany(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), providerTimeout)
	defer cancel()
	err := c.sessions.end(ctx, cookie(r, sessionCookie))
	var id string
	var a attempt
	if err == nil {
		id, a, err = c.attempts.begin(ctx, local(r.FormValue("next")))
	}
	if err != nil {
		c.unkept(w, r, err)
		return
	}
	to, err := c.provider.address(ctx, &a)
	if err != nil {
		c.notEntered(w, r, err)
		return
	}
	c.setAttempt(w, id)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// enter takes somebody in whom the provider sends back.
func (c *console) enter(w http.ResponseWriter, r *http.Request) {
	a, is, err := c.attempts.take(r.Context(), cookie(r, attemptCookie))
	if err != nil {
		c.unkept(w, r, err)
		return
	}
	c.setAttempt(w, "")
	query := r.URL.Query()
	if !is || !same(a.State, query.Get("state")) {
		c.Log.Warn("a sign-in came back that nobody here began", "from", r.RemoteAddr)
		c.signInPage(w, r, http.StatusForbidden, &problem{What: "This sign-in is no longer good.", Do: "Sign in once more, in one window. Cookies of this address must be allowed; it may take ten minutes at most."})
		return
	}
	// RFC 9207: a provider that says who it is must be the one that was asked.
	if from := query.Get("iss"); from != "" && from != c.provider.Issuer {
		c.notEntered(w, r, errors.New("another provider answered than was asked"))
		return
	}
	if query.Has("error") {
		c.providerRefused(w, r, query.Get("error"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*providerTimeout)
	defer cancel()
	who, err := c.provider.finish(ctx, query.Get("code"), &a)
	switch {
	case err != nil:
		c.notEntered(w, r, err)
		return
	case !who.reads:
		c.Log.Warn("somebody without a role was not let into the console", "from", r.RemoteAddr, "subject", who.id, "claim", c.provider.GroupsClaim, "listed", who.listed)
		c.signInPage(w, r, http.StatusForbidden, &problem{What: "You have no access to this console.", Why: c.provider.host() + " knows you, but gives you none of the roles that open it.",
			Do: "Ask for one of the roles of listen.oidc (viewers, approvers) in the configuration of serve, then sign in again."})
		return
	}
	if !c.begin(w, r, session{Who: who.who, Proven: true, Decides: who.decides, Life: oidcLife, Key: c.provider.mark()}) {
		return
	}
	c.Log.Info("somebody signed in to the console", "from", r.RemoteAddr, "subject", who.id, "decides", who.decides)
	// The session's cookie is Strict: it goes only with what a page of ours asks for,
	// so this one does, where a redirect would still be the provider's.
	c.render(w, http.StatusOK, "entered", &page{Title: "Signed in", Next: a.Next})
}

// notEntered answers when the provider could not be asked, or what it says is not
// good enough. The log has the reason, the page does not.
func (c *console) notEntered(w http.ResponseWriter, r *http.Request, err error) {
	c.Log.Warn("a sign-in at the OpenID Connect provider failed", "from", r.RemoteAddr, "error", err)
	if errors.Is(err, errProvider) {
		c.signInPage(w, r, http.StatusServiceUnavailable, &problem{What: "The sign-in at " + c.provider.host() + " cannot be reached.",
			Do: "Try again in a minute. If it stays so, look at listen.oidc.issuer in the configuration of serve, and at the log of this process."})
		return
	}
	c.signInPage(w, r, http.StatusForbidden, &problem{What: "The answer of " + c.provider.host() + " was not accepted.", Do: "Sign in once more. If it stays so, the log of this process says why."})
}

// providerRefused answers for an error of RFC 6749, section 4.1.2.1. Whatever else
// came with it is not shown: anybody can write an address.
func (c *console) providerRefused(w http.ResponseWriter, r *http.Request, code string) {
	if !errorCodes.MatchString(code) {
		code = "an error without a name"
	}
	c.Log.Warn("the OpenID Connect provider refused a sign-in", "from", r.RemoteAddr, "error", code)
	p := &problem{What: c.provider.host() + " did not sign you in.", Why: "It says: " + code, Do: "Sign in once more. If it stays so, ask who administers it whether you have the app of this console."}
	if code == "access_denied" {
		p.Why = "It says that access was denied, or you went back."
	}
	c.signInPage(w, r, http.StatusForbidden, p)
}
