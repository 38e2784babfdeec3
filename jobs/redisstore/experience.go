package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

var learnScript = script("learn.lua")

// pullsKept is how many good pulls say what is usual: ten nights.
const pullsKept = 10

// The fields of the facts that are not people.
const (
	factRules = "rules"
	factBasis = "basis"
)

// Facts implements jobs.Experience. An entry that cannot be decoded is left out, since
// facts only tell where a change came from.
func (s *Store) Facts(ctx context.Context) (reconcile.Facts, error) {
	f := reconcile.Facts{People: make(map[reconcile.Key]uint64), Basis: []byte{}}
	seen := make(map[string]bool) // of what is no person
	err := s.fields(ctx, s.keys.facts(), func(field, value string) (int, error) {
		key, err := strconv.ParseInt(field, 10, 64)
		digest, bad := strconv.ParseUint(value, 16, 64)
		switch {
		case err == nil && bad == nil:
			f.People[reconcile.Key(key)] = digest
			return len(f.People) + len(seen), nil
		case field == factRules:
			f.Rules = digest
		case field == factBasis:
			f.Basis = []byte(value)
		}
		seen[field] = true
		return len(f.People) + len(seen), nil
	})
	if err != nil {
		return reconcile.Facts{}, fmt.Errorf("read what the last run saw: %w", err)
	}
	return f, nil
}

// Pulls implements jobs.Experience.
func (s *Store) Pulls(ctx context.Context) ([]reconcile.Census, error) {
	texts, err := s.client.LRange(ctx, s.keys.pulls(), 0, pullsKept-1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the counts of the last pulls: %w", err)
	}
	pulls := make([]reconcile.Census, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &pulls[i]); err != nil {
			return nil, fmt.Errorf("the counts of an earlier pull cannot be read: %w", err)
		}
	}
	return pulls, nil
}

// learnedPerCall bounds what one script does while others wait.
const learnedPerCall = 500

// Learn implements jobs.Experience.
func (s *Store) Learn(ctx context.Context, lease jobs.Lease, learned reconcile.Learned, pull *reconcile.Census) error {
	text := ""
	if pull != nil {
		data, err := json.Marshal(pull)
		if err != nil {
			return fmt.Errorf("remember the counts of the pull: %w", err)
		}
		text = string(data)
	}
	fields := []any{factRules, strconv.FormatUint(learned.Rules, 16)}
	if learned.Basis != nil {
		fields = append(fields, factBasis, string(learned.Basis))
	}
	for key, digest := range learned.People {
		fields = append(fields, key.String(), strconv.FormatUint(digest, 16))
	}
	k := []string{s.keys.lock(), s.keys.facts(), s.keys.pulls()}
	forget := make([]any, 0, len(learned.Forgotten))
	for _, key := range learned.Forgotten {
		forget = append(forget, key.String())
	}
	var calls []call
	for part := range slices.Chunk(forget, learnedPerCall) {
		calls = append(calls, call{k, append([]any{lease.Token, "", pullsKept, len(part)}, part...)})
	}
	for part := range slices.Chunk(fields, 2*learnedPerCall) {
		calls = append(calls, call{k, append([]any{lease.Token, text, pullsKept, 0}, part...)})
	}
	answers, err := s.pipeline(ctx, learnScript, calls)
	if err != nil {
		return fmt.Errorf("remember what the run saw: %w", err)
	}
	for _, a := range answers {
		if n, err := a.Int(); err != nil || n == 0 {
			return fmt.Errorf("remember what the run saw: %w: it ended or passed to somebody else", errors.Join(jobs.ErrLockLost, err))
		}
	}
	return nil
}
