package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"tomorro-sync/jobs/redisstore"
)

func main() {
	collect(50) // a run waits for the network: some CPU for less memory is a good trade
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(enough)
	}
	redisstore.Silence(slog.New(slog.DiscardHandler))
	os.Exit(runAs(untilSignalled(), calledAs(os.Args[0]), services{}, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
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
