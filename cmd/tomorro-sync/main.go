package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"tomorro-sync/jobs/redisstore"
)

func main() {
	debug.SetGCPercent(75) // a run waits for the network: some CPU for less memory is a good trade
	redisstore.Silence(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, services{}, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
