package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tomorro-sync/reconcile/words"
)

// TestCalledAs: what is said to run next can be pasted by who built the program into their
// directory, by who installed it, and by who has go run it.
func TestCalledAs(t *testing.T) {
	installed, built := t.TempDir(), t.TempDir()
	for _, dir := range []string{installed, built} {
		if err := os.WriteFile(filepath.Join(dir, commandName), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", installed)
	t.Chdir(built)
	for arg0, want := range map[string]string{
		"tomorro-sync":                           "tomorro-sync",
		"./tomorro-sync":                         "./tomorro-sync",
		filepath.Join(installed, "tomorro-sync"): "tomorro-sync",
		filepath.Join(built, "tomorro-sync"):     filepath.Join(built, "tomorro-sync"),
		"../a b/tomorro-sync":                    "'../a b/tomorro-sync'",
		"/tmp/go-build123/b001/exe/tomorro-sync": "go run ./cmd/tomorro-sync",
	} {
		if got := calledAs(arg0); got != want {
			t.Errorf("%s: %s, want %s", arg0, got, want)
		}
	}
	p := &program{called: "./tomorro-sync", configFiles: []string{"acme $1.yaml"}}
	if got := words.Pasted("see: tomorro-sync holds, and the log", p.command()); got != "see: ./tomorro-sync --config 'acme $1.yaml' holds, and the log" {
		t.Error(got)
	}
}

// TestPasted: only this program's commands become those for the configuration, once.
func TestPasted(t *testing.T) {
	for _, same := range []string{"tomorro-sync v1 (abc, go1.26)", "go run ./cmd/tomorro-sync plan", "tomorro-sync --config b.yaml plan", "the group tomorro-sync made"} {
		if got := words.Pasted(same, "tomorro-sync --config a.yaml"); got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
	s := &screen{color: true, command: "./tomorro-sync"}
	if got := s.pasted(s.paint(dim, "tomorro-sync adopt foreign x@y.z")); got != s.paint(dim, "./tomorro-sync adopt foreign x@y.z") {
		t.Errorf("in colour it is %q", got)
	}
	if got := words.Pasted("tomorro-sync adopt, and then tomorro-sync adopt done", "X"); strings.Count(got, "X adopt") != 2 {
		t.Error(got)
	}
}

// TestWrappedCommands: a command stays on one line, and what is none is broken as other
// text is.
func TestWrappedCommands(t *testing.T) {
	for text, want := range map[string]string{
		"what waits for somebody: tomorro-sync --config 'a b.yaml' holds, and then": "what waits for somebody:|tomorro-sync --config 'a b.yaml' holds,|and then",
		"the groups that tomorro-sync made for people who are in the company":       "the groups that tomorro-sync made for|people who are in the company",
	} {
		if got := strings.Join(wrap(text, 40), "|"); got != want {
			t.Errorf("%q", got)
		}
	}
}
