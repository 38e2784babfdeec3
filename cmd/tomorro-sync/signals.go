package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"tomorro-sync/reconcile"
)

// untilSignalled gives a context that ends with reconcile.ErrStopping at the
// first SIGINT, SIGTERM or SIGHUP, so that what is under way can end in good order:
// a terminal that is gone is no reason to leave a run in the middle. A
// second one ends the program at once, as it would any other; the journal has
// what the next run needs to settle it. Who started the program with SIGHUP ignored
// (nohup) wants it to go on.
func untilSignalled() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	wanted := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(signals, wanted...)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel(reconcile.ErrStopping)
	}()
	return ctx
}

// outliveReaders has a run, or serve, go on when whoever read what it prints is gone:
// head, tee, or the logger of a container. What it prints is lost then; without this,
// the process would be killed by the first line of it.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }
