package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

var tellScript = script("tell.lua")

// tellStore bounds how long it may take to begin to tell, and to store what was told. Who
// is asked to stop does both: others would not tell before the turn ends by itself.
const tellStore = 5 * time.Second

// Tell implements jobs.AlertBook.
func (s *Store) Tell(ctx context.Context, life time.Duration, work func(context.Context, map[string]jobs.Told) map[string]jobs.Told) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	asking, asked := context.WithTimeout(context.WithoutCancel(ctx), tellStore)
	defer asked()
	token := s.call()
	mine, err := s.client.SetNX(asking, s.keys.telling(), token, life).Result()
	if err == nil && !mine {
		var holder string // the answer may have been lost, and the client asked again
		holder, err = s.client.Get(asking, s.keys.telling()).Result()
		if mine = holder == token; !mine && (err == nil || errors.Is(err, redis.Nil)) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("ask who tells of alerts: %w", err)
	}
	told, err := s.told(asking)
	if err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, life*9/10)
	defer cancel()
	text, err := json.Marshal(work(limited, told))
	if err != nil {
		return true, fmt.Errorf("remember what was told of alerts: %w", err)
	}
	storing, stop := context.WithTimeout(context.WithoutCancel(ctx), tellStore)
	defer stop()
	stored, err := tellScript.Run(storing, s.client, []string{s.keys.telling(), s.keys.alerts()}, token, text).Int()
	if err == nil && stored == 0 {
		err = errors.New("it took too long, and others may have told the same")
	}
	if err != nil {
		return true, fmt.Errorf("remember what was told of alerts: %w", err)
	}
	return true, nil
}

// told gives what was told; what cannot be read was not.
func (s *Store) told(ctx context.Context) (map[string]jobs.Told, error) {
	told := make(map[string]jobs.Told)
	text, err := s.client.Get(ctx, s.keys.alerts()).Bytes()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read what was told of alerts: %w", err)
	}
	if len(text) > 0 && json.Unmarshal(text, &told) != nil || told == nil {
		return make(map[string]jobs.Told), nil
	}
	return told, nil
}
