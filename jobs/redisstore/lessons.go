package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tomorro-sync/reconcile/pace"
)

var lessonScript = script("lesson.lua")

// Lessons keeps what all processes of a connection learn of how fast one API may be asked.
// It implements pace.Lessons, and forgets after a day without requests. Make it with
// Store.Lessons.
type Lessons struct {
	store *Store
	api   string
}

// Lessons gives the lessons about an API, by any name for it.
func (s *Store) Lessons(api string) *Lessons { return &Lessons{store: s, api: api} }

// Confer implements pace.Lessons. It goes by Redis's clock.
func (l *Lessons) Confer(ctx context.Context, told pace.Lesson, n int) (pace.Known, error) {
	k := l.store.keys
	answer, err := lessonScript.Run(ctx, l.store.client, []string{k.learned(l.api), k.learners(l.api), k.levels(l.api)},
		told.First, told.Part, told.More, n, pace.LearnedPart, l.store.name, told.AtOnce).StringSlice()
	if err != nil {
		return pace.Known{}, fmt.Errorf("learn the rate of %s together: %w", l.api, err)
	}
	known, err := known(answer)
	if err != nil {
		return pace.Known{}, fmt.Errorf("learn the rate of %s together: the answer %q: %w", l.api, answer, err)
	}
	return known, nil
}

func known(answer []string) (k pace.Known, err error) {
	if len(answer) != 6 {
		return k, errors.New("want six values")
	}
	var n [6]float64
	for i, text := range answer {
		if text != "" {
			if n[i], err = strconv.ParseFloat(text, 64); err != nil {
				return k, err
			}
		}
	}
	return pace.Known{PerSecond: n[0], Lowered: time.Duration(n[1]) * time.Microsecond, Tokens: int(n[2]), Wait: time.Duration(n[3]) * time.Microsecond, Sharers: int(n[4]), AtOnce: n[5]}, nil
}
