package console

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostName is how many runes a name has at most.
const mostName = 64

// These are functions because the regular expressions for them, with the classes of
// Unicode repeated, take 5 MB of every command's memory.

// personName reports whether somebody may call themselves that: what journals and
// pages show. It begins with a letter or a digit.
func personName(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return unicode.In(first, unicode.L, unicode.N) && utf8.RuneCountInString(s) <= mostName && madeOf(s, "._@' +-", unicode.L, unicode.M, unicode.N)
}

// tokenName cuts NAME: off what stands before a token.
func tokenName(s string) (name, rest string, ok bool) {
	name, rest, ok = strings.Cut(s, ":")
	ok = ok && name != "" && rest != "" && utf8.RuneCountInString(name) <= mostName && madeOf(name, "._@ -", unicode.L, unicode.N)
	return name, rest, ok
}

// providerRune reports whether a name that a provider gives keeps that rune.
func providerRune(r rune) bool {
	return strings.ContainsRune("._@'’+-", r) || unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// madeOf reports whether s has only these runes, and some of those classes. What is no
// UTF-8 is in none.
func madeOf(s, runes string, classes ...*unicode.RangeTable) bool {
	for _, r := range s {
		if !strings.ContainsRune(runes, r) && !unicode.In(r, classes...) {
			return false
		}
	}
	return true
}
