package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

var (
	markScript     = script("mark.lua")
	dueScript      = script("due.lua")
	postponeScript = script("postpone.lua")
	unmarkScript   = script("unmark.lua")
	forgetScript   = script("forget.lua")
	endScript      = script("end.lua")
)

// marksPerCall bounds what one script does while others wait.
const marksPerCall = 200

// marks gives all marks, the oldest first.
func (s *Store) marks(ctx context.Context) ([]jobs.Mark, error) {
	var all *redis.ZSliceCmd
	var tries *redis.MapStringStringCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		all, tries = p.ZRangeWithScores(ctx, s.keys.marks(), 0, -1), p.HGetAll(ctx, s.keys.tries())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the marks: %w", err)
	}
	var marks []jobs.Mark
	for _, m := range all.Val() {
		subject, _ := m.Member.(string)
		marks = append(marks, mark(subject, strconv.FormatInt(int64(m.Score), 10), tries.Val()[subject]))
	}
	return marks, nil
}

// mark reads a mark: its position in milliseconds, and how often it was tried as "tries
// looks".
func mark(subject, position, tried string) jobs.Mark {
	m := jobs.Mark{Subject: subject}
	ms, _ := strconv.ParseInt(position, 10, 64)
	m.Time = time.UnixMilli(ms)
	tries, looks, _ := strings.Cut(tried, " ")
	m.Tries, _ = strconv.Atoi(tries) // none is 0
	m.Looks, _ = strconv.Atoi(looks)
	return m
}

// Mark implements jobs.Queue. A repeated call does no harm: it renews the marks.
func (s *Store) Mark(ctx context.Context, wait time.Duration, wanted []jobs.Wanted) ([]jobs.Mark, error) {
	k := []string{s.keys.position(), s.keys.marks(), s.keys.due(), s.keys.tries(), s.keys.assertions()}
	var calls []call
	for part := range slices.Chunk(wanted, marksPerCall) {
		args := []any{wait.Milliseconds()}
		for i := range part {
			args = append(args, part[i].Subject, part[i].Looks, len(part[i].Assert))
			for _, a := range part[i].Assert {
				args = append(args, assertionField(a), assertionValue(a))
			}
		}
		calls = append(calls, call{k, args})
	}
	marks := make([]jobs.Mark, 0, len(wanted))
	answers, err := s.answers(ctx, markScript, calls)
	if err == nil && len(answers) != 2*len(wanted) {
		err = fmt.Errorf("%d answers about %d subjects", len(answers), len(wanted))
	}
	if err != nil {
		return nil, fmt.Errorf("ask for another look: %w", err)
	}
	s.pulse.wrote.Store(true)
	for i := range wanted {
		marks = append(marks, mark(wanted[i].Subject, answers[2*i], answers[2*i+1]))
	}
	return marks, nil
}

// Due implements jobs.Queue.
func (s *Store) Due(ctx context.Context, n int, lease time.Duration) ([]jobs.Mark, error) {
	if n <= 0 {
		return nil, nil
	}
	answer, err := s.answers(ctx, dueScript, []call{{[]string{s.keys.marks(), s.keys.due(), s.keys.tries()}, []any{n, lease.Milliseconds()}}})
	if err != nil {
		return nil, fmt.Errorf("read whose turn it is: %w", err)
	}
	var marks []jobs.Mark
	for m := range slices.Chunk(answer, 3) {
		marks = append(marks, mark(m[0], m[1], m[2]))
	}
	return marks, nil
}

// Postpone implements jobs.Queue. The number of tries follows from the caller's mark, so
// that a repeated call counts once.
func (s *Store) Postpone(ctx context.Context, later []jobs.Later) error {
	var calls []call
	for part := range slices.Chunk(later, marksPerCall) {
		var args []any
		for i := range part {
			l := &part[i]
			tries := l.Mark.Tries
			if l.Failed {
				tries++
			}
			args = append(args, l.Mark.Subject, l.Mark.Time.UnixMilli(), l.After.Milliseconds(), tries, l.Looks)
		}
		calls = append(calls, call{[]string{s.keys.marks(), s.keys.due(), s.keys.tries()}, args})
	}
	if _, err := s.pipeline(ctx, postponeScript, calls); err != nil {
		return fmt.Errorf("say when to look again: %w", err)
	}
	return nil
}

