package scim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c compare) match(r map[string]any) bool {
	if c.path.secret() {
		return false
	}
	values := c.path.values(r)
	if c.value == nil { // null: the absence of a value
		some := false
		for _, v := range values {
			some = some || !empty(v)
		}
		return some == (c.op == "ne")
	}
	if len(values) == 0 {
		return c.op == "ne"
	}
	return slices.ContainsFunc(values, c.holds)
}

// holds compares one value with the filter's.
func (c compare) holds(v any) bool {
	switch c.op {
	case "co", "sw", "ew":
		return c.part(v)
	case "ne":
		order, comparable := c.order(v)
		return !comparable || order != 0
	}
	order, comparable := c.order(v)
	if !comparable {
		return false
	}
	switch c.op {
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	case "le":
		return order <= 0
	}
	return order == 0
}

// part is co, sw and ew.
func (c compare) part(v any) bool {
	has, ok := v.(string)
	want, _ := c.value.(string)
	if !ok {
		return false
	}
	if !c.kind.exact() {
		has, want = fold(has), fold(want)
	}
	switch c.op {
	case "co":
		return strings.Contains(has, want)
	case "sw":
		return strings.HasPrefix(has, want)
	}
	return strings.HasSuffix(has, want)
}

// order compares a value with the filter's, when both are of one type.
func (c compare) order(v any) (int, bool) {
	if number, ok := toNumber(v); ok {
		want, ok := toNumber(c.value)
		return number.compare(want), ok
	}
	if c.kind == kindBoolean {
		has, ok := toBool(v)
		want, wanted := toBool(c.value)
		if ok && wanted {
			return same01(has == want), true
		}
	}
	switch v := v.(type) {
	case bool:
		want, ok := c.value.(bool)
		return same01(v == want), ok
	case string:
		want, ok := c.value.(string)
		if !ok {
			return 0, false
		}
		return c.text(v, want), true
	}
	return 0, false
}

func same01(same bool) int {
	if same {
		return 0
	}
	return 1
}

func (c compare) text(has, want string) int {
	if c.kind == kindDateTime {
		a, aOK := instant(has)
		b, bOK := instant(want)
		if aOK && bOK {
			return a.Compare(b)
		}
	}
	if !c.kind.exact() {
		has, want = fold(has), fold(want)
	}
	return strings.Compare(has, want)
}

func (k kind) exact() bool { return k == kindExact || k == kindBinary || k == kindDateTime }

// instant reads a DateTime (RFC 7643 section 2.3.5: xsd:dateTime, which may lack
// the time zone: UTC then).
func instant(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// number is a whole number exactly, or another one as nearly as float64 can.
type number64 struct {
	whole   int64
	isWhole bool
	float   float64
}

func (n number64) compare(o number64) int {
	if n.isWhole && o.isWhole {
		return cmp.Compare(n.whole, o.whole)
	}
	return cmp.Compare(n.float, o.float)
}

// toNumber reads the kinds of numbers that decoded JSON and Go literals have.
func toNumber(v any) (number64, bool) {
	switch v := v.(type) {
	case float64:
		whole := int64(v)
		return number64{whole: whole, isWhole: float64(whole) == v && v > -1<<53 && v < 1<<53, float: v}, true
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return number64{whole: whole, isWhole: true, float: float64(whole)}, true
		}
		f, _ := strconv.ParseFloat(v.String(), 64) // out of range: infinite, as near as can be
		return toNumber(f)
	case int:
		return number64{whole: int64(v), isWhole: true, float: float64(v)}, true
	case int64:
		return number64{whole: v, isWhole: true, float: float64(v)}, true
	}
	return number64{}, false
}

// toBool reads a boolean, or the text or number that clients send for one.
func toBool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		b, err := strconv.ParseBool(strings.ToLower(v))
		return b, err == nil
	}
	if n, ok := toNumber(v); ok && n.isWhole && (n.whole == 0 || n.whole == 1) {
		return n.whole == 1, true
	}
	return false, false
}
