package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/sourcegraph/conc"

	"tomorro-sync/reconcile"
)

// Looker reads single people from OneLogin.
type Looker interface {
	// Find gives the ids of the people whose e-mail, or else username, this is.
	Find(ctx context.Context, name string) ([]reconcile.Key, error)
	// Look gives what OneLogin says now of exactly these people, with its roles and
	// rules. Who is not among the people of a complete answer is not known to
	// OneLogin. Errors and receipts are as Source.Pull's.
	Look(ctx context.Context, keys []reconcile.Key) (reconcile.Directory, error)
}

// AccountReader reads single accounts, and the groups alone, from Tomorro.
type AccountReader interface {
	GroupReader
	// ReadAccount wraps reconcile.ErrGone when there is no such account.
	ReadAccount(ctx context.Context, id string) (reconcile.Account, error)
}

// Pushes looks at single people when somebody asks for it, a push or a mark, and
// brings them to what OneLogin's API says. What was pushed decides nothing: it says
// whom to look at, and which groups were set by hand.
//
// Each request is a durable mark before anything else happens. Requests that wait
// are looked at together, a person by one look at a time: OneLogin is asked for all
// of them at once, and their writes share requests and round trips as a run's do.
// What Tomorro has is kept in memory (see mirror) and read again, for the people in
// question, when it is older than a few seconds or somebody else wrote them.
type Pushes struct {
	Runner   *Runner // of the same connection: policy, memory and target
	Looker   Looker
	Accounts AccountReader
	Queue    Queue

	// Deadline is how long a caller waits at most; default 8 s. Its context may end
	// sooner. After it, marks are worked off by whoever gets to it.
	Deadline time.Duration
	// Idle is how often marks are looked for; default 1 s.
	Idle time.Duration
	// Retry is when a look that came to nothing is made again the first time, and then
	// after twice as long each time, up to ten minutes; default 5 s.
	Retry time.Duration
	// Life is how long the claims of a look bind others whose process has died; it
	// must outlive a look. Default 45 s.
	Life time.Duration

	mirror mirror
	in     chan *request // to be made durable
	ready  chan *request // durable, to be looked at
	told   chan *visit   // a look has answered all whom it could
	freed  chan *visit   // a look is over
}

// Want is what a request expects of OneLogin.
type Want int

// What a request says of a person's access: nothing, that they have it, or that
// they lost it. OneLogin's API is believed, not the request; but where the two
// differ, the API may be late and is asked again.
const (
	WantAny Want = iota
	WantIn
	WantOut
)

// Asked is a wish to have one person looked at, named by an account at Tomorro or,
// for somebody without one, by a userName.
type Asked struct {
	Request  string // the request's id, as in the log
	What     string // for the journal; see Pushed.Asked
	Account  string
	UserName string
	Want     Want
	Groups   []reconcile.Assertion // what was said of groups; accounts and times are filled in
	// Agrees reports whether OneLogin's API says of the person what the request says;
	// nil when the request says nothing. It decides nothing: an API that is behind is
	// asked again.
	Agrees func(*reconcile.Person) bool
}

// Looked answers an Asked: what came of the look.
type Looked struct {
	Key     reconcile.Key
	Account reconcile.Account // as Tomorro has it now; without an ID there is none
	Held    []reconcile.Held  // what was not done about this person, and why
	// Late says that OneLogin's API does not say yet what the request expects. It is
	// asked again, without anybody doing anything.
	Late bool
	// behind says that the API says something else than the request, but for access:
	// what it says was done, and it is asked again.
	behind bool
	// Foreign says that the account is nobody's in OneLogin, and is not touched.
	Foreign bool
	// Err wraps reconcile.ErrGone when Tomorro has no such account, and
	// ErrBusy when somebody else was at work on this person all the time. With any
	// other, something failed and is tried again.
	Err error
}

// ErrBusy says that another process or run was at work on this person until the deadline,
// or that the people who were looked at together with them took all the time. They stay
// marked.
var ErrBusy = errors.New("somebody else is at work on this person")

// ErrNotStored marks a request that could not be made durable: nothing remembers it.
var ErrNotStored = errors.New("the request could not be stored")

// request is one reason to look at somebody, on its way.
type request struct {
	asked   Asked
	subject string
	keys    []reconcile.Key // once it is known whom it is about
	mark    Mark
	drained bool      // a mark that is worked off: nobody waits for the answer
	crowd   time.Time // when it came in a crowd, see Pushes.crowd; else zero
	tries   int
	until   time.Time
	answer  *Looked // once it is known
	reply   chan Looked
}

