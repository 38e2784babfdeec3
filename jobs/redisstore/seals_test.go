package redisstore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
)

// journal is a store with three seals over three entries each, and one after them.
func sealedJournal(t *testing.T) (*Store, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	s, err := Open(t.Context(), "redis://"+server.Addr(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for i := range 10 {
		server.SetTime(time.Unix(int64(1000+i), 0)) // which entry ids are made of: each in a second of its own
		if _, err := s.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: jobs.EntryPush, Run: fmt.Sprint("r", i), Time: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
		if i%3 == 2 {
			if err := s.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s, server
}

// rewrite makes the journal anew with other lines, as whoever can write Redis may.
func rewrite(t *testing.T, s *Store, server *miniredis.Miniredis, edit func(lines []record) []record) {
	t.Helper()
	var lines []record
	err := s.walk(t.Context(), s.keys.journal(), "-", "+", func(r record) (bool, error) {
		lines = append(lines, r)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Del(s.keys.journal())
	for _, r := range edit(lines) {
		if _, err := server.XAdd(s.keys.journal(), r.id, []string{"kind", r.field("kind"), "run", r.field("run"), "data", r.field("data")}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyFinds: each way to falsify the journal breaks the seal over it, and no other.
func TestVerifyFinds(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(lines []record) []record
		want string
	}{
		"nothing": {func(l []record) []record { return l }, ""},
		"a change": {func(l []record) []record {
			l[4].values["data"] = strings.Replace(l[4].field("data"), "r4", "r5", 1)
			return l
		}, "2: an entry was changed, or the seal"},
		"another run":         {func(l []record) []record { l[0].values["run"] = "x"; return l }, "1: an entry was changed, or the seal"},
		"one less":            {func(l []record) []record { return append(l[:3], l[4:]...) }, "2: entries are missing"},
		"the first":           {func(l []record) []record { return l[1:] }, "1: entries are missing"},
		"the last sealed":     {func(l []record) []record { return append(l[:8], l[9]) }, "3: entries are missing"},
		"all of a seal":       {func(l []record) []record { return append(l[:3], l[6:]...) }, "2: entries are missing"},
		"all but those after": {func(l []record) []record { return l[9:] }, "1: entries are missing; 2: entries are missing; 3: entries are missing"},
		"two swapped": {func(l []record) []record {
			l[4].values["data"], l[5].values["data"] = l[5].values["data"], l[4].values["data"]
			return l
		}, "2: an entry was changed, or the seal"},
	} {
		s, server := sealedJournal(t)
		rewrite(t, s, server, c.edit)
		v, err := s.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, b := range v.Broken {
			found = append(found, fmt.Sprintf("%d: %s", b.Seal.Number, b.Why))
		}
		if got := strings.Join(found, "; "); got != c.want || v.Seals != 3 || v.Unsealed != 1 || v.Entries != 9-3*len(v.Broken) {
			t.Errorf("%s: %q %+v", name, got, v)
		}
	}
}

// TestVerifyFindsOneMore: an entry that was put in where others are sealed.
func TestVerifyFindsOneMore(t *testing.T) {
	s, server := sealedJournal(t)
	rewrite(t, s, server, func(l []record) []record {
		ms, seq := splitID(l[4].id)
		more := record{id: fmt.Sprintf("%d-%d", ms, seq+1), values: map[string]any{"kind": "push", "run": "forged", "data": "{}"}}
		return slices.Insert(l, 5, more)
	})
	if v, err := s.Verify(t.Context()); err != nil || len(v.Broken) != 1 || v.Broken[0].Why != "entries were put in" || v.Broken[0].Found != 4 {
		t.Errorf("%+v %v", v, err)
	}
}

// TestVerifyFindsSeals: seals that were changed or taken out.
func TestVerifyFindsSeals(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(seals []string) []string
		broken int
	}{
		"a hash":   {func(l []string) []string { l[1] = strings.Replace(l[1], `"hash":"`, `"hash":"0`, 1); return l }, 2}, // and the next, which is over it
		"one less": {func(l []string) []string { return append(l[:1], l[2:]...) }, 1},
		"a time":   {func(l []string) []string { l[2] = strings.Replace(l[2], `"number":3`, `"number":4`, 1); return l }, 1},
	} {
		s, server := sealedJournal(t)
		all, err := server.List(s.keys.seals())
		if err != nil {
			t.Fatal(err)
		}
		server.Del(s.keys.seals())
		if _, err := server.Push(s.keys.seals(), c.edit(all)...); err != nil {
			t.Fatal(err)
		}
		if v, err := s.Verify(t.Context()); err != nil || len(v.Broken) != c.broken {
			t.Errorf("%s: %+v %v", name, v, err)
		}
	}
}

// TestVerifyAfterTrim: what is not kept any more is no loss; the chain goes on.
func TestVerifyAfterTrim(t *testing.T) {
	s, server := sealedJournal(t)
	lines, err := server.Stream(s.keys.journal())
	if err != nil {
		t.Fatal(err)
	}
	server.Set(s.keys.trimmed(), lines[4].ID)
	if err := s.client.XTrimMinID(t.Context(), s.keys.journal(), lines[4].ID).Err(); err != nil {
		t.Fatal(err)
	}
	v, err := s.Verify(t.Context())
	if err != nil || v.Gone != 2 || v.Entries != 3 || len(v.Broken) > 0 || v.Head.Number != 3 || v.Unsealed != 1 {
		t.Errorf("%+v %v", v, err)
	}
	if err := s.Trim(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Verify(t.Context()); err != nil || len(v.Broken) > 0 {
		t.Errorf("after all was trimmed: %+v %v", v, err)
	}
	if err := s.Trim(t.Context(), time.Since(time.Unix(900, 0)), 1); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Verify(t.Context()); err != nil || len(v.Broken) > 0 {
		t.Errorf("after it is to be kept for longer: %+v %v", v, err)
	}
}
