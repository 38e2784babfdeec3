package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tomorro-sync/jobs/audit"
)

// TestReportIsOnlyOurs: a file that somebody else has put where the report goes, who may
// still have it open or own it, does not become the report; nor does what a link leads to.
func TestReportIsOnlyOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := &program{stdout: io.Discard, stderr: io.Discard}
	there, other, link := filepath.Join(dir, "there.html"), filepath.Join(dir, "other"), filepath.Join(dir, "link.html")
	for _, name := range []string{there, other} {
		if err := os.WriteFile(name, []byte("as it was"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	theirs, err := os.Open(there)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{there, link, filepath.Join(dir, "new.html")} {
		if err := p.writeReport(&audit.Report{Run: "r1"}, "html", name); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(name)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
		if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), "r1") {
			t.Errorf("%s is not the report: %.80s %v", name, text, err)
		}
	}
	if text, err := io.ReadAll(theirs); err != nil || string(text) != "as it was" {
		t.Errorf("who had the file open reads the report: %.80s %v", text, err)
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "as it was" {
		t.Errorf("what the link leads to is now %.80s %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 4 {
		t.Errorf("%v %v", left, err)
	}
	if err := p.writeReport(&audit.Report{Run: "r1"}, "html", os.DevNull); err != nil {
		t.Errorf("what is no file: %v", err)
	}
}
