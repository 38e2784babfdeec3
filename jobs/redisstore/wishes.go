package redisstore

import (
	"context"
	"fmt"
	"time"

	"tomorro-sync/jobs"
)

var (
	wishScript     = script("wish.lua")
	takeWishScript = script("takewish.lua")
	endWishScript  = script("endwish.lua")
)

// Wish implements jobs.Wishes.
func (s *Store) Wish(ctx context.Context, by jobs.Trigger) (bool, error) {
	n, err := wishScript.Run(ctx, s.client, []string{s.keys.wish()}, s.call(), by.By, by.Who).Int()
	if err != nil {
		return false, fmt.Errorf("ask for a run: %w", err)
	}
	return n == 1, nil
}

// Wished implements jobs.Wishes.
func (s *Store) Wished(ctx context.Context) (jobs.Wish, error) {
	all, err := s.client.HGetAll(ctx, s.keys.wish()).Result()
	if err != nil {
		return jobs.Wish{}, fmt.Errorf("read which run is asked for: %w", err)
	}
	w := jobs.Wish{ID: all["id"], By: all["by"], Who: all["who"], Over: all["over"] != "", Failed: all["failed"]}
	w.Since, _ = moment(all["since"])
	if till, err := moment(all["till"]); err == nil && (w.Over || s.now().UnixMilli() < till.UnixMilli()) {
		w.Taker = all["taker"]
	}
	return w, nil
}

// TakeWish implements jobs.Wishes.
func (s *Store) TakeWish(ctx context.Context, taker string, hold time.Duration) (jobs.Wish, bool, error) {
	n, err := takeWishScript.Run(ctx, s.client, []string{s.keys.wish()}, taker, hold.Milliseconds()).Int()
	if err != nil || n != 1 {
		if err != nil {
			err = fmt.Errorf("take the run that is asked for: %w", err)
		}
		return jobs.Wish{}, false, err
	}
	w, err := s.Wished(ctx)
	w.Taker = taker
	return w, err == nil, err
}

// EndWish implements jobs.Wishes.
func (s *Store) EndWish(ctx context.Context, wish jobs.Wish, failed string) error {
	if err := endWishScript.Run(ctx, s.client, []string{s.keys.wish()}, wish.ID, wish.Taker, failed).Err(); err != nil {
		return fmt.Errorf("end the run that was asked for: %w", err)
	}
	return nil
}
