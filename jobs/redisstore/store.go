package redisstore

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tomorro-sync/jobs"
)

// Options of a Store. The zero value is what a single connection needs.
type Options struct {
	// Connection names what is kept apart: one Tomorro organisation. Default
	// "default".
	Connection string
	// TTL is how long the lock is held after its holder last extended it; default 30 s. It
	// must be longer than a failover, during which Redis does not answer.
	TTL time.Duration
	// SentinelPassword is what the sentinels ask for; the password in the address is the
	// master's.
	SentinelPassword string
	// Later has Open return at once, without asking whether Redis answers. Until it does,
	// calls fail.
	Later bool
	// RootCAs verify the server's certificate; nil means the system's. For TLS only.
	RootCAs *x509.CertPool
	// Now is the clock for times that are stored, and for what ends by its age; default
	// time.Now. The lock goes by Redis's clock.
	Now func() time.Time
}

// Store is one connection's memory in Redis. It is safe for concurrent use.
type Store struct {
	client redis.UniversalClient
	keys   keys
	ttl    time.Duration
	now    func() time.Time
	stop   func() // ends what Embedded started
	name   string // tells its calls from those of other stores
	calls  atomic.Int64
	pulse  pulse
}

var (
	_ jobs.Locker        = (*Store)(nil)
	_ jobs.Journal       = (*Store)(nil)
	_ jobs.Ledger        = (*Store)(nil)
	_ jobs.Marks         = (*Store)(nil)
	_ jobs.Queue         = (*Store)(nil)
	_ jobs.Assertions    = (*Store)(nil)
	_ jobs.Ticks         = (*Store)(nil)
	_ jobs.Passes        = (*Store)(nil)
	_ jobs.Wishes        = (*Store)(nil)
	_ jobs.Pauser        = (*Store)(nil)
	_ jobs.Forgiver      = (*Store)(nil)
	_ jobs.Observer      = (*Store)(nil)
	_ jobs.Follower      = (*Store)(nil)
	_ jobs.Eraser        = (*Store)(nil)
	_ jobs.JournalReader = (*Store)(nil)
	_ jobs.Links         = (*Store)(nil)
	_ jobs.Budget        = (*Store)(nil)
	_ jobs.Decisions     = (*Store)(nil)
	_ jobs.Experience    = (*Store)(nil)
	_ jobs.Recaller      = (*Store)(nil)
	_ jobs.Adoptions     = (*Store)(nil)
	_ jobs.Pins          = (*Store)(nil)
	_ jobs.Ignored       = (*Store)(nil)
	_ jobs.AlertBook     = (*Store)(nil)
)

// Open connects to Redis and, unless o.Later, waits up to ten seconds for its first answer.
// The error never repeats the address, which may contain a password. See Remedy for what to
// do about it.
func Open(ctx context.Context, address string, o Options) (*Store, error) {
	opts, err := ParseURL(address)
	if err != nil {
		return nil, err
	}
	if opts.TLSConfig != nil {
		opts.TLSConfig.RootCAs = o.RootCAs
	}
	opts.SentinelPassword = o.SentinelPassword
	s := newStore(redis.NewUniversalClient(opts), o)
	if o.Later {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := s.client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(unreached(err), s.client.Close())
	}
	return s, nil
}

// Silence sends what the Redis client logs by itself to log, at debug level: what
// matters reaches the caller as an error. It is for the program's main function,
// since that logger is one for the whole process.
func Silence(log *slog.Logger) { redis.SetLogger(quiet{log}) }

type quiet struct{ log *slog.Logger }

// Printf implements the Redis client's logger.
func (q quiet) Printf(ctx context.Context, format string, v ...any) {
	q.log.DebugContext(ctx, fmt.Sprintf(format, v...))
}

func newStore(client redis.UniversalClient, o Options) *Store {
	if o.Connection == "" {
		o.Connection = "default"
	}
	if o.TTL <= 0 {
		o.TTL = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{client: client, keys: newKeys(o.Connection), ttl: o.TTL, now: o.Now, stop: func() {}, name: rand.Text()[:10]}
}

// answerLife is how long the answer to a call is kept: longer than the client
// asks again.
const answerLife = time.Minute

// call names one call of a script. The client asks again when it gets no answer;
// by this name a script knows that it has answered.
func (s *Store) call() string { return s.name + "-" + strconv.FormatInt(s.calls.Add(1), 36) }

// Close ends the connections to Redis. It does not release a lock: Do does.
func (s *Store) Close() error {
	err := s.client.Close()
	s.stop()
	return err
}

// tuned sets what the address does not say. Notifications of managed Redis are
// off: other servers answer the probe for them with errors.
func tuned(o *redis.UniversalOptions) *redis.UniversalOptions {
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = 3*time.Second, 3*time.Second, 3*time.Second
	o.MaxRetries = 3
	return o
}
