package main

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"tomorro-sync/jobs"
)

// brokenOutput takes so many bytes and then nothing more.
type brokenOutput struct {
	room int
	err  error
}

func (b *brokenOutput) Write(p []byte) (int, error) {
	if b.room -= len(p); b.room < 0 {
		return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: b.err}
	}
	return len(p), nil
}

// TestLostOutput: a result that was not written is no success, whatever else the exit
// code would have said, and stderr says so, also when stdout was to be JSON.
func TestLostOutput(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"version", "--help", "plan", "plan --help", "reconcile --yes", "journal"} {
		for _, format := range []string{"text", "json"} {
			var said bytes.Buffer
			f := &fakeServices{report: jobs.Report{Run: "r1", Exit: exitSomeFailed}, plan: onePending()}
			p := &program{stdin: strings.NewReader(""), stdout: &brokenOutput{room: 10, err: syscall.ENOSPC}, stderr: &said, connector: f}
			code := p.execute(t.Context(), append([]string{"--config", writeFile(t, goodConfig), "--output", format}, strings.Fields(args)...))
			if code != exitError || !strings.Contains(said.String(), "no space left") || !strings.Contains(said.String(), "what to do: ") {
				t.Errorf("%s --output %s: exit %d, and says %q", args, format, code, said.String())
			}
		}
	}
}

// TestLostOutputHidesNothing: what was wrong before is said as well, with its code.
func TestLostOutputHidesNothing(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	out := &output{to: &brokenOutput{err: syscall.ENOSPC}}
	_, _ = out.Write([]byte("the plan"))
	f := out.judge(classify(t.Context(), jobs.ErrLocked))
	f.tell(out, &said, false)
	if f.code != exitLocked || !strings.Contains(said.String(), jobs.ErrLocked.Error()) || !strings.Contains(said.String(), "no space left") {
		t.Errorf("exit %d, and says %q", f.code, said.String())
	}
}

// TestReaderGone: whoever reads only the beginning has what they wanted.
func TestReaderGone(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	p := &program{stdin: strings.NewReader(""), stdout: &brokenOutput{err: syscall.EPIPE}, stderr: &said, connector: &fakeServices{report: jobs.Report{Run: "r1"}}}
	if code := p.execute(t.Context(), []string{"--config", writeFile(t, goodConfig), "reconcile", "--yes"}); code != exitDone {
		t.Errorf("exit %d, and says %q", code, said.String())
	}
}

// TestDumbTerminal: a terminal that cannot move its cursor gets no bars, and what is none
// gets none either.
func TestDumbTerminal(t *testing.T) {
	for value, want := range map[string]bool{"TERM=dumb": false, "TERM=xterm": true, "NO_COLOR=1": true} {
		if got := newBars(io.Discard, true, []string{value}); (got != nil) != want {
			t.Errorf("%s: bars %v, want %v", value, got != nil, want)
		}
	}
	if p := (&program{stderr: io.Discard}); p.newProgress() != nil {
		t.Error("bars where there is no terminal")
	}
}
