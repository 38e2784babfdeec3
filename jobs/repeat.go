package jobs

import (
	"context"
	"time"
)

// Repeat calls do now and then once in every interval, until ctx ends. A tick that comes
// while do is at work is made up for at once; more of them are one.
func Repeat(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
