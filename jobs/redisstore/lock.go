package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

var (
	acquireScript = script("acquire.lua")
	extendScript  = script("extend.lua")
	releaseScript = script("release.lua")
)

// releaseTimeout bounds how long the end of a run waits for Redis. A lock that
// could not be released ends by itself.
const releaseTimeout = 3 * time.Second

// errPassed is what a holder is told whose lease is not current any more.
var errPassed = fmt.Errorf("%w: it ended or passed to somebody else", jobs.ErrLockLost)

// Do implements jobs.Locker. It extends the lock three times in each TTL. When it cannot,
// work's context ends after two thirds of the TTL since the last extension, so that its
// last request is answered before somebody else can have the lock. The context also carries
// that end as a reconcile.Fence: a process that was paused may go on before its timers
// fire.
func (s *Store) Do(ctx context.Context, holder string, work func(context.Context, jobs.Lease) error) error {
	began := time.Now()
	token, fence, err := s.acquire(ctx, holder)
	if err != nil {
		return err
	}
	wctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	life := newLife(began, s.ttl*2/3)
	wctx = reconcile.WithFence(wctx, func() error { return life.check(cancel) })
	done := make(chan struct{})
	kctx, stopKeeping := context.WithCancel(context.WithoutCancel(ctx)) // work that is being stopped still needs the lock
	defer stopKeeping()
	go func() {
		defer close(done)
		s.keep(kctx, token, life, cancel)
	}()
	finished := false
	defer func() {
		if !finished { // work panicked: the lock must not wait for its end
			stopKeeping()
			cancel(nil)
			s.release(ctx, token)
		}
	}()
	err = work(wctx, jobs.Lease{Fence: fence, Token: token})
	finished = true
	if err != nil { // it may have failed because the lease ended, before the timers fire
		_ = life.check(cancel)
	}
	lost := context.Cause(wctx)
	stopKeeping()
	<-done
	cancel(nil)
	if !errors.Is(lost, jobs.ErrLockLost) {
		s.release(ctx, token)
	}
	if errors.Is(lost, jobs.ErrLockLost) && !errors.Is(err, jobs.ErrLockLost) {
		err = errors.Join(err, lost)
	}
	return err
}

func (s *Store) acquire(ctx context.Context, holder string) (token string, fence int64, err error) {
	answer, err := acquireScript.Run(ctx, s.client, []string{s.keys.lock(), s.keys.fence()},
		holder, s.now().UnixMilli(), s.ttl.Milliseconds(), s.call()).Slice()
	if err != nil {
		return "", 0, fmt.Errorf("take the lock: %w", err)
	}
	fence, _ = answer[0].(int64)
	token, _ = answer[1].(string)
	if fence > 0 {
		return token, fence, nil
	}
	left, _ := answer[2].(int64)
	return "", 0, s.lockedBy(token, left)
}

// lockedBy reads a holder's token: "fence since call holder".
func (s *Store) lockedBy(token string, leftMillis int64) *jobs.LockedError {
	part := strings.SplitN(token, " ", 4)
	e := &jobs.LockedError{Holder: "somebody", Until: s.now().Add(time.Duration(max(0, leftMillis)) * time.Millisecond)}
	if len(part) == 4 {
		e.Holder = part[3]
		e.Since, _ = moment(part[1])
	}
	return e
}

// life is until when a lease certainly holds, without asking Redis.
type life struct {
	mu   sync.Mutex
	from time.Time
	d    time.Duration
}

func newLife(from time.Time, d time.Duration) *life { return &life{from: from, d: d} }

func (l *life) extended(from time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.from = from
}

func (l *life) ends() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.from.Add(l.d)
}

// check ends the work when the life is over by either clock: the monotonic one
// stands still while a machine sleeps.
func (l *life) check(cancel context.CancelCauseFunc) error {
	ends, now := l.ends(), time.Now()
	if now.Before(ends) && now.Round(0).Before(ends.Round(0)) {
		return nil
	}
	err := fmt.Errorf("%w: Redis did not confirm it for %s", jobs.ErrLockLost, l.d)
	cancel(err)
	return err
}

// keep extends the lock until ctx ends, and cancels the work when it cannot.
func (s *Store) keep(ctx context.Context, token string, life *life, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(s.ttl / 3)
	defer ticker.Stop()
	for {
		expired := time.NewTimer(time.Until(life.ends()))
		select {
		case <-ctx.Done():
			expired.Stop()
			return
		case <-expired.C:
			_ = life.check(cancel) // cancels
			return
		case <-ticker.C:
			expired.Stop()
		}
		asked := time.Now()
		ok, err := s.extend(ctx, token, life.ends())
		switch {
		case err == nil && ok:
			life.extended(asked)
		case err == nil:
			cancel(errPassed)
			return
		}
	}
}

func (s *Store) extend(ctx context.Context, token string, deadline time.Time) (bool, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	n, err := s.number(ctx, extendScript, []string{s.keys.lock()}, token, s.ttl.Milliseconds())
	return n == 1, err
}

// release gives the lock back, also when the work's context was cancelled.
func (s *Store) release(ctx context.Context, token string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = releaseScript.Run(ctx, s.client, []string{s.keys.lock()}, token).Err() // it ends by itself otherwise
}
