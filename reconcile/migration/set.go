package migration

import "math/bits"

// set holds people by their place among those with access.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// within reports whether all of s are in t.
func (s set) within(t set) bool {
	for i, w := range s {
		if w&^t[i] != 0 {
			return false
		}
	}
	return true
}

// shared counts those who are in both.
func (s set) shared(t set) (n int) {
	for i, w := range s {
		n += bits.OnesCount64(w & t[i])
	}
	return n
}

func (s set) and(t set) set {
	out := make(set, len(s))
	for i := range s {
		out[i] = s[i] & t[i]
	}
	return out
}

// unite adds all of t to s, and take takes them out.
func (s set) unite(t set) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s set) take(t set) {
	for i := range s {
		s[i] &^= t[i]
	}
}

func (s set) clone() set { return append(set(nil), s...) }

// key tells sets apart.
func (s set) key() string {
	b := make([]byte, 0, len(s)*8)
	for _, w := range s {
		for k := range 8 {
			b = append(b, byte(w>>(8*k)))
		}
	}
	return string(b)
}