// Look has people looked at now, and waits for it: one answer for each. Requests
// are answered also when the context ends first, with its error; they are durable
// then, unless the error is ErrNotStored.
func (p *Pushes) Look(ctx context.Context, asked ...Asked) []Looked {
	ctx, cancel := context.WithTimeout(ctx, p.deadline())
	defer cancel()
	until, _ := ctx.Deadline()
	crowd := p.crowd(asked)
	requests := make([]*request, len(asked))
	answers := make([]Looked, len(asked))
	for i, a := range asked {
		for k := range a.Groups {
			a.Groups[k].Account, a.Groups[k].At = a.Account, p.Runner.now()
		}
		r := &request{asked: a, subject: p.mirror.subject(a.Account, a.UserName), until: until, crowd: crowd, reply: make(chan Looked, 1)}
		select {
		case p.in <- r:
			requests[i] = r
		case <-ctx.Done():
			answers[i].Err = fmt.Errorf("%w: %w", ErrNotStored, context.Cause(ctx))
		}
	}
	for i, r := range requests {
		if r == nil {
			continue
		}
		select {
		case answers[i] = <-r.reply:
		case <-ctx.Done():
			answers[i].Err = context.Cause(ctx)
		}
	}
	return answers
}

// aCrowd is how many accounts that are not known here are asked for one by one at most.
const aCrowd = 32

// crowd gives the time now if more than aCrowd of the accounts are not known here, else
// zero. One push may name thousands of accounts that Tomorro does not have. For a crowd,
// Tomorro is read once as a whole: else whoever is pushed next would wait behind as many
// requests.
func (p *Pushes) crowd(asked []Asked) time.Time {
	strangers := 0
	for i := range asked {
		if _, known := p.mirror.account(asked[i].Account); asked[i].Account != "" && !known {
			strangers++
		}
	}
	if strangers > aCrowd {
		return p.Runner.now()
	}
	return time.Time{}
}

// visits is how many looks are under way at most: quick ones, and with those that
// take longer than slow. Requests wait for that, and are then looked at together,
// which costs less: a second quick look begins only when enough are together. But one
// account at which Tomorro hangs holds up nobody else.
const (
	visits    = 8
	quickOnes = 2
	together  = 16
	slow      = time.Second
)

// Open prepares for Look and Serve.
func (p *Pushes) Open() {
	p.in, p.ready = make(chan *request), make(chan *request)
	p.told, p.freed = make(chan *visit), make(chan *visit)
}

// Serve works until ctx ends, and then ends what is under way in good order: nothing
// new is looked at, and what waits stays marked.
func (p *Pushes) Serve(ctx context.Context) {
	var wg conc.WaitGroup
	wg.Go(func() { p.store(ctx) })
	wg.Go(func() { p.dispatch(ctx) })
	wg.Go(func() { p.drain(ctx) })
	wg.Go(func() { p.mirror.refreshAhead(ctx, p) })
	wg.Wait()
}

func (p *Pushes) deadline() time.Duration { return cmp.Or(p.Deadline, 8*time.Second) }

// storedAtOnce bounds how many requests share a round trip, and spare is how long
// after a request's deadline others take its mark up.
const (
	storedAtOnce = 200
	spare        = 4 * time.Second
)

// storeWait is how long it may take to make requests durable: less than their callers
// wait, so that these hear that nothing was stored.
func (p *Pushes) storeWait() time.Duration { return min(5*time.Second, p.deadline()*5/8) }

// store makes requests durable, and passes them on. What arrives meanwhile is stored
// together.
func (p *Pushes) store(ctx context.Context) {
	for {
		var batch []*request
		select {
		case r := <-p.in:
			batch = append(batch, r)
		case <-ctx.Done():
			return
		}
		runtime.Gosched() // as in the recorder
		for more := true; more && len(batch) < storedAtOnce; {
			select {
			case r := <-p.in:
				batch = append(batch, r)
			default:
				more = false
			}
		}
		p.storeAll(ctx, batch)
	}
}

func (p *Pushes) storeAll(ctx context.Context, batch []*request) {
	wanted := make([]Wanted, len(batch))
	for i, r := range batch {
		wanted[i] = Wanted{Subject: r.subject, Assert: r.asked.Groups}
	}
	sctx, cancel := context.WithTimeout(ctx, p.storeWait())
	defer cancel()
	marks, err := p.Queue.Mark(sctx, p.deadline()+spare, wanted)
	if err != nil && ctx.Err() == nil {
		p.Runner.log().Error("pushes could not be stored in Redis; whoever sent them is told so", "pushes", len(batch), "error", err)
	}
	for i, r := range batch {
		if err != nil {
			r.tell(Looked{Err: fmt.Errorf("%w: %w", ErrNotStored, err)})
			continue
		}
		r.mark = marks[i]
		p.pass(ctx, r)
	}
}

// pass gives a durable request to the dispatcher.
func (p *Pushes) pass(ctx context.Context, r *request) {
	select {
	case p.ready <- r:
	case <-ctx.Done():
		r.tell(Looked{Err: context.Cause(ctx)})
	}
}

// tell answers a request, once.
func (r *request) tell(l Looked) {
	select {
	case r.reply <- l:
	default:
	}
}

// again passes a request on after a while, if its caller waits that long.
func (p *Pushes) again(ctx context.Context, r *request, after time.Duration) bool {
	if r.drained || p.Runner.now().Add(after).After(r.until.Add(-after)) {
		return false
	}
	r.tries++
	r.answer = nil
	time.AfterFunc(after, func() { p.pass(ctx, r) })
	return true
}
