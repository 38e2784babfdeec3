package redisstore

import (
	"cmp"
	"context"
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

var (
	claimScript  = script("claim.lua")
	settleScript = script("settle.lua")
)

// claimLife is how long a claim without a Life binds others. The claims of package jobs have
// one, after which no request of theirs is sent: see reconcile.ApplyOptions.
const claimLife = 10 * time.Minute

// perCall is how many claims or outcomes one call of a script takes. Fewer would cost more,
// since most of the cost is that of a call; more would keep other clients waiting.
const perCall = 100

// budgets collects the keys of a call, to which the keys of the budgets that it uses are
// added.
type budgets struct {
	store *Store
	keys  []string
}

// number gives the place of a budget's key among the keys; 1 is the first.
func (b *budgets) number(kind reconcile.Limit) int {
	key := b.store.keys.budget(kind)
	at := slices.Index(b.keys, key)
	if at < 0 {
		at, b.keys = len(b.keys), append(b.keys, key)
	}
	return at + 1
}

// Claim implements jobs.Ledger, in one round trip.
func (s *Store) Claim(ctx context.Context, lease jobs.Lease, claims []jobs.Claim) ([]jobs.Claimed, error) {
	calls := make([]call, 0, 1)
	for part := range slices.Chunk(claims, perCall) {
		c, err := s.claimCall(lease, part)
		if err != nil {
			return nil, err
		}
		calls = append(calls, c)
	}
	answers, err := s.pipeline(ctx, claimScript, calls)
	if err != nil {
		return nil, fmt.Errorf("write the journal in Redis: %w", err)
	}
	s.pulse.wrote.Store(true)
	out := make([]jobs.Claimed, 0, len(claims))
	for _, a := range answers {
		said, err := a.Slice()
		if err != nil {
			return nil, fmt.Errorf("journal an intent: unexpected answer: %w", err)
		}
		for _, one := range said {
			c, err := claimed(one)
			if err != nil {
				return nil, fmt.Errorf("write the journal: %w", err)
			}
			out = append(out, c)
		}
	}
	if len(out) != len(claims) {
		return nil, fmt.Errorf("journal an intent: %d answers to %d claims", len(out), len(claims))
	}
	return out, nil
}

// claimCall makes the keys and arguments of claim.lua.
func (s *Store) claimCall(lease jobs.Lease, claims []jobs.Claim) (call, error) {
	used := budgets{s, []string{s.keys.lock(), s.keys.journal(), s.keys.position(), s.keys.touched(), s.keys.claims(), s.keys.open(),
		s.keys.marks(), s.keys.due(), s.keys.asked(s.call())}}
	args := []any{lease.Token, answerLife.Milliseconds(), s.now().UnixMilli()}
	for i := range claims {
		c := &claims[i]
		c.Entry.Kind, c.Entry.Run, c.Entry.Fence = jobs.EntryIntent, c.Run, lease.Fence
		var data []byte
		if c.Entry.Write != nil {
			var err error
			if data, err = json.Marshal(&c.Entry); err != nil {
				return call{}, fmt.Errorf("journal an intent: %w", err)
			}
		}
		_, group := byKind(c.Spends)
		args = append(args, c.Run, c.Position, cmp.Or(c.Life, claimLife).Milliseconds(), data, c.Since.UnixMilli(), group)
		args = append(args, spends(c, &used)...)
		args = appendTexts(args, c.Subjects)
	}
	return call{used.keys, args}, nil
}

// spends makes the arguments that say what a claim uses of the limits: how many there are,
// then five for each.
func spends(c *jobs.Claim, used *budgets) []any {
	args := []any{0}
	for _, l := range slices.Sorted(maps.Keys(c.Spends)) {
		if c.Spends[l] <= 0 {
			continue
		}
		most, scope := "", ""
		if n, bound := c.Most[l]; bound {
			most = strconv.Itoa(n)
		}
		kind, of := l.Group()
		if of != "" {
			scope = "group"
		}
		args = append(args, used.number(kind), string(l), c.Spends[l], most, scope)
	}
	args[0] = (len(args) - 1) / 5
	return args
}

// appendTexts appends how many texts there are, and these.
func appendTexts(args []any, texts []string) []any {
	args = append(args, len(texts))
	for _, text := range texts {
		args = append(args, text)
	}
	return args
}

// claimed reads the answer of claim.lua to one claim: the id of the intent, or an empty
// text and why there is none.
func claimed(answer any) (c jobs.Claimed, err error) {
	list, _ := answer.([]any)
	said := make([]string, len(list))
	for i := range list {
		said[i], _ = list[i].(string)
	}
	if len(said) == 1 {
		return jobs.Claimed{ID: said[0]}, nil
	}
	if len(said) == 0 {
		return c, fmt.Errorf("unexpected answer %v", answer)
	}
	switch said[1] {
	case "lost":
		return c, errPassed
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
	calls := make([]call, 0, 1)
	for part := range slices.Chunk(settled, perCall) {
		c, err := s.settleCall(part)
		if err != nil {
			return err
		}
		calls = append(calls, c)
	}
	if _, err := s.pipeline(ctx, settleScript, calls); err != nil {
		return fmt.Errorf("write the journal in Redis: %w", err)
	}
	s.pulse.wrote.Store(true)
	return nil
}

// settleCall makes the keys and arguments of settle.lua.
func (s *Store) settleCall(settled []jobs.Settled) (call, error) {
	used := budgets{s, []string{s.keys.journal(), s.keys.position(), s.keys.touched(), s.keys.claims(), s.keys.open(), s.keys.links(), s.keys.decisions()}}
	now := s.now()
	args := []any{now.UnixMilli(), now.Add(-BudgetKept).UnixMilli()}
	for i := range settled {
		o := &settled[i]
		var data []byte
		if o.Entry.Intent != "" {
			var err error
			o.Entry.Kind, o.Entry.Run = jobs.EntryOutcome, o.Run
			if data, err = json.Marshal(&o.Entry); err != nil {
				return call{}, fmt.Errorf("journal an outcome: %w", err)
			}
		}
		spent, group := byKind(o.Spent)
		reserved, of := byKind(o.Reserved)
		args = append(args, o.Run, o.Entry.Intent, data, cmp.Or(o.By, o.Run), cmp.Or(group, of), o.Open)
		count := len(args)
		args = append(args, 0)
		for _, l := range reconcile.LimitNames() {
			if spent[l] > 0 || reserved[l] > 0 {
				args = append(args, used.number(l), spent[l], reserved[l])
			}
		}
		args[count] = (len(args) - count - 1) / 3
		args = append(args, len(o.Links))
		for _, l := range o.Links {
			args = append(args, l.Key.String(), l.Account)
		}
		args = append(args, len(o.Ended))
		for _, key := range o.Ended {
			args = append(args, key.String())
		}
		args = appendTexts(appendTexts(args, o.Used), o.Subjects)
	}
	return call{used.keys, args}, nil
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
