package redisstore

import (
	"context"
	"testing"
)

// answer is one of Redis as its client gives it.
type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}

// TestPatiently: what ends by itself is waited for, and a refusal is not.
func TestPatiently(t *testing.T) {
	t.Parallel()
	s, err := Embedded(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for said, want := range map[string]int{
		"LOADING Redis is loading the dataset in memory":                                         2,
		"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.": 2,
		"BUSYKEY Target key name already exists.":                                                1,
		"NOPERM this user has no permissions to run the 'evalsha' command":                       1,
	} {
		tries := 0
		err := s.patiently(context.WithoutCancel(t.Context()), func() error {
			if tries++; tries == 1 {
				return answer(said)
			}
			return nil
		})
		if tries != want || (err == nil) != (want == 2) {
			t.Errorf("%s: %d tries, %v", said, tries, err)
		}
	}
}
