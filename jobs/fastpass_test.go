package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// reported is a OneLogin that reports what it is told to.
type reported struct {
	keys  []reconcile.Key
	err   error
	since time.Time // as it was asked last
}

func (r *reported) Changed(_ context.Context, since time.Time) ([]reconcile.Key, error) {
	r.since = since
	return r.keys, r.err
}

// TestFastPassTakesNothing: whom the fast pass names gets what they are to have, and
// loses nothing until somebody else, a push or a run, looks at them.
func TestFastPassTakesNothing(t *testing.T) {
	tn := newTown(t, 4)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	tn.edit(2, func(p *reconcile.Person) { p.Title = "manager" })
	if err := tn.reconcile("the first run", store); err != nil {
		t.Fatal(err)
	}
	tn.replica("replica", store, nil)
	tn.edit(1, func(p *reconcile.Person) { p.LastName = "Renamed" })
	tn.edit(2, func(p *reconcile.Person) { p.Title = "user" })
	tn.edit(3, func(p *reconcile.Person) { p.Status = 2 })
	pass := &jobs.FastPass{Changes: &reported{keys: []reconcile.Key{1, 2, 3, 99}}, Passes: store, Queue: store, Every: time.Millisecond, Most: 10, Log: slog.New(slog.DiscardHandler)}
	for i := range 2 { // the first ever begins only
		time.Sleep(2 * time.Millisecond) // the interval
		if err := pass.Look(t.Context()); err != nil {
			t.Fatal(i, err)
		}
	}
	awaitQuiet(t, store)
	if a, b, c := tn.account("p1@x.io"), tn.account("p2@x.io"), tn.account("p3@x.io"); a.FamilyName != "Renamed" || b.UserType != reconcile.Manager || !c.Active {
		t.Errorf("after the pass: %+v %+v %+v", a, b, c)
	}
	book, err := jobs.ReadHolds(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	var held []reconcile.Key
	for _, h := range book.Open(nil, false, time.Now()) {
		for _, c := range h.Changes {
			if h.Rule == reconcile.RuleNight {
				held = append(held, c.Key)
			}
		}
	}
	if slices.Sort(held); !slices.Contains(held, 2) || !slices.Contains(held, 3) || slices.Contains(held, 1) {
		t.Errorf("holds tell of %v", held)
	}
	if _, err := store.Mark(t.Context(), 0, []jobs.Wanted{{Subject: "3"}, {Subject: jobs.UpdatedSubject(3)}}); err != nil {
		t.Fatal(err)
	}
	awaitQuiet(t, store)
	if tn.account("p3@x.io").Active {
		t.Error("a push about a leaver is held because the fast pass named them too")
	}
	if err := tn.reconcile("the night", store); err != nil {
		t.Fatal(err)
	}
	if a := tn.account("p2@x.io"); a.UserType != reconcile.User || len(tn.left(store)) > 0 {
		t.Errorf("after the night: %+v, and %+v is left", a, tn.left(store))
	}
}

// TestFastPassReadsAgain: what was read moves on only when all of it was marked, and
// never beyond what the pass before saw; more than the cap is left.
func TestFastPassReadsAgain(t *testing.T) {
	store := open(t, miniredis.RunT(t).Addr())
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	said := &reported{}
	pass := &jobs.FastPass{Changes: said, Passes: store, Queue: store, Every: time.Millisecond, Overlap: 5 * time.Minute, Most: 2,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	look := func() error {
		time.Sleep(2 * time.Millisecond) // the interval
		now = now.Add(time.Hour)
		return pass.Look(t.Context())
	}
	if err := look(); err != nil || !said.since.IsZero() {
		t.Fatalf("the first pass ever asked since %s; %v", said.since, err)
	}
	first := now
	said.keys, said.err = []reconcile.Key{7}, errors.New("page 2 did not come")
	for range 2 {
		if err := look(); err == nil || !said.since.Equal(first.Add(-5*time.Minute)) {
			t.Errorf("asked since %s, want %s less the overlap; %v", said.since, first, err)
		}
	}
	said.keys, said.err = []reconcile.Key{1, 2, 3}, nil
	if err := look(); err != nil {
		t.Error(err)
	}
	last := now
	if err := look(); err != nil || !said.since.Equal(last.Add(-5*time.Minute)) {
		t.Errorf("asked since %s, want %s less the overlap; %v", said.since, last, err)
	}
	snapshot, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var marked []string
	for _, m := range snapshot.Marks {
		marked = append(marked, m.Subject)
	}
	slices.Sort(marked)
	if !slices.Equal(marked, []string{"updated 1", "updated 2", "updated 7"}) {
		t.Errorf("marked are %v", marked)
	}
}

// unread is a store of which no pass may say that it has read anything. It marks nobody,
// and counts who asks for a pass.
type unread struct {
	jobs.Queue
	t     *testing.T
	mine  bool
	asked int
}

func (u *unread) TakePass(context.Context, time.Duration) (time.Time, bool, error) {
	u.asked++
	return time.Now(), u.mine, nil
}

func (u *unread) PassDone(context.Context, time.Time) error {
	u.t.Error("who was not marked counts as read")
	return nil
}

func (u *unread) Mark(context.Context, time.Duration, []jobs.Wanted) ([]jobs.Mark, error) {
	return nil, errors.New("Redis is away")
}

// TestFastPassThatMarksNobody: who could not be marked is read again by the next pass.
func TestFastPassThatMarksNobody(t *testing.T) {
	u := &unread{t: t, mine: true}
	pass := &jobs.FastPass{Changes: &reported{keys: []reconcile.Key{7}}, Passes: u, Queue: u, Every: time.Minute, Most: 10, Log: slog.New(slog.DiscardHandler)}
	if err := pass.Look(t.Context()); err == nil {
		t.Error("it went well")
	}
}

// TestFastPassIsAskedForInTime: a replica asks for the pass several times in an interval, so
// that none comes much later than the interval says.
func TestFastPassIsAskedForInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unread{t: t}
		pass := &jobs.FastPass{Passes: u, Every: 5 * time.Minute, Log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithTimeout(t.Context(), pass.Every-time.Second)
		defer stop()
		if pass.Serve(ctx); u.asked != 10 {
			t.Errorf("asked %d times in an interval", u.asked)
		}
	})
}

// hung is a OneLogin that tells of some people, and then does not answer; and a store
// that remembers who was marked.
type hung struct {
	jobs.Queue
	marked []string
}

func (*hung) Changed(ctx context.Context, _ time.Time) ([]reconcile.Key, error) {
	<-ctx.Done()
	return []reconcile.Key{7}, ctx.Err()
}

func (*hung) TakePass(context.Context, time.Duration) (time.Time, bool, error) {
	return time.Now(), true, nil
}

func (*hung) PassDone(context.Context, time.Time) error { return errors.New("nothing is done") }

func (h *hung) Mark(ctx context.Context, _ time.Duration, wanted []jobs.Wanted) ([]jobs.Mark, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, w := range wanted {
		h.marked = append(h.marked, w.Subject)
	}
	return nil, nil
}

// TestFastPassThatTakesTooLong: who was found before the time of a pass was over is
// marked all the same: the next one may come no further.
func TestFastPassThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hung{}
		pass := &jobs.FastPass{Changes: h, Passes: h, Queue: h, Every: time.Minute, Most: 10, Log: slog.New(slog.DiscardHandler)}
		err := pass.Look(t.Context())
		if err == nil || !strings.Contains(err.Error(), "reading what changed at OneLogin") || !slices.Equal(h.marked, []string{"updated 7"}) {
			t.Errorf("marked are %v; %v", h.marked, err)
		}
	})
}
