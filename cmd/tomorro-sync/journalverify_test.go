package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJournalVerify: a run seals what it wrote, and who changes it afterwards is found out.
func TestJournalVerify(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 10, groups: 2, seed: 8, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	if out := o.must(exitDone, "journal", "verify"); !strings.Contains(out, "as when sealed") || !strings.Contains(out, "seal 1 of ") || strings.Contains(out, "since the last seal") {
		t.Errorf("after a run: %s", out)
	}
	page := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(page, []byte("an older one"), 0o644); err != nil { // which others can read
		t.Fatal(err)
	}
	o.must(exitDone, "report", "--out", page)
	if info, err := os.Stat(page); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	written, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(written), "The journal is as it was sealed") || !strings.Contains(string(written), o.world.People[0].Email) {
		t.Errorf("%v\n%.2000s", err, written)
	}
	if out := o.must(exitDone, "report", "--output", "json"); !json.Valid([]byte(out)) {
		t.Errorf("%s", out)
	}
	if code, out, errs := o.run("report", "--format", "csv", "--output", "json"); code != exitUsage || !json.Valid([]byte(out)) {
		t.Errorf("two forms at once: exit %d, %s%s", code, out, errs)
	}
	if out := o.must(exitDone, "report", "last", "--format", "csv"); strings.Count(out, "\n") < 10 {
		t.Errorf("%s", out)
	}
	journal := "tomorro-sync:{default}:journal"
	lines, err := o.redis.Stream(journal)
	if err != nil {
		t.Fatal(err)
	}
	o.redis.Del(journal)
	for i, l := range lines {
		if i == 3 {
			l.Values[5] = strings.Replace(l.Values[5], "{", `{"more":1,`, 1)
		}
		if _, err := o.redis.XAdd(journal, l.ID, l.Values); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, _ := o.run("journal", "verify", "--output", "json"); code != exitError || !json.Valid([]byte(out)) {
		t.Errorf("%d %s", code, out)
	}
	code, out, hint := o.run("journal", "verify")
	if code != exitError || !strings.Contains(out, "BROKEN  an entry was changed") || !strings.Contains(hint, "who can write to Redis") {
		t.Errorf("%d %s%s", code, out, hint)
	}
}
