package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGroupsThereAndBack moves a company whose groups are additive over to its rules,
// and back to what was there.
func TestGroupsThereAndBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, "groups: {mode: additive}\n")
	o.must(exitDone, "reconcile", "--yes")
	given := o.accounts()
	groups := o.lab.tomorro.State().Groups
	for i, u := range o.lab.tomorro.State().Users { // what people did by hand
		group := groups[i/3%4].DisplayName
		add, remove := []string{u.UserName}, []string(nil)
		if slices.Contains(u.Groups, group) {
			add, remove = remove, add
		}
		if err := o.lab.tomorro.Members(group, add, remove); err != nil {
			t.Fatal(err)
		}
	}
	before := o.accounts()
	if cmp.Diff(before, given) == "" {
		t.Fatal("nothing was done by hand")
	}
	file := filepath.Join(t.TempDir(), "groups.json")
	if code, _, stderr := o.run("groups", "migrate", "--back", "--yes", "--file", file); code != exitError || !strings.Contains(stderr, "no snapshot") || !strings.Contains(stderr, "--file") {
		t.Errorf("%d %s", code, stderr)
	}
	if code, _, stderr := o.run("groups", "migrate", "--file", file); code != exitUsage || !strings.Contains(stderr, "--yes") {
		t.Errorf("%d %s", code, stderr)
	}
	out := o.must(exitDone, "groups", "snapshot", "--file", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(out, "memberships in 4 groups") {
		t.Errorf("%v %v\n%s", info, err, out)
	}
	if code, _, stderr := o.run("groups", "snapshot", "--file", file); code != exitError || !strings.Contains(stderr, "is there already") {
		t.Errorf("%d %s", code, stderr)
	}
	out = o.must(exitDone, "groups", "migrate", "--yes", "--file", file)
	if diff := cmp.Diff(given, o.accounts()); diff != "" || !strings.Contains(out, "groups migrate --back") || !strings.Contains(out, "SINCE THE SNAPSHOT") {
		t.Errorf("%s\n%s", diff, out)
	}
	out = o.must(exitDone, "groups", "migrate", "--back", "--yes", "--file", file)
	if diff := cmp.Diff(before, o.accounts()); diff != "" || !strings.Contains(out, " 0 left, 0 came") {
		t.Errorf("%s\n%s", diff, out)
	}
}
