package reconcile

// Comparison is what two policies would do differently with the same facts.
type Comparison struct {
	// Only this policy makes these changes, only the former makes those.
	Only   []Change `json:"only"`
	Former []Change `json:"former"`
	// Only this policy holds these for their own data, only the former those.
	OnlyHeld   []Held `json:"onlyHeld"`
	FormerHeld []Held `json:"formerHeld"`
}

// Compare plans the same input by another policy as well. Limits and protections
// are not looked at: it tells what would be asked for.
func Compare(in Input, former *Policy) Comparison {
	in.Last = nil
	now := Decide(in)
	in.Policy = former
	then := Decide(in)
	digest := func(c *Change) string { return c.Digest() }
	held := func(h *Held) string { return h.Digest() }
	return Comparison{
		Only: lacking(now.Changes, then.Changes, digest), Former: lacking(then.Changes, now.Changes, digest),
		OnlyHeld: lacking(now.Held, then.Held, held), FormerHeld: lacking(then.Held, now.Held, held),
	}
}

// lacking gives those of a that b has not.
func lacking[T any](a, b []T, name func(*T) string) []T {
	has := make(map[string]bool, len(b))
	for i := range b {
		has[name(&b[i])] = true
	}
	out := []T{}
	for i := range a {
		if !has[name(&a[i])] {
			out = append(out, a[i])
		}
	}
	return out
}
