package console

import (
	"cmp"
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile/words"
)

// visit is one request of somebody who is signed in.
type visit struct {
	c       *console
	w       http.ResponseWriter
	r       *http.Request
	session session
	conn    *Connection // nil outside of one
}

// page is what the templates are given.
type page struct {
	Title       string
	Section     string // of the menu
	Who         string
	CSRF        string
	Connection  string
	Connections []string
	Base        string // the address of the connection, without the last slash
	Notice      string // what became of the form before
	Problem     *problem
	Decides     bool   // who looks may change something
	Next        string // where the page goes on to by itself
	Reload      bool   // reload by itself where there is no JavaScript
	State       string // what a live page compares: see liveState
	Search      string
	Body        any

	now  time.Time
	zone *time.Location
	// Called is how the program is called for the connection.
	Called string
}

// Zone names the time zone that times are shown in.
func (p *page) Zone() string { return p.zone.String() }

// problem is what went wrong, and what to do.
type problem struct{ What, Why, Do string }

func (c *Connection) called() string { return cmp.Or(c.Command, "tomorro-sync") }

// askTimeout bounds how long a page waits for Redis, lookTimeout for OneLogin and
// Tomorro.
const (
	askTimeout  = 5 * time.Second
	lookTimeout = 55 * time.Second
)

func (v *visit) page(section, title string) *page {
	p := &page{Title: title, Section: section, Who: v.session.Who, CSRF: v.session.CSRF, Decides: v.session.Decides, now: v.c.Now(), zone: time.UTC}
	for _, conn := range v.c.Connections {
		p.Connections = append(p.Connections, conn.Name)
	}
	conn := v.conn
	if conn == nil && len(v.c.Connections) > 0 {
		conn = v.c.Connections[0]
	}
	if conn != nil {
		p.Connection, p.Base, p.Called = conn.Name, "/c/"+conn.Name, conn.called()
		if conn.Zone != nil {
			p.zone = conn.Zone
		}
	}
	p.Notice = notices[v.r.URL.Query().Get("said")]
	return p
}

// notices are what a page can be told by its address. It is a list, so that no
// link can put words into the console's mouth.
var notices = map[string]string{
	"queued":   "A run is asked for. It begins as soon as nobody else is at work.",
	"already":  "A run is asked for already; this one is made with it.",
	"approved": "Approved: exactly these changes, once.",
	"spared":   "Approved, but for what was rejected: exactly these changes, once.",
	"second":   "Approved by you. One more person must approve before a run makes these changes.",
	"ended":    "You were signed out meanwhile, so nothing was done. Sign in, and do it once more.",
	"rejected": "Rejected. It is not asked for again as long as nights come to the same change.",
}

// brief gives a context for what Redis answers.
func (v *visit) brief() (context.Context, context.CancelFunc) {
	return context.WithTimeout(v.r.Context(), askTimeout)
}

func (v *visit) redirect(to string) { http.Redirect(v.w, v.r, to, http.StatusSeeOther) }

// show renders a page as a whole, so that a mistake in it is no half page.
func (v *visit) show(status int, name string, p *page) { v.c.render(v.w, status, name, p) }

func (c *console) render(w http.ResponseWriter, status int, name string, p *page) {
	text, ok := c.fill(name, p)
	if !ok {
		http.Error(w, "This page cannot be shown. The log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the asker may have gone
}

// fill gives the text of a page. Commands in what the page was given, such as a reason,
// become those for the connection, wherever they stand.
func (c *console) fill(name string, p *page) (text string, ok bool) {
	var b strings.Builder
	if err := c.pages.ExecuteTemplate(&b, name, p); err != nil {
		c.Log.Error("a page of the console cannot be rendered; please report this", "page", name, "error", err)
		return "", false
	}
	return words.Pasted(b.String(), html.EscapeString(p.Called)), true
}

// announce sends the beginning of a page before something that takes long, with a
// line that says so. The rest follows with conclude.
func (v *visit) announce(p *page) {
	text, ok := v.c.fill("waiting", p)
	if !ok {
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(v.w, text)
	_ = http.NewResponseController(v.w).Flush() // then it comes with the rest
}

func (v *visit) conclude(name string, p *page) {
	text, _ := v.c.fill(name, p)
	_, _ = io.WriteString(v.w, text)
}

// missing answers for what is not there.
func (v *visit) missing(what, do string) {
	p := v.page("", "Not found")
	p.Problem = &problem{What: what, Do: do}
	v.show(http.StatusNotFound, "problem", p)
}

// broken answers when something did not answer.
func (v *visit) broken(section string, err error) {
	p := v.page(section, "Not available")
	p.Problem = explain(err)
	v.show(http.StatusServiceUnavailable, "problem", p)
}

// refused answers for what may not be done.
func (v *visit) refused(section, what, do string) {
	p := v.page(section, "Refused")
	p.Problem = &problem{What: what, Do: do}
	v.show(http.StatusForbidden, "problem", p)
}

// lookAtServices is what to do when both sides were to be read, and one was not.
const lookAtServices = "Look at whether OneLogin, Tomorro and Redis answer and take the credentials; the log of this process says more. Then load this page again."

// explain words an error for a page.
func explain(err error) *problem {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{"It took too long to answer.", err.Error(), "Try again. If it stays so, look at Redis, and at whether OneLogin and Tomorro answer: the log of this process says more."}
	case errors.Is(err, jobs.ErrUnknown):
		return &problem{"Neither OneLogin nor Tomorro knows them.", "", "Check the spelling, or give the OneLogin id. What runs did to somebody who left is below, if the journal has it."}
	}
	return &problem{"This could not be read.", err.Error(), "Try again. If it stays so, look at Redis and at the log of this process."}
}

// local is an address of the console that a sign-in may lead to. What has a backslash is
// none: browsers do not agree on what that means.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/c/") || strings.Contains(next, `\`) {
		return "/"
	}
	return u.RequestURI()
}
