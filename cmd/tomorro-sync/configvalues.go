package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

const masked = "***"

// Secret is a value that must not be shown. It masks itself wherever it is
// printed, logged or encoded; reveal is the only way to the text.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalYAML hides the secret.
func (s Secret) MarshalYAML() ([]byte, error) { return json.Marshal(s.String()) }

func (s Secret) reveal() string { return string(s) }

// count is a limit as a number; noBound lifts it.
type count int

// share is a limit as a part of what exists, 0 to 1; noBound lifts it.
type share float64

const noBound = -1

// UnmarshalText reads a whole number of zero or more, or "none".
func (c *count) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "none" {
		*c = noBound
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of changes; write a whole number such as 25, or none", s)
	}
	*c = count(n)
	return nil
}

// UnmarshalYAML reads what UnmarshalText reads.
func (c *count) UnmarshalYAML(text []byte) error { return c.UnmarshalText(unquote(text)) }

// UnmarshalText reads "10%", "0.1" or "none".
func (s *share) UnmarshalText(text []byte) error {
	v, err := parseShare(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	*s = share(v)
	return nil
}

// UnmarshalYAML reads what UnmarshalText reads.
func (s *share) UnmarshalYAML(text []byte) error { return s.UnmarshalText(unquote(text)) }

// readTime reads a duration, of which 0 needs no unit; the package takes no number for one.
func readTime(d *time.Duration, text []byte) error {
	s := strings.TrimSpace(string(unquote(text)))
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a time; write one such as 24h or 90m", s)
	}
	*d = v
	return nil
}

var errShare = errors.New("is not a share; write a percentage such as 10%, or none")

func parseShare(s string) (float64, error) {
	if s == "none" {
		return noBound, nil
	}
	digits, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) { // the negation also refuses NaN
		return 0, fmt.Errorf("%q %w", s, errShare)
	}
	return v, nil
}

func unquote(text []byte) []byte {
	return []byte(strings.Trim(strings.TrimSpace(string(text)), `"'`))
}
