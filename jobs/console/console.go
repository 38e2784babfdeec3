package console

import (
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/robfig/cron/v3"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Explainer asks OneLogin and Tomorro about one person, as a Runner does. The
// error wraps jobs.ErrUnknown when neither knows them.
type Explainer interface {
	Explain(ctx context.Context, who string, whatIf func(*reconcile.Directory) error) ([]reconcile.Explanation, error)
}

// Looker reads both sides as they are now, and writes nothing.
type Looker interface {
	Look(ctx context.Context) (reconcile.Directory, reconcile.Current, error)
}

// Starter makes a run as soon as nobody else is at work.
type Starter interface {
	// Start asks for a run in somebody's name; false when one is asked for already.
	Start(who string) (bool, error)
	// Asked is the run that is asked for and has not ended.
	Asked() Asked
}

// Asked is a run that somebody asked for.
type Asked struct {
	Who   string    // empty: nobody asked, or the run has ended
	Since time.Time // when they did
	// Failed says why the last run that was asked for could not be made; empty
	// when it was, or is yet to be.
	Failed string
}

// Setting is one value of the configuration, as it may be shown.
type Setting struct {
	Key     string // as in the file, with dots
	Value   string // masked when it is a secret
	Default bool   // nobody set it
}

// Connection is one Tomorro organisation that is served.
type Connection struct {
	Name      string
	Observer  jobs.Observer
	Journal   jobs.JournalReader
	Follower  jobs.Follower
	Decisions jobs.Decisions
	Budget    jobs.Budget
	People    Explainer
	Services  Looker
	Starter   Starter // nil: no runs are made from here

	Schedule        cron.Schedule // nil when there is none
	QuarantineAfter int           // that of the Scheduler, as is Retry
	Retry           time.Duration
	Zone            *time.Location
	Policy          reconcile.Policy
	ApprovalLife    time.Duration // how long an approval is good for
	Settings        []Setting
	Command         string // how the program is called for it; by its name alone when empty

	books  bookshelf
	looks  looks
	drifts drifts
}

// Options say what is shown, and to whom.
type Options struct {
	Connections []*Connection
	Tokens      []Token
	Shelf       jobs.Shelf // keeps who is signed in; replicas behind one address share it
	OIDC        *OIDC      // nil: people sign in with tokens only
	Log         *slog.Logger
	Now         func() time.Time // default time.Now
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

type console struct {
	Options
	ctx      context.Context // the life of the process: live pages end with it
	pages    *template.Template
	sessions *sessions
	provider *provider // nil without Options.OIDC
	attempts *attempts
	doors    *doors
	streams  chan struct{} // one for each live page
}

// mostStreams bounds how many live pages are served at once: each follows the
// journal by itself.
const mostStreams = 16

// Handler serves the console. ctx is the life of the process.
func Handler(ctx context.Context, o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &console{Options: o, ctx: ctx, sessions: &sessions{o.Now, o.Shelf}, provider: newProvider(o.OIDC, o.Now), attempts: &attempts{o.Now, o.Shelf}, doors: newDoors(o.Now), streams: make(chan struct{}, mostStreams),
		pages: template.Must(template.New("").Funcs(functions()).ParseFS(templateFiles, "templates/*.html"))}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", cached(http.FileServerFS(staticFiles)))
	mux.HandleFunc("GET /signin", c.showSignIn)
	mux.HandleFunc("POST /signin", c.signIn)
	if c.provider != nil {
		mux.HandleFunc("GET /signin/provider", c.leave)
		mux.HandleFunc("GET "+CallbackPath, c.enter)
	}
	mux.HandleFunc("POST /signout", c.signedIn(c.signOut))
	mux.HandleFunc("GET /{$}", c.signedIn(c.home))
	for pattern, show := range map[string]func(*visit){
		"GET /c/{connection}/{$}":            c.overview,
		"GET /c/{connection}/runs":           c.runs,
		"POST /c/{connection}/runs":          c.startRun,
		"GET /c/{connection}/runs/{run}":     c.run,
		"GET /c/{connection}/holds":          c.holds,
		"POST /c/{connection}/holds/{hold}":  c.decide,
		"GET /c/{connection}/people":         c.people,
		"GET /c/{connection}/people/{who}":   c.person,
		"GET /c/{connection}/groups":         c.groups,
		"GET /c/{connection}/groups/{group}": c.group,
		"GET /c/{connection}/configuration":  c.configuration,
		"GET /c/{connection}/events":         c.events,
	} {
		mux.HandleFunc(pattern, c.signedIn(c.connected(show)))
	}
	mux.HandleFunc("/", c.signedIn(func(v *visit) { v.missing("There is no such page.", "Go on from the menu above.") }))
	return guarded(mux)
}

func (c *console) home(v *visit) {
	v.redirect("/c/" + c.Connections[0].Name + "/")
}

// connected finds the connection that the address names. Whoever may only look
// posts nothing there.
func (c *console) connected(show func(*visit)) func(*visit) {
	return func(v *visit) {
		if v.r.Method == http.MethodPost && !v.session.Decides {
			v.refused("", "You may look, and not decide.", "Ask for a role that listen.oidc.approvers names in the configuration of serve, then sign in again.")
			return
		}
		for _, conn := range c.Connections {
			if conn.Name == v.r.PathValue("connection") {
				v.conn = conn
				show(v)
				return
			}
		}
		v.missing("This process serves no such connection.", "Choose another from the menu, or start serve with its configuration.")
	}
}
