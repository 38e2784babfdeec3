package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// weather is a desk whose services fail at times.
type weather struct {
	*desk
	mu  sync.Mutex
	bad error // of writes to Tomorro; one of ErrUncertain was done all the same
}

func (w *weather) set(bad error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad = bad
}

func (w *weather) Write(ctx context.Context, write reconcile.Write) (reconcile.Written, error) {
	w.mu.Lock()
	bad := w.bad
	w.mu.Unlock()
	if bad != nil && !errors.Is(bad, reconcile.ErrUncertain) {
		return reconcile.Written{}, bad
	}
	done, err := w.desk.Write(ctx, write)
	if bad != nil {
		return reconcile.Written{}, bad
	}
	return done, err
}

// day is a day of a small company in seconds: its clock moves five minutes at a time.
type day struct {
	*town
	t       *testing.T
	server  *miniredis.Miniredis
	store   *redisstore.Store
	rnd     *rand.Rand
	weather *weather
	pushes  *jobs.Pushes
	nights  *jobs.Scheduler
	fast    *jobs.FastPass
	changed *reported
	stolen  int // locks that were lost in the middle of a run

	clock sync.Mutex
	now   time.Time
}

func (d *day) Now() time.Time {
	d.clock.Lock()
	defer d.clock.Unlock()
	return d.now
}

const step = 5 * time.Minute

func (d *day) tick() {
	d.clock.Lock()
	d.now = d.now.Add(step)
	d.server.SetTime(d.now)
	d.clock.Unlock()
	d.server.FastForward(step) // what ends by itself
}

func newDay(t *testing.T, people int) *day {
	d := &day{town: newTown(t, people), t: t, server: miniredis.RunT(t), rnd: rand.New(rand.NewPCG(24, 7)), changed: new(reported), now: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}
	d.rush = true
	d.server.SetTime(d.now)
	store, err := redisstore.Open(t.Context(), "redis://"+d.server.Addr(), redisstore.Options{Now: d.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	d.store = store
	quiet := slog.New(slog.DiscardHandler)
	desk, runner := d.runner("the night", d.store)
	d.weather = &weather{desk: desk}
	runner.Target, runner.Now, runner.Keep, runner.KeepRuns, runner.Log = d.weather, d.Now, 2*time.Hour, 2, quiet
	schedule, err := jobs.ParseSchedule("0 */2 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	d.nights = &jobs.Scheduler{Schedule: schedule, Ticks: d.store, Missed: jobs.LateRun, Log: quiet, Now: d.Now, Run: func(ctx context.Context, _ time.Time) error {
		_, err := runner.Reconcile(ctx, jobs.Trigger{By: "schedule"}, yes)
		return err
	}}
	d.fast = &jobs.FastPass{Changes: d.changed, Passes: d.store, Queue: d.store, Every: 10 * time.Minute, Most: 50, Log: quiet, Now: d.Now}
	d.pushes = d.replica("replica", d.store, func(p *jobs.Pushes) {
		p.Runner.Target, p.Runner.Now, p.Runner.Log = d.weather, d.Now, quiet
	})
	return d
}

// live lets five minutes pass: somebody changes and is pushed, others change and are not,
// and now and then something is broken meanwhile.
func (d *day) live() {
	d.tick()
	d.changed.keys = nil
	trouble := d.rnd.IntN(12)
	switch trouble {
	case 0:
		d.town.mu.Lock()
		d.fail = errors.New("OneLogin answers 502")
		d.town.mu.Unlock()
	case 1:
		d.weather.set(errors.New("Tomorro answers 429"))
	case 2:
		d.weather.set(fmt.Errorf("no answer: %w", reconcile.ErrUncertain))
	case 3:
		d.server.SetError("LOADING Redis is loading the dataset in memory")
		time.AfterFunc(20*time.Millisecond, func() { d.server.SetError("") })
	}
	var wg sync.WaitGroup
	for range 2 + d.rnd.IntN(5) {
		key := reconcile.Key(d.rnd.IntN(len(d.d.People)) + 1)
		d.edit(key, func(p *reconcile.Person) { *p = person(key, d.version[key]) })
		if d.rnd.IntN(4) == 0 {
			d.changed.keys = append(d.changed.keys, key)
			continue
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(d.t.Context(), 40*time.Millisecond)
			defer cancel()
			d.pushes.Look(ctx, jobs.Asked{What: "replace", UserName: fmt.Sprintf("p%d@x.io", key)}) // what comes of it, the end tells
		})
	}
	if d.rnd.IntN(40) == 0 {
		d.stolen++
		wg.Go(func() { d.server.Del("tomorro-sync:{default}:lock") })
	}
	d.nights.Look(d.t.Context())
	_ = d.fast.Look(d.t.Context()) // what it could not read, the next one reads
	wg.Wait()
	d.town.mu.Lock()
	d.fail = nil
	d.town.mu.Unlock()
	d.weather.set(nil)
}

