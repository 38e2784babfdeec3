package redisstore

import (
	"cmp"
	"context"
	_ "embed" // the scripts
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

//go:embed claim.lua
var claimSource string

//go:embed settle.lua
var settleSource string

var (
	claimScript  = redis.NewScript(claimSource)
	settleScript = redis.NewScript(settleSource)
)

// claimLife is how long a claim binds others when its owner says nothing more:
// longer than any request with its retries takes.
const claimLife = 10 * time.Minute

// Claim implements jobs.Ledger. All claims travel in one round trip, each as one
// script.
func (s *Store) Claim(ctx context.Context, lease jobs.Lease, claims []jobs.Claim) ([]jobs.Claimed, error) {
	calls := make([]call, len(claims))
	for i := range claims {
		c := &claims[i]
		c.Entry.Kind, c.Entry.Run, c.Entry.Fence = jobs.EntryIntent, c.Run, lease.Fence
		var data []byte
		if c.Entry.Write != nil {
			var err error
			if data, err = json.Marshal(&c.Entry); err != nil {
				return nil, fmt.Errorf("journal an intent: %w", err)
			}
		}
		calls[i] = s.claim(lease, c, data)
	}
	answers, err := s.pipeline(ctx, claimScript, calls)
	if err != nil {
		return nil, fmt.Errorf("write the journal in Redis: %w", err)
	}
	out := make([]jobs.Claimed, len(claims))
	for i, a := range answers {
		said, err := a.StringSlice()
		if err != nil || len(said) == 0 {
			return nil, fmt.Errorf("journal an intent: unexpected answer: %w", err)
		}
		if out[i], err = claimed(said); err != nil {
			return nil, fmt.Errorf("write the journal: %w", err)
		}
	}
	return out, nil
}

// claim words one claim for its script.
func (s *Store) claim(lease jobs.Lease, c *jobs.Claim, data []byte) call {
	k := []string{s.keys.lock(), s.keys.journal(), s.keys.position(), s.keys.touched(), s.keys.claims(), s.keys.open(),
		s.keys.marks(), s.keys.due(), s.keys.asked(s.call())}
	_, group := byKind(c.Spends)
	args := []any{lease.Token, c.Run, c.Position, cmp.Or(c.Life, claimLife).Milliseconds(), answerLife.Milliseconds(), data,
		s.now().UnixMilli(), c.Since.UnixMilli(), group}
	for _, l := range slices.Sorted(maps.Keys(c.Spends)) {
		most, scope := "", ""
		if n, bound := c.Most[l]; bound {
			most = strconv.Itoa(n)
		}
		kind, of := l.Group()
		if of != "" {
			scope = "group"
		}
		if c.Spends[l] > 0 {
			k, args = append(k, s.keys.budget(kind)), append(args, string(l), c.Spends[l], most, scope)
		}
	}
	for _, subject := range c.Subjects {
		args = append(args, subject)
	}
	return call{k, args}
}

// claimed reads what the script said.
func claimed(said []string) (c jobs.Claimed, err error) {
	if len(said) == 1 {
		return jobs.Claimed{ID: said[0]}, nil
	}
	switch said[1] {
	case "lost":
		return c, fmt.Errorf("%w: it ended or passed to somebody else", jobs.ErrLockLost)
	case "over":
		c.Over = reconcile.Limit(said[2])
	case "newer":
		c.Newer = said[2:]
	case "taken":
		c.Taken = make([]jobs.Touch, len(said)-2)
		for i, last := range said[2:] {
			position, run, _ := strings.Cut(last, " ")
			c.Taken[i].Run = run
			c.Taken[i].Position, _ = strconv.ParseInt(position, 10, 64) // none is 0
		}
	}
	return c, nil
}

// Settle implements jobs.Ledger, in one round trip.
func (s *Store) Settle(ctx context.Context, settled []jobs.Settled) error {
	k := []string{s.keys.journal(), s.keys.position(), s.keys.touched(), s.keys.claims(), s.keys.open(), s.keys.links(), s.keys.decisions()}
	limits := reconcile.LimitNames()
	for _, l := range limits {
		k = append(k, s.keys.budget(l))
	}
	now := s.now()
	calls := make([]call, len(settled))
	for i := range settled {
		o := &settled[i]
		o.Entry.Kind, o.Entry.Run = jobs.EntryOutcome, o.Run
		data, err := json.Marshal(&o.Entry)
		if err != nil {
			return fmt.Errorf("journal an outcome: %w", err)
		}
		args := []any{o.Run, o.Entry.Intent, data, now.UnixMilli(), now.Add(-budgetKept).UnixMilli(), len(o.Links), len(o.Ended), cmp.Or(o.By, o.Run)}
		spent, group := byKind(o.Spent)
		reserved, of := byKind(o.Reserved)
		args = append(args, cmp.Or(group, of), len(o.Used))
		for _, l := range limits {
			args = append(args, spent[l], reserved[l])
		}
		for _, l := range o.Links {
			args = append(args, l.Key.String(), l.Account)
		}
		for _, key := range o.Ended {
			args = append(args, key.String())
		}
		for _, digest := range o.Used {
			args = append(args, digest)
		}
		for _, subject := range o.Subjects {
			args = append(args, subject)
		}
		calls[i] = call{k, args}
	}
	if _, err := s.pipeline(ctx, settleScript, calls); err != nil {
		return fmt.Errorf("write the journal in Redis: %w", err)
	}
	return nil
}

// byKind sums what was spent by kind of limit, and names the group that it was
// spent on: a write is about one group at most.
func byKind(spent map[reconcile.Limit]int) (kinds map[reconcile.Limit]int, group string) {
	kinds = make(map[reconcile.Limit]int, len(spent))
	for l, n := range spent {
		kind, of := l.Group()
		kinds[kind] += n
		group = cmp.Or(group, of)
	}
	return kinds, group
}

// call is one use of a script.
type call struct {
	keys []string
	args []any
}

// pipeline sends all calls of a script at once. A server that does not know the
// script yet (after a restart, a failover or a flush) is told it and asked again
// for those calls only.
func (s *Store) pipeline(ctx context.Context, script *redis.Script, calls []call) ([]*redis.Cmd, error) {
	answers := make([]*redis.Cmd, len(calls))
	send := func(wanted func(int) bool, run func(redis.Pipeliner, call) *redis.Cmd) {
		_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each answer has its own error
			for i, c := range calls {
				if wanted(i) {
					answers[i] = run(p, c)
				}
			}
			return nil
		})
	}
	open := func(i int) bool { return answers[i] == nil || answers[i].Err() != nil && passing(answers[i].Err()) }
	unknown := func(i int) bool {
		err := answers[i].Err()
		return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT")
	}
	err := s.patiently(ctx, func() error {
		send(open, func(p redis.Pipeliner, c call) *redis.Cmd { return script.EvalSha(ctx, p, c.keys, c.args...) })
		send(unknown, func(p redis.Pipeliner, c call) *redis.Cmd { return script.Eval(ctx, p, c.keys, c.args...) })
		for _, a := range answers {
			if err := a.Err(); err != nil && passing(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if err := a.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
	}
	return answers, nil
}

// Snapshot implements jobs.Ledger.
func (s *Store) Snapshot(ctx context.Context) (jobs.Snapshot, error) {
	var snap jobs.Snapshot
	position, err := s.client.Get(ctx, s.keys.position()).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return snap, fmt.Errorf("read the journal's position: %w", err)
	}
	snap.Position = position
	open, err := s.client.HKeys(ctx, s.keys.open()).Result()
	if err != nil {
		return snap, fmt.Errorf("read the open intents: %w", err)
	}
	for _, id := range open {
		found, err := s.client.XRange(ctx, s.keys.journal(), id, id).Result()
		if err != nil {
			return snap, fmt.Errorf("read an open intent: %w", err)
		}
		e := jobs.Entry{ID: id, Kind: jobs.EntryIntent} // lost with a failover
		if len(found) == 1 {
			if e, err = decode(found[0]); err != nil {
				return snap, err
			}
		}
		snap.Open = append(snap.Open, e)
	}
	snap.Marks, err = s.marks(ctx)
	return snap, err
}
