package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/alert"
	"tomorro-sync/reconcile"
)

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func nightly(t *testing.T) alert.When {
	t.Helper()
	spec, err := jobs.ParseSchedule("0 2 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return alert.When{HeldAfter: 24 * time.Hour, NoRunFor: 26 * time.Hour, MarksAfter: time.Hour, ExpiresWithin: 14 * 24 * time.Hour, Schedule: spec, QuarantineAfter: 3}
}

// well is a connection of which there is nothing to tell.
func well(now time.Time) jobs.Standing {
	good := &jobs.Report{Run: "r1", Finished: now.Add(-10 * time.Hour)}
	return jobs.Standing{At: now, Last: good, Complete: good, Since: now.Add(-1000 * time.Hour)}
}

func TestFind(t *testing.T) {
	when := nightly(t)
	ago := func(d time.Duration) time.Time { return start.Add(-d) }
	held := func(class reconcile.HoldClass, removals int, since time.Duration) jobs.HeldCount {
		return jobs.HeldCount{Rule: reconcile.RuleLimit, Class: class, Changes: removals + 5, Since: ago(since + time.Hour), Removals: removals, RemovalsSince: ago(since)}
	}
	ends := func(in time.Duration) {
		when.Credentials = []jobs.Credential{{Key: "tomorro.token", Expires: start.Add(in)}}
	}
	for name, tt := range map[string]struct {
		edit  func(*jobs.Standing)
		kinds string
		says  string
	}{
		"well":     {func(*jobs.Standing) {}, "[]", ""},
		"held run": {func(s *jobs.Standing) { s.Last.Exit = jobs.ExitHeld }, "[]", ""},
		"failed as a whole": {func(s *jobs.Standing) {
			s.Last = &jobs.Report{Run: "r2", Exit: jobs.ExitError, Errors: []string{"ann@acme.com"}}
		}, "[run-failed]", "journal show r2"},
		"some failed": {func(s *jobs.Standing) {
			s.Last.Exit, s.Last.Failed, s.Last.Skipped = jobs.ExitFailed, map[reconcile.Op]int{reconcile.OpCreate: 2, reconcile.OpRename: 1}, map[reconcile.Op]int{reconcile.OpAddMember: 4}
		}, "[run-failed]", "3 changes failed, 4 were not sent"},
		"OneLogin refuses": {func(s *jobs.Standing) {
			s.Last = &jobs.Report{Run: "r2", Exit: jobs.ExitError, Refused: jobs.ServiceOneLogin}
		}, "[onelogin-refuses run-failed]", "OneLogin refuses the credentials"},
		"Tomorro refuses": {func(s *jobs.Standing) {
			s.Last = &jobs.Report{Run: "r2", Exit: jobs.ExitError, Refused: jobs.ServiceTomorro}
		}, "[tomorro-refuses run-failed]", "new credentials"},
		"reverted": {func(s *jobs.Standing) { s.Last.Reverted = 2 }, "[reverted]", "made 2 changes again"},
		"no seat":  {func(s *jobs.Standing) { s.Last.NoSeat = 1 }, "[no-seat]", "1 change was refused"},
		"late":     {func(s *jobs.Standing) { s.Complete.Finished = ago(26*time.Hour + time.Second) }, "[no-run]", "for 26 hours."},
		"late, and not complete since": {func(s *jobs.Standing) {
			s.Last, s.Complete = &jobs.Report{Run: "r2", Finished: ago(time.Hour)}, &jobs.Report{Run: "r1", Finished: ago(72 * time.Hour)}
		}, "[no-run]", "for 3 days."},
		"just in time":       {func(s *jobs.Standing) { s.Complete.Finished = ago(26 * time.Hour) }, "[]", ""},
		"never, since long":  {func(s *jobs.Standing) { s.Complete, s.Last = nil, nil }, "[no-run]", "for 41 days"},
		"never, since today": {func(s *jobs.Standing) { s.Complete, s.Last, s.Since = nil, nil, ago(time.Hour) }, "[]", ""},
		"paused": {func(s *jobs.Standing) {
			s.Complete.Finished, s.Status.Schedule.Paused, s.Status.Schedule.PausedBy = ago(72*time.Hour), ago(70*time.Hour), "ann@acme.com"
		}, "[no-run]", "3 days; the schedule is paused"},
		"memory lost": {func(s *jobs.Standing) {
			s.Status.Schedule.Paused, s.Status.Schedule.PausedBy = ago(time.Minute), jobs.PausedByLoss
		}, "[memory-lost]", "found at 2026-11-25 11:59 UTC: it was emptied or restored from a backup, so what people had decided may be gone, or as it was then. The schedule is paused. " +
			"press Reapply entitlement mappings in OneLogin; look at what a run would do (plan), who is still pinned (release) and what is held (holds); then: tomorro-sync schedule resume"},
		"quarantined":      {func(s *jobs.Standing) { s.Status.Schedule.Failures, s.Status.Schedule.Tried = 3, ago(10*time.Hour) }, "[quarantined]", "after 3 failed runs in a row; the next try is at 2026-11-26 02:00 UTC"},
		"two failures":     {func(s *jobs.Standing) { s.Status.Schedule.Failures, s.Status.Schedule.Tried = 2, ago(10*time.Hour) }, "[]", ""},
		"removals held":    {func(s *jobs.Standing) { s.Held = []jobs.HeldCount{held(reconcile.HoldGuard, 7, 25*time.Hour)} }, "[removals-held]", "7 removals are held, the first for 25 hours, by limit (7)"},
		"one removal held": {func(s *jobs.Standing) { s.Held = []jobs.HeldCount{held(reconcile.HoldData, 1, 25*time.Hour)} }, "[removals-held]", "1 removal is held, the first for 25 hours"},
		"held since now":   {func(s *jobs.Standing) { s.Held = []jobs.HeldCount{held(reconcile.HoldGuard, 7, 24*time.Hour)} }, "[]", ""},
		"only additions": {func(s *jobs.Standing) {
			s.Held = []jobs.HeldCount{{Rule: reconcile.RuleData, Class: reconcile.HoldData, Changes: 3, Since: ago(99 * time.Hour)}}
		}, "[]", ""},
		"decided against":   {func(s *jobs.Standing) { s.Held = []jobs.HeldCount{held(reconcile.HoldDecided, 7, 99*time.Hour)} }, "[]", ""},
		"marks":             {func(s *jobs.Standing) { s.Status.Marks, s.Status.Oldest = 1, ago(61*time.Minute) }, "[marks-old]", "1 person waits for another look, the first for 61 minutes"},
		"ends in two weeks": {func(*jobs.Standing) { ends(14 * 24 * time.Hour) }, "[credential-expires]", "tomorro.token ends at 2026-12-09 12:00 UTC."},
		"ends later":        {func(*jobs.Standing) { ends(14*24*time.Hour + 1) }, "[]", ""},
		"two that end": {func(*jobs.Standing) {
			ends(time.Hour)
			when.Credentials = append(when.Credentials, jobs.Credential{Key: "listen.cert_file", Expires: ago(time.Minute)})
		}, "[credential-expires]", "listen.cert_file ended at 2026-11-25 11:59 UTC; tomorro.token ends at 2026-11-25 13:00 UTC."},
		"a certificate is unusable": {func(*jobs.Standing) {
			when.Credentials = []jobs.Credential{{Key: "listen.cert_file", Unusable: "tls: private key does not match public key"}}
		}, "[credential-expires]", "listen.cert_file cannot be used (tls: private key does not match public key)"},
		"young marks": {func(s *jobs.Standing) { s.Status.Marks, s.Status.Oldest = 900, ago(59*time.Minute) }, "[]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := well(start)
			when.Credentials = nil
			tt.edit(&s)
			var kinds []alert.Kind
			text := ""
			for _, a := range alert.Find(&s, &when) {
				kinds = append(kinds, a.Kind)
				text += a.What + " " + a.Do + "\n"
				if a.Title == "" || a.Do == "" {
					t.Errorf("%+v", a)
				}
			}
			if fmt.Sprint(kinds) != tt.kinds || !strings.Contains(text, tt.says) || strings.Contains(text, "@") {
				t.Errorf("%v: %s", kinds, text)
			}
			never := alert.When{}
			for _, a := range alert.Find(&s, &never) {
				if strings.Contains("no-run quarantined removals-held marks-old", string(a.Kind)) {
					t.Errorf("switched off, and it tells %+v", a)
				}
			}
		})
	}
}
