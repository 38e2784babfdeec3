package redisstore

import (
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestAskedTwice: a script that must not be done twice gives the same answer to
// the same call, and another one to another call.
func TestAskedTwice(t *testing.T) {
	s, err := Embedded(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	k := s.keys
	for name, test := range map[string]struct {
		script *redis.Script
		keys   func(call string) []string
		args   func(call string) []any
		again  string // what another call is told; "new" when it is done once more
	}{
		"tick": {tickScript, func(string) []string { return []string{k.schedule(), k.lock()} },
			func(call string) []any { return []any{1000, 1000, 60_000, "due", call} }, "taken"},
		"pass": {passScript, func(string) []string { return []string{k.fast(), k.schedule()} },
			func(call string) []any { return []any{60_000, call} }, "0"},
		"acquire": {acquireScript, func(string) []string { return []string{k.prefix + "one", k.fence()} },
			func(call string) []any { return []any{"holder", 1000, 60_000, call} }, "0"},
		"wish": {wishScript, func(string) []string { return []string{k.wish()} },
			func(call string) []any { return []any{call, "console", "ann"} }, "0"},
		"append": {appendScript, func(call string) []string {
			return []string{k.lock(), k.journal(), k.runs(), k.links(), k.asked(call)}
		}, func(string) []any { return []any{"", 60_000, 0, "begin", "run", "{}"} }, "new"},
		"claim": {claimScript, func(call string) []string {
			return []string{k.lock(), k.journal(), k.position(), k.touched(), k.claims(), k.open(), k.marks(), k.due(), k.asked(call)}
		}, func(string) []any { return []any{"", 60_000, 0, "run", 1 << 40, 60_000, "{}", 0, "", 0, 1, "7"} }, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(call string) []string {
				answer, err := test.script.Run(t.Context(), s.client, test.keys(name+call), test.args(name+call)...).Result()
				if err != nil {
					t.Fatal(err)
				}
				all, ok := answer.([]any)
				if !ok {
					return []string{fmt.Sprint(answer)}
				}
				var list []string
				for _, v := range all {
					if part, is := v.([]any); is { // one of several answers
						v = part[0]
					}
					list = append(list, fmt.Sprint(v))
				}
				return list
			}
			first := ask("one")
			if again := ask("one"); !slices.Equal(first, again) {
				t.Errorf("the same call: %v, then %v", first, again)
			}
			other := ask("two")
			if slices.Equal(first, other) || test.again != "new" && other[0] != test.again {
				t.Errorf("another call: %v after %v", other, first)
			}
		})
	}
}
