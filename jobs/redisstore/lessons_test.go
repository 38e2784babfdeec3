package redisstore_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile/pace"
)

var _ pace.Lessons = (*redisstore.Lessons)(nil)

// TestLessons: limits that processes meet at the same time add up, and one that is met
// later is the same; what one lowers is lower for all; and all together get no more than
// it allows.
func TestLessons(t *testing.T) {
	server, confer := school(t)
	quiet := pace.Lesson{Part: 1}
	if k := confer(0, 0, quiet, 5); k != (pace.Known{Sharers: 1}) {
		t.Errorf("nobody knows a limit, and got %+v", k)
	}
	confer(0, time.Second, pace.Lesson{First: 60, Part: 1}, 0)
	if k := confer(1, time.Second, pace.Lesson{First: 40, Part: 1}, 0); k.PerSecond != 100 || k.Sharers != 2 {
		t.Errorf("60 and 40 at the same time: %+v", k)
	}
	if k := confer(2, 3*time.Second, pace.Lesson{First: 90, Part: 1, More: 2}, 0); k.PerSecond != 102 || k.Lowered != 3*time.Second || k.Sharers != 3 {
		t.Errorf("who meets it later, and has good answers: %+v", k)
	}
	if k := confer(0, time.Second, pace.Lesson{Part: 0.5, More: 1}, 0); k.PerSecond != 52 || k.Lowered != 0 {
		t.Errorf("half of it: %+v", k)
	}
	got := 0
	for i := range 1000 {
		k := confer(i%3, 10*time.Millisecond, quiet, 1+i%2)
		if got += k.Tokens; k.Tokens == 0 && k.Wait <= 0 {
			t.Fatalf("no permission, and no time to ask again: %+v", k)
		}
	}
	if most := 520 + pace.LearnedAhead(52); got > most || got < 480 {
		t.Errorf("%d permissions in ten seconds of 52 a second", got)
	}
	if k := confer(0, 0, pace.Lesson{Part: 0.001}, 0); k.PerSecond != 1 {
		t.Errorf("the least: %+v", k)
	}
	server.FastForward(25 * time.Hour)
	if k := confer(1, 25*time.Hour, quiet, 0); k.PerSecond != 0 || k.Sharers != 1 {
		t.Errorf("after a day: %+v", k)
	}
}

// school gives three processes that learn together of one API: by confers after a while.
func school(t *testing.T) (*miniredis.Miniredis, func(by int, after time.Duration, told pace.Lesson, n int) pace.Known) {
	server := miniredis.RunT(t)
	now := time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)
	var all []*redisstore.Lessons
	for range 3 {
		all = append(all, opened(t, "redis://"+server.Addr(), redisstore.Options{}).Lessons("api"))
	}
	return server, func(by int, after time.Duration, told pace.Lesson, n int) pace.Known {
		t.Helper()
		now = now.Add(after)
		server.SetTime(now)
		k, err := all[by].Confer(t.Context(), told, n)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

// TestLevels: each hears of the least that another one had to lower its level to, as long
// as that one is there.
func TestLevels(t *testing.T) {
	_, confer := school(t)
	for _, c := range []struct {
		by    int
		after time.Duration
		mine  float64
		least float64 // of the others
	}{{0, 0, 0, 0}, {0, 0, 4.5, 0}, {1, 0, 0, 4.5}, {1, 0, 2.25, 4.5}, {0, 0, 4.5, 2.25}, {2, 0, 0, 2.25}, {1, 0, 0, 4.5}, {2, 0, 0, 4.5}, {0, 0, 0, 0}, {2, 0, 0, 0},
		{0, 0, 4, 0}, {1, 9 * time.Second, 0, 4}, {1, 2 * time.Second, 0, 0}} { // who has not asked for ten seconds is not there
		if k := confer(c.by, c.after, pace.Lesson{Part: 1, AtOnce: c.mine}, 0); k.AtOnce != c.least {
			t.Errorf("%+v: %+v", c, k)
		}
	}
	confer(0, 0, pace.Lesson{Part: 1, AtOnce: 2}, 0)
	if k := confer(1, -time.Hour, pace.Lesson{Part: 1}, 0); k.AtOnce != 0 || k.Sharers != 1 {
		t.Errorf("who asked by a clock that was ahead: %+v", k)
	}
}
