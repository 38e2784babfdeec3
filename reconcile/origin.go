package reconcile

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Facts is what one run saw, remembered to tell the next what moved since.
type Facts struct {
	// People has a digest of what OneLogin said of each person, as of the last run
	// that left nothing undone for them.
	People map[Key]uint64
	Rules  uint64 // a digest of the app's rules
	Basis  []byte // the policy that it was decided by: see Policy.Basis
}

// Basis is the part of the policy from which a plan follows, as JSON: what the
// configuration says of who should have what, not of limits and holds.
func (p *Policy) Basis() []byte {
	text, err := json.Marshal(p)
	if err != nil {
		return nil // plain data: cannot fail
	}
	return text
}

// digester is the sum of facts one after the other, each with its length, so that no two
// lists of facts are the same bytes: FNV-1a, 64 bits, as hash/fnv has it. Runs compare it
// with what earlier ones stored.
type digester uint64

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func (d *digester) text(s string) {
	d.number(int64(len(s)))
	h := uint64(*d)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	*d = digester(h)
}

// number takes eight bytes, the lowest first. Those that are zero at the end, most of
// them, are one multiplication.
func (d *digester) number(n int64) {
	h, left := uint64(*d), 8
	for rest := uint64(n); rest != 0; rest >>= 8 {
		h = (h ^ rest&0xff) * fnvPrime
		left--
	}
	*d = digester(h * primePowers[left])
}

// primePowers are fnvPrime to the power of 0 to 8, of 64 bits.
var primePowers = [9]uint64{1, fnvPrime, power2, power3, power4, power5, power6, power7, power8}

const (
	power2 = fnvPrime * fnvPrime % (1 << 64)
	power3 = power2 * fnvPrime % (1 << 64)
	power4 = power3 * fnvPrime % (1 << 64)
	power5 = power4 * fnvPrime % (1 << 64)
	power6 = power5 * fnvPrime % (1 << 64)
	power7 = power6 * fnvPrime % (1 << 64)
	power8 = power7 * fnvPrime % (1 << 64)
)

// person digests what a plan can follow from. The last login, which moves by
// itself, counts only where a rule asks for it.
func (d *digester) person(p *Person, login bool) uint64 {
	*d = fnvOffset
	for _, s := range []string{p.Email, p.Username, p.FirstName, p.LastName, p.Title, p.Department, p.Company} {
		d.text(s)
	}
	assigned := int64(0)
	if p.Assigned {
		assigned = 1
	}
	for _, n := range []int64{int64(p.Status), int64(p.Licence), assigned, p.GroupID, int64(p.Unread), int64(len(p.Roles)), int64(len(p.MemberOf))} {
		d.number(n)
	}
	for _, id := range p.Roles {
		d.number(id)
	}
	for _, group := range p.MemberOf {
		d.text(group)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Custom)) {
		d.text(name)
		d.text(p.Custom[name])
	}
	if login {
		d.number(p.LastLogin.Unix())
	}
	return uint64(*d)
}

// seen is what this plan saw of OneLogin.
type seen struct {
	keys    []Key // sorted
	digests []uint64
	rules   uint64
	basis   []byte
}

// see digests a sorted directory.
func see(d *Directory, p *Policy) *seen {
	s := &seen{keys: make([]Key, len(d.People)), digests: make([]uint64, len(d.People)), basis: p.Basis()}
	var dig digester
	login := slices.ContainsFunc(d.Rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.Source == sourceLastLogin })
	})
	for i := range d.People {
		s.keys[i], s.digests[i] = d.People[i].Key, dig.person(&d.People[i], login)
	}
	rules, _ := json.Marshal(d.Rules) // plain data: cannot fail
	dig = fnvOffset
	dig.text(string(rules))
	s.rules = uint64(dig)
	return s
}

// person gives the digest of somebody, 0 when OneLogin does not know them.
func (s *seen) person(k Key) uint64 {
	if i, known := slices.BinarySearch(s.keys, k); known {
		return s.digests[i]
	}
	return 0
}

