package redisstore

import (
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// embeddedTick is how often an embedded Redis's clock is moved on: its keys do
// not expire by themselves.
const embeddedTick = 50 * time.Millisecond

// Embedded starts a Redis inside this process, on a loopback port, for demos and
// tests. It forgets everything when the Store is closed.
func Embedded(o Options) (*Store, error) {
	address, stop, err := Serve("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := newStore(redis.NewUniversalClient(tuned(&redis.UniversalOptions{Addrs: []string{address}})), o)
	s.stop = stop
	return s, nil
}

// Serve starts a Redis inside this process, as Embedded does, for other processes to
// connect to in rehearsals. It listens on address and returns the address that it got; stop
// ends it, and forgets everything.
func Serve(address string) (listening string, stop func(), err error) {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(address); err != nil {
		return "", nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(embeddedTick)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				server.FastForward(embeddedTick)
			case <-quit:
				return
			}
		}
	}()
	return server.Addr(), func() {
		close(quit)
		<-done
		server.Close()
	}, nil
}
