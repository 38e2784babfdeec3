package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/jobstest"
	"tomorro-sync/jobs/redisstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opener gives stores on the Redis at address.
func opener(address string) jobstest.Open {
	return func(t *testing.T, connection string, ttl time.Duration) jobstest.Store {
		t.Helper()
		return opened(t, address, redisstore.Options{Connection: connection, TTL: ttl})
	}
}

func opened(t *testing.T, address string, o redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestEmbedded(t *testing.T) {
	server := miniredis.RunT(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { // its keys do not expire by themselves
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				server.FastForward(20 * time.Millisecond)
			}
		}
	}()
	defer func() { close(stop); <-done }()
	jobstest.Run(t, opener("redis://"+server.Addr()+"/0"))
}

func TestEmbeddedStoreExpires(t *testing.T) {
	s, err := redisstore.Embedded(redisstore.Options{TTL: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Do(t.Context(), "a", func(context.Context, jobs.Lease) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// TestRedisDies: the work's context ends, with the lock as its cause. When it does is in
// TestLockEndsInTime.
func TestRedisDies(t *testing.T) {
	server := miniredis.RunT(t)
	s := opener("redis://"+server.Addr()+"/0")(t, "c", 600*time.Millisecond)
	err := s.Do(t.Context(), "a", func(ctx context.Context, _ jobs.Lease) error {
		server.Close()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Minute):
			return errors.New("the context outlived the lock")
		}
	})
	if !errors.Is(err, jobs.ErrLockLost) {
		t.Error(err)
	}
}

func TestOpenNeedsRedis(t *testing.T) {
	_, err := redisstore.Open(t.Context(), "redis://:hunter2@127.0.0.1:1/0", redisstore.Options{})
	if err == nil || !strings.Contains(err.Error(), "is it running") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func TestParseURL(t *testing.T) {
	for address, want := range map[string]string{
		"redis://h":                                        "h:6379 db 0",
		"redis://:pw@h:1/3":                                "h:1 db 3",
		"rediss://h/1":                                     "h:6379 db 1 tls",
		"redis+cluster://a,b:7":                            "a:6379,b:7 db 0",
		"redis+sentinel://a,b:7/2?master=m":                "a:26379,b:7 db 2 master m",
		"redis+cluster://a?tls=true":                       "a:6379 db 0 tls",
		"redis+sentinel://:p@[::1]:9?master=x":             "[::1]:9 db 0 master x",
		"redis+sentinel://[::1]:9,[::2]:8,c/1?master=x":    "[::1]:9,[::2]:8,c:26379 db 1 master x",
		"redis+cluster://u:p,q@a,[::1],[fe80::2%25eth0]:7": "a:6379,[::1]:6379,[fe80::2%eth0]:7 db 0",
	} {
		o, err := redisstore.ParseURL(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		got := strings.Join(o.Addrs, ",") + " db " + string(rune('0'+o.DB))
		if o.MasterName != "" {
			got += " master " + o.MasterName
		}
		if o.TLSConfig != nil {
			got += " tls"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	for _, address := range []string{"", "localhost:6379", "http://h", "redis://", "redis://a,b", "redis://h/x", "redis+cluster://a/1", "redis+sentinel://a", "redis+cluster://[::1],[::2", "redis+cluster://a:x,b", "redis+cluster://a,", "redis://h/-1", "redis://%zz"} {
		if _, err := redisstore.ParseURL(address); err == nil || !strings.Contains(err.Error(), "redis.url") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestParseURLOddities: what an address says and nobody would read is refused, and no error
// repeats a part of the password.
func TestParseURLOddities(t *testing.T) {
	for _, address := range []string{"redis://h:6379?db=3", "redis://:12#hunter2@h:6379/0", "redis://:1/hunter2@h:6379/0", "redis://:p#hunter2@h/0", "redis://:p%hunter2@h/0",
		"redis://:1?hunter2@h/0", "redis://h/hunter2", "redis://:1,2/hunter2@h/0", "redis+cluster://:hunter2,%@a,b", "redis+cluster://:1,2#hunter2@a,b"} {
		if o, err := redisstore.ParseURL(address); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "redis.url") {
			t.Errorf("%s: %+v %v", address, o, err)
		}
	}
	o, err := redisstore.ParseURL("redis://sync:p%23%2F%3F%25@h:6379/3")
	if err != nil || o.Username != "sync" || o.Password != "p#/?%" || o.DB != 3 {
		t.Errorf("%+v %v", o, err)
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("redis://:secret@h:1/3")
	f.Add("redis+sentinel://a,b/2?master=m")
	f.Fuzz(func(t *testing.T, address string) {
		o, err := redisstore.ParseURL(address)
		if err == nil && len(o.Addrs) == 0 {
			t.Errorf("%q names no host", address)
		}
	})
}
