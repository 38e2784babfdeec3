package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

var bucketScript = script("bucket.lua")

// Bucket hands out permissions to send requests to one API, to all processes of a
// connection together. It implements pace.Tokens. Make it with Store.Bucket.
type Bucket struct {
	store *Store
	api   string
	rate  float64
	most  int
}

// Bucket gives the bucket of an API, by any name for it: it gets perSecond tokens a second,
// and saves up at most most of them.
func (s *Store) Bucket(api string, perSecond float64, most int) *Bucket {
	return &Bucket{store: s, api: api, rate: perSecond, most: most}
}

// Take implements pace.Tokens. It goes by Redis's clock.
func (b *Bucket) Take(ctx context.Context, n int) (got int, wait time.Duration, sharers int, err error) {
	k := b.store.keys
	answer, err := bucketScript.Run(ctx, b.store.client, []string{k.bucket(b.api), k.sharers(b.api)},
		strconv.FormatFloat(b.rate, 'f', -1, 64), b.most, n, b.store.name).Int64Slice()
	if err == nil && len(answer) != 3 {
		err = fmt.Errorf("%d answers", len(answer))
	}
	if err != nil {
		return 0, 0, 0, fmt.Errorf("share the rate towards %s: %w", b.api, err)
	}
	return int(answer[0]), time.Duration(answer[1]) * time.Microsecond, int(answer[2]), nil
}
