package jobs

import (
	"context"
	"time"
)

// Told is what was told of one alert to one receiver.
type Told struct {
	Since time.Time `json:"since"` // when it was told first
	Sent  time.Time `json:"sent"`  // when it was told last
	What  string    `json:"what"`  // in a few words, without a person's name
}

// AlertBook remembers what was told, for all replicas, so that one of them tells.
type AlertBook interface {
	// Tell lets one process at a time tell: it calls work with what was told before,
	// and stores what work returns in its place. Without calling work it returns false
	// when another process is telling. The context given to work ends before life is
	// over, after which others may tell; then what work returns is not stored, and the
	// error says so.
	Tell(ctx context.Context, life time.Duration, work func(context.Context, map[string]Told) map[string]Told) (bool, error)
}
