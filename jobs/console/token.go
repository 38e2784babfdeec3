package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Token is one key to the console. What is kept of it is a digest.
type Token struct {
	Name string // who signs in with it; empty: they say who they are
	hash [sha256.Size]byte
}

// leastToken is how long a token must be: it is all that stands before the console.
const leastToken = 16

var hashedTokens = regexp.MustCompile(`^sha256:([0-9a-fA-F]{64})$`)

// ParseTokens reads tokens, one a line or separated by commas: TOKEN, sha256:HEX of
// one, or either after NAME: for one person's. No error repeats a token.
func ParseTokens(text string) ([]Token, error) {
	var tokens []Token
	for i, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		t, err := parseToken(field)
		if err != nil {
			return nil, fmt.Errorf("number %d %w", i+1, err)
		}
		for _, other := range tokens {
			if other.hash == t.hash {
				return nil, fmt.Errorf("number %d is the same as another; give each person their own", i+1)
			}
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

func parseToken(text string) (t Token, err error) {
	if !strings.HasPrefix(text, "sha256:") {
		if name, rest, ok := tokenName(text); ok {
			t.Name, text = strings.TrimSpace(name), strings.TrimSpace(rest)
		}
	}
	if strings.HasPrefix(text, "sha256:") {
		m := hashedTokens.FindStringSubmatch(text)
		if m == nil {
			return t, errors.New("is not sha256: with 64 hexadecimal digits")
		}
		_, err := hex.Decode(t.hash[:], []byte(m[1]))
		if err == nil && t.hash == sha256.Sum256(nil) {
			err = errors.New("is the hash of nothing: an empty token would open the console")
		}
		return t, err
	}
	if len(text) < leastToken {
		return t, fmt.Errorf("has fewer than %d characters; make one with: openssl rand -hex 24", leastToken)
	}
	t.hash = sha256.Sum256([]byte(text))
	return t, nil
}

// admit finds the token that somebody gave. All are compared, each in constant time.
func admit(tokens []Token, given string) (Token, bool) {
	hash := sha256.Sum256([]byte(strings.TrimSpace(given)))
	found := -1
	for i := range tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], tokens[i].hash[:]), i, found)
	}
	if found < 0 {
		return Token{}, false
	}
	return tokens[found], true
}

// mark tells tokens apart without telling anything of them: four bytes of a digest.
func (t *Token) mark() string {
	digest := sha256.Sum256(append([]byte(t.Name+"\x00"), t.hash[:]...))
	return hex.EncodeToString(digest[:4])
}
