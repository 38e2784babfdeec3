package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// signInForm is the body of the sign-in page.
type signInForm struct {
	Form  string // the token of the form
	Next  string
	Name  string
	Named bool   // each token is somebody's: nobody says who they are
	Token bool   // somebody may sign in with one
	At    string // the provider at which they may; empty: none
}

func (c *console) showSignIn(w http.ResponseWriter, r *http.Request) {
	if _, is, err := c.session(r, true); err == nil && is {
		http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
		return
	}
	c.signInPage(w, r, http.StatusOK, nil)
}

func (c *console) signInPage(w http.ResponseWriter, r *http.Request, status int, p *problem) {
	form := cookie(r, formCookie)
	if form == "" {
		form = rand.Text()
		setCookie(w, r, formCookie, form, c.provider.https())
	}
	named := true
	for i := range c.Tokens {
		named = named && c.Tokens[i].Name != ""
	}
	body := signInForm{Form: form, Next: r.FormValue("next"), Name: r.PostFormValue("name"), Named: named, Token: len(c.Tokens) > 0}
	if c.provider != nil {
		body.At = c.provider.host()
	}
	c.render(w, status, "signin", &page{Title: "Sign in", Problem: p, Notice: notices[r.URL.Query().Get("said")], Body: body})
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	if !same(cookie(r, formCookie), r.PostFormValue("csrf")) {
		c.signInPage(w, r, http.StatusForbidden, &problem{What: "This form is no longer good.", Do: "Sign in once more. Cookies of this address must be allowed."})
		return
	}
	if !c.doors.open(r) {
		c.tooMany(w, r)
		return
	}
	token, good := admit(c.Tokens, r.PostFormValue("token"))
	if !good {
		c.Log.Warn("somebody was not let into the console", "from", r.RemoteAddr)
		c.signInPage(w, r, http.StatusUnauthorized, &problem{What: "This is not the token.", Do: "It is the one of listen.console_token in the configuration of serve; demo --serve prints it."})
		return
	}
	who := token.Name
	if who == "" {
		who = strings.TrimSpace(r.PostFormValue("name"))
	}
	if !personName(who) {
		c.signInPage(w, r, http.StatusBadRequest, &problem{What: "Who are you?", Do: "Write your name: the journal keeps who decided what. Letters, digits and . _ @ - are fine."})
		return
	}
	if token.Name == "" && c.belongs(who) {
		c.signInPage(w, r, http.StatusForbidden, &problem{What: who + " signs in with a token of their own.", Do: "Use that token, or write another name."})
		return
	}
	// With a provider, a token is nobody's second pair of eyes: its owner may have signed in there.
	one := session{Who: who, Proven: token.Name != "" && c.provider == nil, Decides: true, Life: sessionLife, Key: token.mark()}
	if !c.begin(w, r, one) {
		return
	}
	c.Log.Info("somebody signed in to the console", "from", r.RemoteAddr)
	http.Redirect(w, r, local(r.PostFormValue("next")), http.StatusSeeOther)
}

// begin opens a session for the browser, and says so when it cannot. An id from before
// the sign-in is never one after it.
func (c *console) begin(w http.ResponseWriter, r *http.Request, one session) bool {
	err := c.sessions.end(r.Context(), cookie(r, sessionCookie))
	var id string
	if err == nil {
		id, err = c.sessions.open(r.Context(), one)
	}
	if err != nil {
		c.unkept(w, r, err)
		return false
	}
	setCookie(w, r, sessionCookie, id, c.provider.https())
	setCookie(w, r, formCookie, "", c.provider.https())
	return true
}

// unkept answers when who is signed in cannot be read or written.
func (c *console) unkept(w http.ResponseWriter, r *http.Request, err error) {
	c.Log.Warn("the console cannot tell who is signed in", "error", err)
	w.Header().Set("Retry-After", "10")
	c.signInPage(w, r, http.StatusServiceUnavailable, &problem{What: "Nobody can be signed in just now.", Do: "Redis does not answer, where the console keeps who is. Try again when it does; the log of this process says more."})
}

// session finds who a request is from. Who came in by what opens nothing any more is
// out: a token that was changed, or a provider that is no longer asked, or for other roles.
func (c *console) session(r *http.Request, visits bool) (session, bool, error) {
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	one, is, err := c.sessions.look(ctx, cookie(r, sessionCookie), visits)
	good := c.provider != nil && one.Key == c.provider.mark() ||
		slices.ContainsFunc(c.Tokens, func(t Token) bool { return t.mark() == one.Key })
	return one, is && good, err
}

func (c *console) tooMany(w http.ResponseWriter, r *http.Request) {
	c.Log.Warn("too many attempts to sign in to the console", "from", r.RemoteAddr)
	w.Header().Set("Retry-After", "60")
	c.signInPage(w, r, http.StatusTooManyRequests, &problem{What: "There were too many attempts.", Do: "Wait a minute, then try again."})
}

// belongs tells whether a name is that of somebody's own token.
func (c *console) belongs(name string) bool {
	return slices.ContainsFunc(c.Tokens, func(t Token) bool { return reconcile.Fold(t.Name) == reconcile.Fold(name) })
}

func (c *console) signOut(v *visit) {
	if err := c.sessions.end(v.r.Context(), cookie(v.r, sessionCookie)); err != nil {
		v.broken("", err)
		return
	}
	setCookie(v.w, v.r, sessionCookie, "", c.provider.https())
	v.redirect("/signin")
}

// signedIn lets only those in who have a session, and forms only with its token.
func (c *console) signedIn(show func(*visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		live := strings.HasSuffix(r.URL.Path, "/events") // a page left open is no visit
		s, is, err := c.session(r, !live)
		if err != nil {
			c.unkept(w, r, err)
			return
		}
		if !is {
			to := "/signin"
			switch {
			case r.Method == http.MethodGet && r.URL.Path != "/":
				to += "?next=" + url.QueryEscape(r.URL.RequestURI())
			case r.Method == http.MethodPost && r.URL.Path != "/signout": // back to where the form was
				page, _, _ := strings.Cut(r.URL.Path, "/holds/")
				if page != r.URL.Path {
					page += "/holds"
				}
				to += "?said=ended&next=" + url.QueryEscape(page)
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		v := &visit{c: c, w: w, r: r, session: s}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !same(s.CSRF, r.PostFormValue("csrf")) {
			v.refused("", "This form is no longer good, or not one of ours.", "Go back, load the page again, and send it once more.")
			return
		}
		show(v)
	}
}
