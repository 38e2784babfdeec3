//go:build integration

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// TestBrowser has Chromium use the console of demo --serve as a person would: each
// page in both themes and at 320 px, checked with axe-core; a hold approved, a run
// watched, and what came of it found on a person's page; and all of it without
// JavaScript. Screenshots go to the folder that TOMORRO_SYNC_SCREENSHOTS names.
func TestBrowser(t *testing.T) {
	dir := os.Getenv("TOMORRO_SYNC_BROWSER")
	if dir == "" {
		t.Fatal("TOMORRO_SYNC_BROWSER must name a folder with testdata/console and its packages installed; .ci/run does that")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("Chromium is needed: ", err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	var out, errs tape
	ended := make(chan int)
	go func() {
		ended <- run(ctx, services{}, []string{"demo", "--serve", "--latency", "150ms", "--console", "127.0.0.1:0", "--no-color"}, nil, strings.NewReader(""), &out, &errs)
	}()
	said := regexp.MustCompile(`address +(http://\S+)/\ntoken +(\S+)`)
	eventually(t, "it says where the console is", func() bool { return said.MatchString(out.String()) })
	m := said.FindStringSubmatch(out.String())
	args := []string{filepath.Join(dir, "drive.mjs"), m[1], m[2], chromium}
	if shots := os.Getenv("TOMORRO_SYNC_SCREENSHOTS"); shots != "" {
		args = append(args, shots)
	}
	drive, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	told, err := exec.CommandContext(drive, "node", args...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, told)
	}
	stop(reconcile.ErrStopping)
	if code := <-ended; code != exitDone {
		t.Errorf("exit %d\n%s", code, errs.String())
	}
}
