package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/audit"
	"tomorro-sync/jobs/migrate"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// The exit codes, on which scripts depend. A run ends with that of its report.
const (
	exitDone        = jobs.ExitDone
	exitError       = jobs.ExitError
	exitUsage       = 2 // usage or configuration
	exitSomeFailed  = jobs.ExitFailed
	exitPending     = 4 // plan: there is something to write
	exitLocked      = 10
	exitHeld        = jobs.ExitHeld
	exitApproval    = jobs.ExitApproval
	exitInterrupted = 130
)

var errRedisURL = errors.New("redis.url: is not an address; write it as redis://host:6379/0")

// failure is an error with its exit code and one line that says what to do.
// A failure without an error ends the program with its code and no message.
type failure struct {
	code int
	err  error
	hint string
}

// Error gives the message without the hint.
func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit %d", f.code)
	}
	return f.err.Error()
}

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.err }

func ended(code int) error {
	if code == exitDone {
		return nil
	}
	return &failure{code: code}
}

func usage(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &failure{code: exitUsage, err: err, hint: hint}
}

// classify gives every error its exit code and hint.
func classify(ctx context.Context, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		if err == error(f) || f.err == nil {
			return f
		}
		return &failure{f.code, err, f.hint} // with what was said around it
	}
	switch {
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, reconcile.ErrStopping)):
		return &failure{exitInterrupted, errors.New("interrupted"), "run it again: it starts from what Tomorro has now"}
	case errors.Is(err, jobs.ErrLocked):
		return &failure{exitLocked, err, "wait until that run has ended, then run it again; see: tomorro-sync journal"}
	case errors.Is(err, jobs.ErrLockLost):
		return &failure{exitError, err, "nothing was written after that; look at Redis, then run it again: it settles what has no outcome and goes on from what Tomorro has now"}
	case errors.Is(err, jobs.ErrUnknown):
		return &failure{exitError, err, "check the spelling; a former e-mail is found with: tomorro-sync journal person EMAIL"}
	case errors.Is(err, jobs.ErrNobody):
		return &failure{exitError, err, "check the spelling, or give the OneLogin id; the journal knows those whom a run changed or held"}
	case errors.Is(err, jobs.ErrNoRun):
		return &failure{exitError, err, "list the runs with: tomorro-sync journal"}
	case errors.Is(err, jobs.ErrStillOpen):
		return &failure{exitError, err, "the next run finds out; wait for it, or make one with: tomorro-sync reconcile; then run this again"}
	case errors.Is(err, jobs.ErrNothingDone):
		return &failure{exitError, err, "look at what runs did with: tomorro-sync journal person EMAIL"}
	case errors.Is(err, jobs.ErrNotPinned):
		return &failure{exitError, err, "list who is pinned with: tomorro-sync release"}
	case errors.Is(err, jobs.ErrNoHold):
		return &failure{exitError, err, "list what is held now, as the last run left it, with: tomorro-sync holds"}
	case isQuota(err):
		return &failure{exitError, err, "nothing was written; run it again at that time, or at a time when others ask OneLogin less"}
	case errors.Is(err, jobs.ErrHasOne):
		return &failure{exitError, err, "if it is not the one to keep: delete it at Tomorro if it owns no contracts (they would be another's for good), or, if runs do not know it, change its address there; then run this again. See whose each account is with: tomorro-sync adopt --all"}
	case errors.Is(err, jobs.ErrOwned), errors.Is(err, jobs.ErrUndecided):
		return &failure{exitError, err, "see whose each account is with: tomorro-sync adopt --all"}
	case errors.Is(err, jobs.ErrMembersUnknown):
		return &failure{exitError, err, "ask Tomorro's support for members in GET /Groups"}
	case errors.Is(err, audit.ErrNoRuns):
		return &failure{exitError, err, "make one with: tomorro-sync reconcile"}
	case errors.Is(err, migrate.ErrThere):
		return &failure{exitError, err, "it is kept; name another with --file"}
	case errors.Is(err, migrate.ErrNoSnapshot):
		return &failure{exitError, err, "name the file that groups snapshot or groups migrate wrote with --file"}
	case errors.Is(err, reconcile.ErrRefused):
		return &failure{exitError, err, "correct the credentials or their privilege, then run it again"}
	}
	if remedy := redisstore.Remedy(err); remedy != "" {
		return &failure{exitError, err, remedy + "; then run it again: it starts from what OneLogin and Tomorro have now"}
	}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return &failure{exitError, err, "allow more open files, as with ulimit -n 1024 or LimitNOFILE=1024, then run it again"}
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &failure{exitError, err, "make room on that disk, or for you on it, then run it again"}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return &failure{exitError, err, "name a file in a directory that is there and that you may write to"}
	}
	return &failure{exitError, err, "see the message above, then run it again: it starts from what OneLogin and Tomorro have now"}
}

// tell prints the failure: lines for people on stderr, or one JSON document on stdout. What
// services answered stands in errors, and is escaped as everything from outside is.
func (f *failure) tell(stdout, stderr io.Writer, asJSON bool) {
	if f.err == nil {
		return
	}
	if asJSON {
		_ = json.NewEncoder(stdout).Encode(map[string]any{"error": f.err.Error(), "hint": f.hint, "exit": f.code})
		return
	}
	out := newScreen(stderr, true)
	for line := range strings.Lines(f.err.Error()) {
		out.line("tomorro-sync: %s", out.clean(strings.TrimRight(line, "\n")))
	}
	if f.hint != "" {
		out.line("what to do: %s", out.clean(f.hint))
	}
}
