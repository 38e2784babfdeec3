package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Links implements jobs.Links.
func (s *Store) Links(ctx context.Context) (map[reconcile.Key]string, error) {
	links := make(map[reconcile.Key]string)
	err := s.fields(ctx, s.keys.links(), func(text, account string) (int, error) {
		key, ok := reconcile.ParseKey(text)
		if !ok {
			return 0, fmt.Errorf("the links hold %q, which is not a OneLogin id", text)
		}
		links[key] = account
		return len(links), nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the links: %w", err)
	}
	return links, nil
}

// fieldsPerCall bounds what one call gives while others wait: a million fields take Redis
// and this program longer than an answer may take.
const fieldsPerCall = 10_000

// fields has each field of a hash taken in, some of them twice; take gives how many
// different ones there are by now. What is there all the time is among them: a cursor is of
// no use at another Redis, after a failover for one, so they are counted, and read again.
func (s *Store) fields(ctx context.Context, key string, take func(field, value string) (int, error)) error {
	for range 3 {
		var had *redis.IntCmd
		var part *redis.ScanCmd
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			had, part = p.HLen(ctx, key), p.HScan(ctx, key, 0, "", fieldsPerCall)
			return nil
		})
		n := 0
		for err == nil {
			all, next := part.Val()
			for ; err == nil && len(all) >= 2; all = all[2:] {
				n, err = take(all[0], all[1])
			}
			if next == 0 || err != nil {
				break
			}
			part = s.client.HScan(ctx, key, next, "", fieldsPerCall)
			err = part.Err()
		}
		if err != nil || int64(n) >= had.Val() {
			return err
		}
		if has, err := s.client.HLen(ctx, key).Result(); err != nil || int64(n) >= has {
			return err // some were deleted meanwhile
		}
	}
	return errors.New("fewer came than Redis has; run it again")
}

// Link implements jobs.Links.
func (s *Store) Link(ctx context.Context, lease jobs.Lease, links []reconcile.Link) error {
	if len(links) == 0 {
		return nil
	}
	_, err := s.append(ctx, lease.Token, links, nil)
	return err
}

// Spent implements jobs.Budget.
func (s *Store) Spent(ctx context.Context, since time.Time) (map[reconcile.Limit]int, error) {
	var asked spentCmds
	if _, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error { asked = s.askSpent(ctx, p, since); return nil }); err != nil {
		return nil, fmt.Errorf("read the budget: %w", err)
	}
	return asked.spent(), nil
}

// spentCmds are the answers that the budget is made of.
type spentCmds struct {
	counts  []*redis.IntCmd // as reconcile.LimitNames
	removed *redis.StringSliceCmd
}

func (s *Store) askSpent(ctx context.Context, p redis.Pipeliner, since time.Time) (asked spentCmds) {
	from := fmt.Sprint(since.UnixMilli())
	for _, l := range reconcile.LimitNames() {
		asked.counts = append(asked.counts, p.ZCount(ctx, s.keys.budget(l), from, "+inf"))
	}
	asked.removed = p.ZRangeByScore(ctx, s.keys.budget(reconcile.LimitRemoveFromGroup), &redis.ZRangeBy{Min: from, Max: "+inf"})
	return asked
}

func (c *spentCmds) spent() map[reconcile.Limit]int {
	spent := make(map[reconcile.Limit]int, len(c.counts))
	for i, l := range reconcile.LimitNames() {
		spent[l] = int(c.counts[i].Val())
	}
	for _, member := range c.removed.Val() {
		if part := strings.SplitN(member, "/", 3); len(part) == 3 {
			spent[reconcile.LimitRemoveFromGroup.Of(part[2])]++
		}
	}
	return spent
}

// BudgetKept is how long counts towards the limits are kept. The window of the limits must
// not be longer.
const BudgetKept = 31 * 24 * time.Hour
