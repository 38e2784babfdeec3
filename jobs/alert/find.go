package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile/words"
)

// Kind names a condition. One connection has one alert of each kind at most.
type Kind string

// The kinds.
const (
	RunFailed       Kind = "run-failed"
	NoRun           Kind = "no-run"
	Quarantined     Kind = "quarantined"
	OneLoginRefuses Kind = "onelogin-refuses"
	TomorroRefuses  Kind = "tomorro-refuses"
	NoSeat          Kind = "no-seat"
	Reverted        Kind = "reverted"
	RemovalsHeld    Kind = "removals-held"
	MarksOld        Kind = "marks-old"
	Expires         Kind = "credential-expires"
	MemoryLost      Kind = "memory-lost"
)

// Alert is something that somebody should know.
type Alert struct {
	Kind  Kind
	Title string // in a few words; what is told when it is over
	What  string // a sentence, in numbers
	Do    string // the command to run next, or what else to do
}

// When says from when on something is worth a call. 0 is never.
type When struct {
	HeldAfter  time.Duration // removals that are held for longer
	NoRunFor   time.Duration // without a complete run
	MarksAfter time.Duration // people who wait for another look for longer
	// ExpiresWithin is how long before its end somebody hears of one of Credentials.
	ExpiresWithin time.Duration
	Credentials   []jobs.Credential
	// Schedule and QuarantineAfter are those of the Scheduler; nil when there is none.
	Schedule        cron.Schedule
	QuarantineAfter int
	// Command is how the program is called for this connection; by its name alone when empty.
	Command string
}

// Find says what is wrong with a connection now, the most urgent first.
func Find(s *jobs.Standing, when *When) []Alert {
	var all []Alert
	add := func(kind Kind, title, do, format string, args ...any) {
		all = append(all, Alert{Kind: kind, Title: title, Do: do, What: fmt.Sprintf(format, args...)})
	}
	command := cmp.Or(when.Command, "tomorro-sync")
	if last := s.Last; last != nil {
		findRun(last, command, add)
	}
	if st := &s.Status.Schedule; st.PausedBy == jobs.PausedByLoss {
		add(MemoryLost, "Redis lost what it had confirmed", st.Onward(command),
			"Redis lost what it had confirmed, found at %s: it was emptied or restored from a backup, so what people had decided may be gone, or as it was then. The schedule is paused.", clock(st.Paused))
	}
	since := s.Since
	if s.Complete != nil {
		since = s.Complete.Finished
	}
	if lasted := s.At.Sub(since); when.NoRunFor > 0 && !since.IsZero() && lasted > when.NoRunFor {
		why := ""
		if !s.Status.Schedule.Paused.IsZero() {
			why = "; the schedule is paused"
		}
		add(NoRun, "no complete run", command+" schedule", "No complete run for %s%s.", words.Age(lasted), why)
	}
	if when.Schedule != nil {
		if try := s.Status.Schedule.NextTry(when.Schedule, when.QuarantineAfter); !try.IsZero() {
			add(Quarantined, "the schedule is quarantined", command+" journal, and once it is mended: "+command+" reconcile",
				"The schedule is quarantined after %d failed runs in a row; the next try is at %s.", s.Status.Schedule.Failures, clock(try))
		}
	}
	if n, first := s.HeldRemovals(); when.HeldAfter > 0 && n > 0 && s.At.Sub(first) > when.HeldAfter {
		add(RemovalsHeld, "removals are held", command+" holds", "%s held, the first for %s, by %s: people may keep access that they should have lost.",
			words.Count(n, "removal is", "removals are"), words.Age(s.At.Sub(first)), rules(s))
	}
	if st := &s.Status; when.MarksAfter > 0 && st.Marks > 0 && !st.Oldest.IsZero() && s.At.Sub(st.Oldest) > when.MarksAfter {
		add(MarksOld, "people wait for another look", command+" holds, and the log of tomorro-sync serve", "%s for another look, the first for %s.",
			words.Count(st.Marks, "person waits", "people wait"), words.Age(s.At.Sub(st.Oldest)))
	}
	findExpiry(s.At, when, command, add)
	return all
}

// findExpiry tells of what ends soon, or at a time that nobody knows, all at once, the first
// first.
func findExpiry(now time.Time, when *When, command string, add func(kind Kind, title, do, format string, args ...any)) {
	soon := slices.DeleteFunc(slices.Clone(when.Credentials), func(c jobs.Credential) bool {
		return when.ExpiresWithin <= 0 || c.Unusable == "" && c.Expires.Sub(now) > when.ExpiresWithin
	})
	if len(soon) == 0 {
		return
	}
	slices.SortFunc(soon, func(a, b jobs.Credential) int { return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.Key, b.Key)) })
	parts := make([]string, len(soon))
	for i, c := range soon {
		verb := "ends"
		if !c.Expires.After(now) {
			verb = "ended"
		}
		parts[i] = fmt.Sprintf("%s %s at %s", c.Key, verb, clock(c.Expires))
		if c.Unusable != "" {
			parts[i] = fmt.Sprintf("%s cannot be used (%s): serve has the one from before until that ends, and would not start again", c.Key, c.Unusable)
		}
	}
	add(Expires, "a credential is about to end", "make a new one, put it into the configuration, restart tomorro-sync serve, and run: "+command+" check",
		"%s.", strings.Join(parts, "; "))
}

// findRun says what is wrong with the last run.
func findRun(last *jobs.Report, command string, add func(kind Kind, title, do, format string, args ...any)) {
	show := command + " journal show " + last.Run
	kinds := map[string]Kind{jobs.ServiceOneLogin: OneLoginRefuses, jobs.ServiceTomorro: TomorroRefuses}
	if kind, refused := kinds[last.Refused]; refused {
		add(kind, last.Refused+" refuses the credentials", "make new credentials, put them into the configuration, restart tomorro-sync serve, and run: "+command+" reconcile",
			"%s refuses the credentials (run %s).", last.Refused, last.Run)
	}
	switch last.Exit {
	case jobs.ExitError:
		add(RunFailed, "the last run failed", show, "The last run (%s) failed as a whole.", last.Run)
	case jobs.ExitFailed:
		failed, skipped := 0, 0
		for _, n := range last.Failed {
			failed += n
		}
		for _, n := range last.Skipped {
			skipped += n
		}
		add(RunFailed, "the last run failed", show, "In the last run (%s) %s, %d were not sent, and %d were not kept by Tomorro.", last.Run, words.Count(failed, "change failed", "changes failed"), skipped, len(last.Ignored))
	}
	if last.NoSeat > 0 {
		add(NoSeat, "Tomorro has no seat left", "buy seats at Tomorro or free some, then: "+command+" reconcile",
			"Tomorro has no seat left: %s refused in the last run (%s).", words.Count(last.NoSeat, "change was", "changes were"), last.Run)
	}
	if last.Reverted > 0 {
		add(Reverted, "something else writes to Tomorro", "see who or what else does: OneLogin's provisioning straight to Tomorro, another tool, somebody by hand; and "+show,
			"The last run (%s) made %s again that earlier runs had made: something else takes them back, and until the next run people may have access that they should have lost.", last.Run, words.Count(last.Reverted, "change", "changes"))
	}
}

// rules names the rules that hold removals, with how many each.
func rules(s *jobs.Standing) string {
	var parts []string
	one := jobs.Standing{}
	for i := range s.Held {
		one.Held = s.Held[i : i+1]
		if n, _ := one.HeldRemovals(); n > 0 {
			parts = append(parts, fmt.Sprintf("%s (%d)", s.Held[i].Rule, n))
		}
	}
	return strings.Join(parts, ", ")
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
