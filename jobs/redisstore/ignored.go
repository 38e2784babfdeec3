package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tomorro-sync/jobs"
)

var ignoreScript = script("ignore.lua")

func parseIgnored(all map[string]string) (map[string]jobs.Sighting, error) {
	ignored := make(map[string]jobs.Sighting, len(all))
	for effect, text := range all {
		var times int
		var ms int64
		if _, err := fmt.Sscan(text, &times, &ms); err != nil {
			return nil, fmt.Errorf("read what Tomorro did not keep: %q: %w", text, err)
		}
		ignored[effect] = jobs.Sighting{Times: times, Last: time.UnixMilli(ms)}
	}
	return ignored, nil
}

// effectsPerCall bounds what one script or command does while others wait.
const effectsPerCall = 500

// Ignore implements jobs.Ignored. What is much is stored by several commands; each can be
// repeated without harm.
func (s *Store) Ignore(ctx context.Context, lease jobs.Lease, remember map[string]jobs.Sighting, forget []string) error {
	type line struct{ effect, value string } // forgotten when it has no value
	var lines []line
	for effect, seen := range remember {
		lines = append(lines, line{effect, fmt.Sprint(seen.Times, seen.Last.UnixMilli())})
	}
	for _, effect := range forget {
		lines = append(lines, line{effect: effect})
	}
	for part := range slices.Chunk(lines, effectsPerCall) {
		args := []any{lease.Token}
		for _, l := range part {
			args = append(args, l.effect, l.value)
		}
		if err := s.leased(ctx, ignoreScript, []string{s.keys.lock(), s.keys.ignored()}, args...); err != nil {
			return fmt.Errorf("remember what Tomorro did not keep: %w", err)
		}
	}
	return nil
}

// Newer implements jobs.Ignored.
func (s *Store) Newer(ctx context.Context, run string, position int64, subjects []string) ([]string, error) {
	var newer []string
	for part := range slices.Chunk(subjects, effectsPerCall) {
		touched, err := s.client.HMGet(ctx, s.keys.touched(), part...).Result()
		if err != nil {
			return nil, fmt.Errorf("read who was written meanwhile: %w", err)
		}
		for i, last := range touched {
			text, known := last.(string) // "position run"
			at, by, _ := strings.Cut(text, " ")
			n, err := strconv.ParseInt(at, 10, 64)
			if known && by != run && (err != nil || n > position) {
				newer = append(newer, part[i])
			}
		}
	}
	return newer, nil
}
