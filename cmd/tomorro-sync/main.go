package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"tomorro-sync/jobs/redisstore"
)

func main() {
	redisstore.Silence(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, services{}, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
