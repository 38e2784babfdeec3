package redisstore

import (
	"context"
	_ "embed" // the script
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

//go:embed append.lua
var appendSource string

var appendScript = redis.NewScript(appendSource)

// Append implements jobs.Journal, in one round trip: the script checks the lease
// and writes, so that a holder that has lost the lock writes nothing.
func (s *Store) Append(ctx context.Context, lease jobs.Lease, entries ...jobs.Entry) ([]string, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	args := make([]any, 1, 1+3*len(entries))
	args[0] = lease.Fence
	for i := range entries {
		e := &entries[i]
		e.Fence = lease.Fence
		data, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("journal a %s entry: %w", e.Kind, err)
		}
		args = append(args, string(e.Kind), e.Run, data)
	}
	ids, err := appendScript.Run(ctx, s.client, []string{s.keys.lock(), s.keys.fence(), s.keys.journal(), s.keys.runs()}, args...).StringSlice()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if len(ids) != len(entries) {
		return nil, fmt.Errorf("journal: %w: another run has begun since", jobs.ErrLockLost)
	}
	return ids, nil
}

// Runs implements jobs.JournalReader.
func (s *Store) Runs(ctx context.Context, limit int) ([]jobs.RunRecord, error) {
	var out []jobs.RunRecord
	ends := make(map[string]*jobs.Entry)
	last := "+"
	for len(out) < limit {
		page, err := s.client.XRevRangeN(ctx, s.keys.runs(), last, "-", 200).Result()
		if err != nil {
			return nil, fmt.Errorf("read the runs: %w", err)
		}
		for _, m := range page {
			e, err := decode(m)
			if err != nil {
				return nil, err
			}
			if e.Kind == jobs.EntryEnd {
				ends[e.Run] = &e
			} else if len(out) < limit {
				out = append(out, jobs.RunRecord{Begin: e, End: ends[e.Run]})
			}
		}
		if len(page) < 200 {
			break
		}
		last = "(" + page[len(page)-1].ID
	}
	return out, nil
}

// Entries implements jobs.JournalReader: it reads the journal from the run's
// begin to its end only.
func (s *Store) Entries(ctx context.Context, run string) ([]jobs.Entry, error) {
	from, to, err := s.bounds(ctx, run)
	if err != nil {
		return nil, err
	}
	var out []jobs.Entry
	for {
		page, err := s.client.XRangeN(ctx, s.keys.journal(), from, to, 500).Result()
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		for _, m := range page {
			if m.Values["run"] != run {
				continue
			}
			e, err := decode(m)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		if len(page) < 500 {
			return out, nil
		}
		from = "(" + page[len(page)-1].ID
	}
}

// bounds finds where a run begins and ends in the journal.
func (s *Store) bounds(ctx context.Context, run string) (from, to string, err error) {
	to, last := "+", "+"
	for {
		page, err := s.client.XRevRangeN(ctx, s.keys.runs(), last, "-", 500).Result()
		if err != nil {
			return "", "", fmt.Errorf("read the runs: %w", err)
		}
		for _, m := range page {
			if m.Values["run"] != run {
				continue
			}
			at, _ := m.Values["at"].(string)
			if m.Values["kind"] == string(jobs.EntryEnd) {
				to = at
				continue
			}
			return at, to, nil
		}
		if len(page) < 500 {
			return "", "", fmt.Errorf("%w: %s", jobs.ErrNoRun, run)
		}
		last = "(" + page[len(page)-1].ID
	}
}

func decode(m redis.XMessage) (jobs.Entry, error) {
	var e jobs.Entry
	data, _ := m.Values["data"].(string)
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return e, fmt.Errorf("journal entry %s cannot be read: %w", m.ID, err)
	}
	e.ID = m.ID
	return e, nil
}

// Links implements jobs.Links.
func (s *Store) Links(ctx context.Context) (map[reconcile.Key]string, error) {
	all, err := s.client.HGetAll(ctx, s.keys.links()).Result()
	if err != nil {
		return nil, fmt.Errorf("read the links: %w", err)
	}
	links := make(map[reconcile.Key]string, len(all))
	for text, account := range all {
		key, ok := reconcile.ParseExternalID("onelogin:" + text)
		if !ok {
			return nil, fmt.Errorf("the links hold %q, which is not a OneLogin id", text)
		}
		links[key] = account
	}
	return links, nil
}

// Link implements jobs.Links.
func (s *Store) Link(ctx context.Context, lease jobs.Lease, links []reconcile.Link) error {
	if len(links) == 0 {
		return nil
	}
	values := make([]any, 0, 2*len(links))
	for _, l := range links {
		values = append(values, l.Key.String(), l.Account)
	}
	if err := s.client.HSet(ctx, s.keys.links(), values...).Err(); err != nil {
		return fmt.Errorf("remember links: %w", err)
	}
	return nil
}

// Unlink implements jobs.Links.
func (s *Store) Unlink(ctx context.Context, lease jobs.Lease, keys []reconcile.Key) error {
	if len(keys) == 0 {
		return nil
	}
	fields := make([]string, len(keys))
	for i, k := range keys {
		fields[i] = k.String()
	}
	if err := s.client.HDel(ctx, s.keys.links(), fields...).Err(); err != nil {
		return fmt.Errorf("forget links: %w", err)
	}
	return nil
}

// Spent implements jobs.Budget.
func (s *Store) Spent(ctx context.Context, since time.Time) (map[reconcile.Limit]int, error) {
	limits := reconcile.LimitNames()
	counts := make([]*redis.IntCmd, len(limits))
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, l := range limits {
			counts[i] = p.ZCount(ctx, s.keys.budget(l), fmt.Sprint(since.UnixMilli()), "+inf")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the budget: %w", err)
	}
	spent := make(map[reconcile.Limit]int, len(limits))
	for i, l := range limits {
		spent[l] = int(counts[i].Val())
	}
	return spent, nil
}

// budgetKept is how long spendings are remembered: longer than any sensible window.
const budgetKept = 31 * 24 * time.Hour

// Spend implements jobs.Budget.
func (s *Store) Spend(ctx context.Context, lease jobs.Lease, done map[reconcile.Limit]int) error {
	now := s.now()
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for l, n := range done {
			members := make([]redis.Z, n)
			for i := range members {
				members[i] = redis.Z{Score: float64(now.UnixMilli()), Member: fmt.Sprintf("%d-%d-%d", lease.Fence, now.UnixNano(), i)}
			}
			if n > 0 {
				p.ZAdd(ctx, s.keys.budget(l), members...)
				p.ZRemRangeByScore(ctx, s.keys.budget(l), "-inf", fmt.Sprint(now.Add(-budgetKept).UnixMilli()))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count what was spent: %w", err)
	}
	return nil
}
