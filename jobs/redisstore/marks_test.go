package redisstore

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

// TestOlderMarks: a mark that an older version made, which knows nothing of when it is
// due, is due; and what it left of one that it forgot is dropped, tries and all.
func TestOlderMarks(t *testing.T) {
	s, err := Embedded(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ctx, k := t.Context(), s.keys
	position := time.Now().Add(-time.Minute).UnixMilli()
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, k.marks(), redis.Z{Score: float64(position), Member: "older"})
		for member, at := range map[string]int64{"gone": 1, "gone too": 1 << 50} {
			p.ZAdd(ctx, k.due(), redis.Z{Score: float64(at), Member: member})
			p.HSet(ctx, k.tries(), member, "3 1")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Due(ctx, 5, time.Hour)
	if err != nil || len(got) != 1 || got[0] != (jobs.Mark{Subject: "older", Time: time.UnixMilli(position)}) {
		t.Errorf("due are %+v %v", got, err)
	}
	if n := s.client.ZCard(ctx, k.due()).Val() + s.client.HLen(ctx, k.tries()).Val(); n != 1 {
		t.Errorf("%d times and tries are kept for one mark", n)
	}
	s.client.ZAdd(ctx, k.due(), redis.Z{Score: 1, Member: "back"})
	s.client.HSet(ctx, k.tries(), "back", "9 9")
	marks, err := s.Mark(ctx, time.Hour, []jobs.Wanted{{Subject: "back"}})
	if err != nil || marks[0].Tries != 0 || marks[0].Looks != 0 {
		t.Errorf("a new mark has an older one's tries: %+v %v", marks, err)
	}
	if got, err := s.Due(ctx, 5, time.Hour); err != nil || got != nil {
		t.Errorf("a new mark has an older one's time: %+v %v", got, err)
	}
}

// TestOlderMarkHidden: as many are left over as are missing, which no count shows; what
// is left over goes when its time comes, and the other is due then.
func TestOlderMarkHidden(t *testing.T) {
	s, err := Embedded(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.client.ZAdd(t.Context(), s.keys.marks(), redis.Z{Score: 5, Member: "older"})
	s.client.ZAdd(t.Context(), s.keys.due(), redis.Z{Score: 1, Member: "gone"})
	for look, want := range []int{0, 1, 0} {
		got, err := s.Due(t.Context(), 5, time.Hour)
		if err != nil || len(got) != want || want > 0 && got[0].Subject != "older" {
			t.Errorf("look %d: %+v %v", look+1, got, err)
		}
	}
}

// TestUnmarkLeavesNothing: what belongs to a mark goes with it.
func TestUnmarkLeavesNothing(t *testing.T) {
	s, err := Embedded(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	marks, err := s.Mark(t.Context(), 0, []jobs.Wanted{{Subject: "1"}, {Subject: "2"}})
	if err == nil {
		err = s.Postpone(t.Context(), []jobs.Later{{Mark: marks[0], Failed: true}, {Mark: marks[1], Looks: 2}})
	}
	if err == nil {
		err = s.Unmark(t.Context(), "run", jobs.Snapshot{Position: 1 << 50, Marks: marks})
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := s.client.Exists(t.Context(), s.keys.marks(), s.keys.due(), s.keys.tries()).Val(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// TestTakeAskedTwice: who asks again what was answered has taken, and learns who wrote
// last before, not of their own touch.
func TestTakeAskedTwice(t *testing.T) {
	s, err := Embedded(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c, err := s.claimCall(jobs.Lease{}, []jobs.Claim{{Run: "push", Subjects: []string{"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		said, err := claimScript.Run(t.Context(), s.client, c.keys, c.args...).Slice()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := claimed(said[0]); err != nil || got.ID != "" || got.Newer != nil || len(got.Taken) != 1 || got.Taken[0] != (jobs.Touch{}) {
			t.Errorf("answer %d: %+v %v", i+1, got, err)
		}
	}
}
