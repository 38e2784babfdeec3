package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

var (
	tickScript = script("tick.lua")
	doneScript = script("done.lua")
)

// Take implements jobs.Ticks.
func (s *Store) Take(ctx context.Context, tick time.Time, late jobs.Late, within time.Duration) (jobs.Taken, error) {
	answer, err := tickScript.Run(ctx, s.client, []string{s.keys.schedule(), s.keys.lock()},
		tick.UnixMilli(), s.now().UnixMilli(), within.Milliseconds(), string(late), s.call()).Text()
	if err != nil {
		return "", fmt.Errorf("take the tick of %s: %w", tick.Format(time.RFC3339), err)
	}
	return jobs.Taken(answer), nil
}

// Done implements jobs.Ticks.
func (s *Store) Done(ctx context.Context, tick time.Time, ended jobs.Ended) error {
	if err := doneScript.Run(ctx, s.client, []string{s.keys.schedule()}, tick.UnixMilli(), string(ended)).Err(); err != nil {
		return fmt.Errorf("remember that the run of %s was made: %w", tick.Format(time.RFC3339), err)
	}
	return nil
}

// Schedule implements jobs.Pauser.
func (s *Store) Schedule(ctx context.Context) (jobs.ScheduleState, error) {
	all, err := s.client.HGetAll(ctx, s.keys.schedule()).Result()
	if err != nil {
		return jobs.ScheduleState{}, fmt.Errorf("read the schedule's state: %w", err)
	}
	return scheduleState(all), nil
}

func scheduleState(all map[string]string) (st jobs.ScheduleState) {
	st.Done, _ = moment(all["done"])
	if text, who, ok := strings.Cut(all["paused"], " "); ok {
		if since, err := moment(text); err == nil {
			st.Paused, st.PausedBy = since, who
		}
	}
	n, err := strconv.Atoi(all["failures"])
	if tried, bad := moment(all["tried"]); err == nil && bad == nil {
		st.Failures, st.Tried = n, tried
		st.Retries, _ = strconv.Atoi(all["retries"]) // none is 0
	}
	return st
}

// moment reads a time that is stored in milliseconds; it is zero with an error.
func moment(text string) (time.Time, error) {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(ms), nil
}

// Status implements jobs.Observer, in one round trip.
func (s *Store) Status(ctx context.Context) (jobs.Status, error) {
	var schedule *redis.MapStringStringCmd
	var token, adoption *redis.StringCmd
	var left *redis.DurationCmd
	var open, marks *redis.IntCmd
	var oldest *redis.ZSliceCmd
	var runs *redis.XMessageSliceCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		schedule = p.HGetAll(ctx, s.keys.schedule())
		token, left = p.Get(ctx, s.keys.lock()), p.PTTL(ctx, s.keys.lock())
		open, marks = p.HLen(ctx, s.keys.open()), p.ZCard(ctx, s.keys.marks())
		oldest = p.ZRangeWithScores(ctx, s.keys.marks(), 0, 0)
		runs = p.XRevRangeN(ctx, s.keys.runs(), "+", "-", 8)
		adoption = p.HGet(ctx, s.keys.adoption(), phaseField)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return jobs.Status{}, fmt.Errorf("look at the connection: %w", err)
	}
	st := jobs.Status{Schedule: scheduleState(schedule.Val()), Open: int(open.Val()), Marks: int(marks.Val())}
	if token.Err() == nil {
		st.Lock = s.lockedBy(token.Val(), left.Val().Milliseconds())
	}
	if first := oldest.Val(); len(first) == 1 {
		st.Oldest = time.UnixMilli(int64(first[0].Score))
	}
	if phase := (jobs.AdoptionPhase{}); adoption.Err() == nil && json.Unmarshal([]byte(adoption.Val()), &phase) == nil && phase.State == jobs.AdoptionOpen {
		st.Adopting = phase.At
	}
	for _, m := range runs.Val() {
		if e, err := decode(m); err == nil && e.Kind == jobs.EntryEnd {
			st.Last = e.Report
			break
		}
	}
	return st, nil
}

// Pause implements jobs.Pauser.
func (s *Store) Pause(ctx context.Context, who string) error {
	if err := s.client.HSetNX(ctx, s.keys.schedule(), "paused", fmt.Sprintf("%d %s", s.now().UnixMilli(), who)).Err(); err != nil {
		return fmt.Errorf("pause the schedule: %w", err)
	}
	s.pulse.wrote.Store(true)
	return nil
}

// Resume implements jobs.Pauser.
func (s *Store) Resume(ctx context.Context) error {
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HDel(ctx, s.keys.schedule(), "paused")
		p.HSet(ctx, s.keys.schedule(), "done", s.now().UnixMilli()) // what came meanwhile was not missed
		return nil
	})
	if err != nil {
		return fmt.Errorf("resume the schedule: %w", err)
	}
	s.pulse.wrote.Store(true)
	return nil
}

// Forgive implements jobs.Forgiver.
func (s *Store) Forgive(ctx context.Context) error {
	if err := s.client.HDel(ctx, s.keys.schedule(), "failures", "tried", "retries").Err(); err != nil {
		return fmt.Errorf("forget the failed runs: %w", err)
	}
	return nil
}
