package jobs

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"
)

// counted counts how often a schedule is asked.
type counted struct {
	cron.Schedule
	asked int
}

func (c *counted) Next(after time.Time) time.Time {
	c.asked++
	return c.Schedule.Next(after)
}

// TestLatestAfterYears: the last tick is the same whatever is remembered before it, also
// around changes of clocks, and is not counted up to from years ago.
func TestLatestAfterYears(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, expression := range []string{"@every 1s", "@every 7h", "* * * * *", "30 2 * * *", "*/20 2,3 * * *", "0 2 29 2 *", "0 2 31 * *"} {
		spec, err := ParseSchedule(expression, paris)
		if err != nil {
			t.Fatal(err)
		}
		for _, now := range []time.Time{
			time.Date(2026, 11, 29, 2, 0, 30, 0, time.UTC), time.Date(2024, 2, 29, 1, 0, 0, 0, time.UTC),
			time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC), time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), // the clock jumps at 01:00 UTC
			time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 45, 0, 0, time.UTC), // it shows 02:45 twice
		} {
			for _, ago := range []time.Duration{0, time.Second, time.Minute, 59 * time.Minute, 3 * time.Hour, 25 * time.Hour} {
				since, want := now.Add(-ago), time.Time{}
				for at := spec.Next(since); !at.After(now); at = spec.Next(at) {
					want = at
				}
				if got := latest(spec, since, now); !got.Equal(want) {
					t.Errorf("%s at %s, since %s before: %s, not %s", expression, now, ago, got, want)
				}
			}
			c := &counted{Schedule: spec}
			if last := latest(c, time.Unix(0, 0), now); last.IsZero() || last.After(now) || c.asked > 200 {
				t.Errorf("%s at %s: %s after asking %d times", expression, now, last, c.asked)
			}
		}
	}
}