// fingerprint is the same for the same people and rules.
func (s *seen) fingerprint() string {
	dig := digester(fnvOffset)
	for i, key := range s.keys {
		dig.number(int64(key))
		dig.number(int64(s.digests[i]))
	}
	dig.number(int64(s.rules))
	return strconv.FormatUint(uint64(dig), 16)
}

// attribute tells for each change what moved since the facts were remembered.
//
//	not in the plan that the former configuration gives   configuration
//	an account that nobody remembered                     adoption
//	OneLogin says something else of the person, or, for
//	a membership, of the rules                            source
//	otherwise                                             drift
func (d *differ) attribute() {
	last := d.in.Last
	if last == nil {
		return
	}
	former := d.formerly(last)
	for i := range d.plan.Changes {
		c := &d.plan.Changes[i]
		c.Origin = d.origin(c, last, former != nil && !former.changes[c.Digest()])
	}
	for i := range d.plan.Held {
		c := &d.plan.Held[i].Change
		digest := ""
		if former != nil {
			digest = c.Digest()
		}
		c.Origin = d.origin(c, last, former != nil && !former.changes[digest] && !former.held[digest])
	}
}

func (d *differ) origin(c *Change, last *Facts, ours bool) Origin {
	if c.Origin == FromPush {
		return FromPush
	}
	was, seen := last.People[c.Key]
	membership := c.Group != ""
	switch {
	case ours:
		return FromConfiguration
	case c.Account != "" && c.Key != 0 && d.in.Links[c.Key] != c.Account:
		return FromAdoption
	case !seen || was != d.plan.seen.person(c.Key):
		return FromSource
	case membership && last.Rules != d.plan.seen.rules:
		return FromSource
	}
	return FromDrift
}

// former is what the remembered configuration would do, by digest.
type former struct{ changes, held map[string]bool }

// formerly plans by the remembered configuration; nil when it is the same. With
// another app or tenant nothing can be compared: all is of the configuration.
func (d *differ) formerly(last *Facts) *former {
	var policy Policy
	if len(last.Basis) == 0 || string(last.Basis) == string(d.plan.seen.basis) || json.Unmarshal(last.Basis, &policy) != nil {
		return nil
	}
	f := &former{changes: make(map[string]bool), held: make(map[string]bool)}
	if policy.Source != d.in.Policy.Source {
		return f
	}
	in := d.in
	in.Policy, in.Last = &policy, nil
	old := Decide(in)
	for i := range old.Changes {
		f.changes[old.Changes[i].Digest()] = true
	}
	for i := range old.Held {
		f.held[old.Held[i].Digest()] = true
	}
	return f
}

// configurationRule lets nobody lose anything by a change of our own
// configuration unless somebody has looked.
func configurationRule(c *Change) string {
	if c.Origin == FromConfiguration && c.Op.Removes() {
		return "only the changed configuration asks for it, not OneLogin: a removal by configuration waits for approval, whatever their number"
	}
	return ""
}

// Learned is what a run leaves behind for the next: how OneLogin was, and for
// whom nothing is left to do.
type Learned struct {
	People    map[Key]uint64 // new or changed digests
	Forgotten []Key
	Rules     uint64
	Basis     []byte // nil: the former configuration stays the one to compare with
}

// Learn compares what was remembered with what this plan saw. pending are the
// people for whom something is left to do: what is known of them stays as it was.
func (p *Plan) Learn(last *Facts, pending map[Key]bool) Learned {
	l := Learned{People: make(map[Key]uint64), Rules: p.seen.rules, Basis: p.seen.basis}
	for i, key := range p.seen.keys {
		if was, known := last.People[key]; (!known || was != p.seen.digests[i]) && !pending[key] {
			l.People[key] = p.seen.digests[i]
		}
	}
	for key := range last.People {
		if _, known := slices.BinarySearch(p.seen.keys, key); !known && !pending[key] {
			l.Forgotten = append(l.Forgotten, key)
		}
	}
	slices.Sort(l.Forgotten)
	if slices.ContainsFunc(p.Held, func(h Held) bool { return h.Origin == FromConfiguration && h.Op.Removes() }) {
		l.Basis = nil
	}
	return l
}
