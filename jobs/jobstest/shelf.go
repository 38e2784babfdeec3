package jobstest

import (
	"testing"
	"time"
)

func shelf(t *testing.T, open Open) {
	a, b, other := open(t, "shelf", 30*time.Second), open(t, "shelf", 30*time.Second), open(t, "other-shelf", 30*time.Second)
	there := func(s Store, want string) {
		t.Helper()
		got, found, err := s.Kept(t.Context(), "one", 0)
		if err != nil || found != (want != "") || string(got) != want {
			t.Errorf("%q %v %v, want %q", got, found, err, want)
		}
	}
	there(a, "")
	must(t, a.Keep(t.Context(), "one", []byte("first"), time.Minute))
	must(t, a.Keep(t.Context(), "one", []byte("second"), time.Minute))
	there(b, "second")
	there(other, "")
	if got, found, err := b.Withdraw(t.Context(), "one"); string(got) != "second" || !found || err != nil {
		t.Errorf("taken: %q %v %v", got, found, err)
	}
	if _, found, err := a.Withdraw(t.Context(), "one"); found || err != nil {
		t.Errorf("taken twice: %v %v", found, err)
	}
	if _, found, err := a.Kept(t.Context(), "one", time.Minute); found || err != nil {
		t.Errorf("a look brings back what was taken: %v %v", found, err)
	}
	must(t, a.Keep(t.Context(), "one", []byte("short"), 50*time.Millisecond))
	must(t, a.Keep(t.Context(), "two", []byte("longer"), 50*time.Millisecond))
	if _, found, err := b.Kept(t.Context(), "two", time.Minute); !found || err != nil {
		t.Errorf("before it ends: %v %v", found, err)
	}
	eventually(t, "what is kept ends", func() bool {
		_, found, err := b.Kept(t.Context(), "one", 0)
		return !found && err == nil
	})
	if _, found, err := a.Kept(t.Context(), "two", 0); !found || err != nil {
		t.Errorf("what was looked at ends all the same: %v %v", found, err)
	}
}
