package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

func main() {
	collect(50) // a run waits for the network: some CPU for less memory is a good trade
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(enough)
	}
	redisstore.Silence(slog.New(slog.DiscardHandler))
	os.Exit(run(untilSignalled(), services{}, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// enough is the memory, in bytes, from which on it is collected more often instead of
// taking more: what a run for a million people gets by with. GOMEMLIMIT, where it is set,
// has the last word.
const enough = 1400 << 20

// collect sets how much may be allocated before garbage is collected, in percent of what
// is in use; GOGC, where it is set, has the last word.
func collect(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// untilSignalled gives a context that ends with reconcile.ErrStopping at the
// first SIGINT or SIGTERM, so that what is under way can end in good order. A
// second one ends the program at once, as it would any other; the journal has
// what the next run needs to settle it.
func untilSignalled() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel(reconcile.ErrStopping)
	}()
	return ctx
}
