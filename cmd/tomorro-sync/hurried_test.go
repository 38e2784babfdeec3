//go:build integration

package main

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"
)

// hurried is the real program, but for what it leaves to time: the claims of dead
// processes end after 5 s, and its clock may be ahead.
type hurried struct{ ahead time.Duration }

// open implements connector.
func (h hurried) open(ctx context.Context, s session) (*connection, error) {
	conn, err := services{}.open(ctx, s)
	if err != nil {
		return nil, err
	}
	if conn.desk != nil {
		conn.desk.pushes.Life = 5 * time.Second
		conn.memory = tolling{conn.memory}
	}
	if r, is := conn.runner.(runWith); is && h.ahead > 0 {
		r.Now = func() time.Time { return time.Now().Add(h.ahead) }
	}
	return conn, nil
}

// TestHurried is no test, but a process of the hurried program for other tests: its
// arguments are those after "--".
func TestHurried(*testing.T) {
	if flag.NArg() == 0 {
		return // other tests start it with arguments
	}
	os.Exit(run(untilSignalled(), hurried{}, flag.Args(), os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
