package reconcile

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
)

// mapping is "Map from OneLogin": for each value of a source that matches an
// expression, a group of the extracted name.
type mapping struct {
	values func(*Person) iter.Seq2[string, truth]
	unread func(*Person) bool
}

// newMapping makes a mapping ready; why says why it could give any group.
func newMapping(source, expression string, names map[int64]string, reading RuleReading) (m mapping, why string) {
	extract, why := newExtractor(expression, reading)
	if why != "" {
		return mapping{}, why
	}
	list, ok := mappedSource(source, names)
	if !ok {
		return mapping{}, fmt.Sprintf("maps groups from %q, which is not known here or could not be read", source)
	}
	return mapping{
		values: func(p *Person) iter.Seq2[string, truth] {
			return func(yield func(string, truth) bool) {
				values, known := list(p)
				if !known {
					return
				}
				for _, v := range values {
					for name, certain := range extract(v) {
						if !yield(name, certain) {
							return
						}
					}
				}
			}
		},
		unread: func(p *Person) bool { _, known := list(p); return !known },
	}, ""
}

// mappedSource reads the values of a source. The token for roles is not in any
// payload on record; the guides' labels are "role" and "roles".
func mappedSource(source string, names map[int64]string) (func(*Person) ([]string, bool), bool) {
	switch source {
	case "role", "roles", sourceRole:
		if names == nil {
			return nil, false
		}
		return func(p *Person) ([]string, bool) {
			var list []string
			for _, id := range p.Roles {
				list = append(list, names[id])
			}
			return list, !p.Unread.Has(FieldRoles)
		}, true
	}
	return attribute(source)
}

// newExtractor reads an expression in every way that is not settled: anchored or
// not, with case or without, the whole match or its first group. What all readings
// agree on is certain; the rest is possible.
func newExtractor(expression string, reading RuleReading) (func(string) iter.Seq2[string, truth], string) {
	pattern := bare(expression)
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Sprintf("has the expression %q, which cannot be read here (%v)", expression, err)
	}
	var readings []func(string) string
	for _, re := range expressions(pattern, reading) {
		for _, group := range []int{0, 1} {
			if group == 1 && reading.Capture == "whole" || group == 0 && reading.Capture == "group" {
				continue
			}
			readings = append(readings, extraction(re, group))
		}
	}
	return func(value string) iter.Seq2[string, truth] {
		return func(yield func(string, truth) bool) {
			var names []string
			for _, read := range readings {
				names = append(names, read(value))
			}
			slices.Sort(names)
			names = slices.Compact(names)
			certain := yes
			if len(names) > 1 {
				certain = maybe
			}
			for _, name := range names {
				if name != "" && !yield(name, certain) {
					return
				}
			}
		}
	}, ""
}

// expressions are the ways in which a pattern may match: at both ends or anywhere, and
// with or without case.
func expressions(pattern string, reading RuleReading) (all []*regexp.Regexp) {
	cases := []string{"", "(?i)"}
	switch {
	case reading.Case == "sensitive", !cased(pattern):
		cases = cases[:1]
	case reading.Case == "insensitive":
		cases = cases[1:]
	}
	for _, flag := range cases {
		if reading.Regexp != "unanchored" {
			all = append(all, regexp.MustCompile(flag+`\A(?:`+pattern+`)\z`))
		}
		if reading.Regexp != "anchored" {
			all = append(all, regexp.MustCompile(flag+pattern))
		}
	}
	return all
}

// cased reports whether a pattern has letters, and with them a case.
func cased(pattern string) bool { return strings.ToLower(pattern) != strings.ToUpper(pattern) }

// bare takes the slashes off an expression; an empty one matches everything.
func bare(expression string) string {
	if len(expression) >= 2 && strings.HasPrefix(expression, "/") && strings.HasSuffix(expression, "/") {
		expression = expression[1 : len(expression)-1]
	}
	if expression == "" {
		return ".*"
	}
	return expression
}

// extraction takes the whole match (0) or the first group (1), when there is one.
func extraction(re *regexp.Regexp, group int) func(string) string {
	return func(value string) string {
		m := re.FindStringSubmatch(value)
		if m == nil {
			return ""
		}
		return strings.TrimSpace(m[min(group, re.NumSubexp())])
	}
}
