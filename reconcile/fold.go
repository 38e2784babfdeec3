package reconcile

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is the form in which addresses, titles and group names are compared:
// trimmed, Unicode-normalised (NFC) and case folded. Two spellings that a
// person would call the same are the same here; nothing is ever written in
// this form.
func Fold(s string) string { return fold(strings.TrimSpace(s)) }

// fold is Fold with the blanks around.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			// Folding can undo normal form, so it is normalised on both sides. It also
			// swaps the two cases of Cherokee, which lower case then makes one.
			return norm.NFC.String(strings.ToLower(cases.Fold().String(norm.NFC.String(s))))
		}
	}
	return strings.ToLower(s)
}

// Bare is a name without case, accents, blanks and punctuation. Two groups whose names
// are alike in it are often meant to be one; they are never taken for it.
func Bare(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, norm.NFD.String(Fold(name)))
}