// settle waits until nothing is under way, however long that takes on the clock. What
// became of a write whose outcome could not be stored, the next run finds out.
func (d *day) settle() {
	d.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(3 * time.Millisecond) {
		snapshot, err := d.store.Snapshot(context.Background())
		if err == nil && len(snapshot.Marks) == 0 && len(snapshot.Open) == 0 {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%v; %d marks and %d open intents are left", err, len(snapshot.Marks), len(snapshot.Open))
		}
		d.tick()
		d.nights.Look(d.t.Context())
	}
}

// used is what the process has when it is at rest: its heap, and the goroutines of this
// project. Those of connections come and go with how many were needed at once.
func used() (heap, goroutines int) {
	runtime.GC()
	runtime.GC() // what a finalizer kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	stacks := make([]byte, 4<<20)
	for g := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(g, "tomorro-sync/jobs.") {
			goroutines++
		}
	}
	return int(m.HeapAlloc), goroutines
}

func median(of []int) int {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// TestDay: twenty-four hours of runs, fast passes, pushes and faults. Neither memory (but
// for what a mebibyte holds: Redis is in this process, and remembers what limits are used
// up by) nor goroutines grow in the second half, the journal tells all of it, and in the
// end Tomorro is what OneLogin says.
func TestDay(t *testing.T) {
	d := newDay(t, 40)
	if err := d.reconcile("the first run", d.store); err != nil {
		t.Fatal(err)
	}
	var heaps, goroutines []int
	for range 24 {
		for range int(time.Hour / step) {
			d.live()
		}
		d.settle()
		d.memory.ForgetWrites() // the test's own
		heap, n := used()
		heaps, goroutines = append(heaps, heap), append(goroutines, n)
	}
	if early, late := median(heaps[6:12]), median(heaps[18:]); late > early+1<<20 {
		t.Errorf("memory grows: %v bytes at the end of each hour", heaps)
	}
	if median(goroutines[18:]) > median(goroutines[6:12]) {
		t.Errorf("goroutines grow: %v at the end of each hour", goroutines)
	}
	if err := d.reconcile("the last run", d.store); err != nil {
		t.Fatal(err)
	}
	d.settle()
	if left := d.left(d.store); len(left) > 0 {
		t.Errorf("a day later, and this is left: %+v", left)
	}
	d.consistent()
	t.Logf("%d KiB after 12 hours and %d KiB after 24; %d locks were lost", median(heaps[6:12])>>10, median(heaps[18:])>>10, d.stolen)
}

// consistent holds that each run in the journal has an end, but for those whose lock was
// taken away, and each intent an outcome.
func (d *day) consistent() {
	runs, err := d.store.Runs(d.t.Context(), 1000)
	if err != nil {
		d.t.Fatal(err)
	}
	endless := 0
	for i := range runs {
		if runs[i].End == nil {
			endless++
		}
	}
	if endless > d.stolen {
		d.t.Errorf("%d runs have no end, and %d lost their lock", endless, d.stolen)
	}
	open, outcomes := make(map[string]bool), 0
	err = d.store.Scan(d.t.Context(), time.Time{}, func(e jobs.Entry) bool {
		switch e.Kind {
		case jobs.EntryIntent:
			open[e.ID] = true
		case jobs.EntryOutcome:
			outcomes++
			delete(open, e.Intent)
		}
		return true
	})
	if err != nil || len(open) > 0 || outcomes == 0 {
		d.t.Errorf("%v; of %d outcomes, these intents have none: %v", err, outcomes, open)
	}
}
