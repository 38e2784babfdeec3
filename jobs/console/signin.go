package console

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
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
	if _, is := c.sessions.look(cookie(r, sessionCookie), true); is {
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
	c.render(w, status, "signin", &page{Title: "Sign in", Problem: p, Body: body})
}

// peopleNames is what somebody may call themselves: what journals and pages show.
var peopleNames = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@' +-]{0,63}$`)

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
	if !peopleNames.MatchString(who) {
		c.signInPage(w, r, http.StatusBadRequest, &problem{What: "Who are you?", Do: "Write your name: the journal keeps who decided what. Letters, digits and . _ @ - are fine."})
		return
	}
	if token.Name == "" && c.belongs(who) {
		c.signInPage(w, r, http.StatusForbidden, &problem{What: who + " signs in with a token of their own.", Do: "Use that token, or write another name."})
		return
	}
	// With a provider, a token is nobody's second pair of eyes: its owner may have signed in there.
	c.sessions.end(cookie(r, sessionCookie)) // an id from before the sign-in is never one after it
	setCookie(w, r, sessionCookie, c.sessions.begin(who, token.Name != "" && c.provider == nil), c.provider.https())
	setCookie(w, r, formCookie, "", c.provider.https())
	c.Log.Info("somebody signed in to the console", "from", r.RemoteAddr)
	http.Redirect(w, r, local(r.PostFormValue("next")), http.StatusSeeOther)
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
	c.sessions.end(cookie(v.r, sessionCookie))
	setCookie(v.w, v.r, sessionCookie, "", c.provider.https())
	v.redirect("/signin")
}

// signedIn lets only those in who have a session, and forms only with its token.
func (c *console) signedIn(show func(*visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		live := strings.HasSuffix(r.URL.Path, "/events") // a page left open is no visit
		s, is := c.sessions.look(cookie(r, sessionCookie), !live)
		if !is {
			to := "/signin"
			if r.Method == http.MethodGet && r.URL.Path != "/" {
				to += "?next=" + url.QueryEscape(r.URL.RequestURI())
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		v := &visit{c: c, w: w, r: r, session: s}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !same(s.csrf, r.PostFormValue("csrf")) {
			v.refused("", "This form is no longer good, or not one of ours.", "Go back, load the page again, and send it once more.")
			return
		}
		show(v)
	}
}
