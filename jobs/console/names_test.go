package console

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// TestLawNames holds the functions to the expressions that say the same.
func TestLawNames(t *testing.T) {
	person := regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@' +-]{0,63}$`)
	token := regexp.MustCompile(`(?s)^([\p{L}\p{N}._@ -]{1,64}):(.+)$`)
	kept := regexp.MustCompile(`^[\p{L}\p{M}\p{N}._@'’+-]$`)
	like := rapid.StringMatching(`[a-zé٣0-9̀._@'’ +:-]{0,70}`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), like, rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "name")
		if got, want := personName(s), person.MatchString(s); got != want {
			t.Errorf("personName(%q) is %v, want %v", s, got, want)
		}
		name, rest, ok := tokenName(s)
		if m := token.FindStringSubmatch(s); ok != (m != nil) || ok && (name != m[1] || rest != m[2]) {
			t.Errorf("tokenName(%q) is %q %q %v, want %q", s, name, rest, ok, m)
		}
		for _, r := range s {
			if got, want := providerRune(r), kept.MatchString(string(r)); got != want {
				t.Errorf("providerRune(%q) is %v, want %v", r, got, want)
			}
		}
	})
}