// Unmark implements jobs.Marks.
func (s *Store) Unmark(ctx context.Context, run string, seen jobs.Snapshot) error {
	var calls []call
	for marks := range slices.Chunk(seen.Marks, marksPerCall) {
		args := []any{run, seen.Position}
		for _, m := range marks {
			args = append(args, m.Subject, m.Time.UnixMilli())
		}
		calls = append(calls, call{[]string{s.keys.touched(), s.keys.claims(), s.keys.marks(), s.keys.due(), s.keys.tries()}, args})
	}
	if _, err := s.pipeline(ctx, unmarkScript, calls); err != nil {
		return fmt.Errorf("forget the marks: %w", err)
	}
	return nil
}

// Forget implements jobs.Eraser.
func (s *Store) Forget(ctx context.Context, subjects []string) error {
	busy := 0
	for part := range slices.Chunk(subjects, marksPerCall) {
		args := make([]any, len(part))
		for i, subject := range part {
			args[i] = subject
		}
		k := []string{s.keys.marks(), s.keys.due(), s.keys.tries(), s.keys.touched(), s.keys.claims()}
		n, err := s.number(ctx, forgetScript, k, args...)
		if err != nil {
			return fmt.Errorf("forget the marks: %w", err)
		}
		busy += n
	}
	if busy > 0 {
		return fmt.Errorf("forget the marks: somebody is at work on %d of them; try again in a few minutes", busy)
	}
	return nil
}

// answers joins what the calls of a script answer.
func (s *Store) answers(ctx context.Context, script *redis.Script, calls []call) (all []string, err error) {
	answers, err := s.pipeline(ctx, script, calls)
	for _, a := range answers {
		texts, bad := a.StringSlice()
		if err = cmp.Or(err, bad); err != nil {
			break
		}
		all = append(all, texts...)
	}
	return all, err
}

// assertionField is the field of an assertion: a JSON array, so that no two assertions share
// one.
func assertionField(a reconcile.Assertion) string {
	text, _ := json.Marshal([2]string{a.Account, a.Group}) // two texts can always be written
	return string(text)
}

// assertionValue is when it was said, and whether the group was taken back.
func assertionValue(a reconcile.Assertion) string {
	at := strconv.FormatInt(a.At.UnixMilli(), 10)
	if a.Off {
		return at + assertedOff
	}
	return at
}

const assertedOff = " off"

// Assertions implements jobs.Assertions.
func (s *Store) Assertions(ctx context.Context) ([]reconcile.Assertion, error) {
	all, err := s.client.HGetAll(ctx, s.keys.assertions()).Result()
	if err != nil {
		return nil, fmt.Errorf("read which groups were set by hand: %w", err)
	}
	return parseAssertions(all)
}

// parseAssertions gives them sorted.
func parseAssertions(all map[string]string) ([]reconcile.Assertion, error) {
	out := make([]reconcile.Assertion, 0, len(all))
	for field, value := range all {
		var of [2]string
		at, off := strings.CutSuffix(value, assertedOff)
		said, err := moment(at)
		if bad := json.Unmarshal([]byte(field), &of); bad != nil || err != nil {
			return nil, fmt.Errorf("a group that was set by hand cannot be read: %w", cmp.Or(bad, err))
		}
		out = append(out, reconcile.Assertion{Account: of[0], Group: of[1], At: said, Off: off})
	}
	slices.SortFunc(out, func(a, b reconcile.Assertion) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Group, b.Group))
	})
	return out, nil
}

// EndAssertions implements jobs.Assertions.
func (s *Store) EndAssertions(ctx context.Context, ended []reconcile.Assertion) error {
	for part := range slices.Chunk(ended, marksPerCall) {
		args := make([]any, 0, 2*len(part))
		for _, a := range part {
			args = append(args, assertionField(a), assertionValue(a))
		}
		if _, err := s.pipeline(ctx, endScript, []call{{[]string{s.keys.assertions()}, args}}); err != nil {
			return fmt.Errorf("forget which groups were set by hand: %w", err)
		}
		s.pulse.wrote.Store(true)
	}
	return nil
}
