package reconcile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// truth is Kleene's three values: what is uncertain stays uncertain, unless the
// rest decides whatever it might be.
type truth int8

const (
	no truth = iota
	maybe
	yes
)

func both(a, b truth) truth   { return min(a, b) }
func either(a, b truth) truth { return max(a, b) }
func not(a truth) truth       { return yes - a }

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// predicate tests one condition for one person.
type predicate func(p *Person, now time.Time) truth

func uncertain(*Person, time.Time) truth { return maybe }

// The sources of conditions with a shape of their own; see attribute for those
// that are plain text. Names as in GET /api/2/apps/{id}/rules.
const (
	sourceRole      = "has_role"
	sourceMemberOf  = "member_of"
	sourceLastLogin = "last_login"
	sourceGroup     = "group_id"
	sourceStatus    = "status"
	customPrefix    = "custom_attribute_"
)

// compile makes a condition ready; why says why it can only be uncertain.
func (c Condition) compile(reading RuleReading) (test predicate, why string) {
	switch c.Source {
	case sourceRole:
		return c.role()
	case sourceLastLogin:
		return c.lastLogin()
	case sourceGroup:
		return c.number(FieldGroup, func(p *Person) int64 { return p.GroupID })
	case sourceStatus:
		return c.number(FieldStatus, func(p *Person) int64 { return int64(p.Status) })
	}
	values, ok := attribute(c.Source)
	if !ok {
		return uncertain, fmt.Sprintf("tests %q, a source that is not known here", c.Source)
	}
	compare, ok := c.text(reading)
	if !ok {
		return uncertain, fmt.Sprintf("has the operator %q on %s, which is not known here", c.Operator, c.Source)
	}
	negated := strings.HasPrefix(c.Operator, "!")
	return func(p *Person, _ time.Time) truth {
		list, known := values(p)
		if !known {
			return maybe
		}
		found := several(list, compare, reading)
		if negated {
			return not(found)
		}
		return found
	}, ""
}

// several compares a source that may have several values: member_of arrives as one text,
// and whether OneLogin compares each of its values with a condition's, or the text as it
// is, is not documented. Nobody with one value depends on it; who has none has an empty text.
func several(list []string, compare func(string) truth, reading RuleReading) truth {
	each := no
	for _, v := range list {
		each = either(each, compare(v))
	}
	if len(list) == 1 || reading.MemberOf == "each" {
		return each
	}
	whole := compare(strings.Join(list, ";"))
	if reading.MemberOf == "whole" || each == whole {
		return whole
	}
	return maybe
}

// attribute reads the text values of a source. Only member_of may have several;
// known is false when OneLogin did not give the fact.
func attribute(source string) (values func(*Person) (list []string, known bool), ok bool) {
	one := func(f Fields, get func(*Person) string) (func(*Person) ([]string, bool), bool) {
		return func(p *Person) ([]string, bool) { return []string{get(p)}, !p.Unread.Has(f) }, true
	}
	switch source {
	case "email":
		return one(FieldEmail, func(p *Person) string { return p.Email })
	case "username":
		return one(FieldUsername, func(p *Person) string { return p.Username })
	case "firstname":
		return one(FieldFirstName, func(p *Person) string { return p.FirstName })
	case "lastname":
		return one(FieldLastName, func(p *Person) string { return p.LastName })
	case "title":
		return one(FieldTitle, func(p *Person) string { return p.Title })
	case "department":
		return one(FieldDepartment, func(p *Person) string { return p.Department })
	case "company":
		return one(FieldCompany, func(p *Person) string { return p.Company })
	case sourceMemberOf:
		return func(p *Person) ([]string, bool) { return p.MemberOf, !p.Unread.Has(FieldMemberOf) }, true
	}
	if short, custom := strings.CutPrefix(source, customPrefix); custom && short != "" {
		return one(FieldCustom, func(p *Person) string { return p.Custom[short] })
	}
	return nil, false
}

// text gives the comparison of an operator without its negation, read with and
// without case as far as that is not settled, and with and without the blanks around,
// which nothing settles: they are OneLogin's to trim, and best taken out there.
func (c Condition) text(reading RuleReading) (func(string) truth, bool) {
	var holds func(value, wanted string) bool
	switch c.Operator {
	case "=", "!=":
		holds = func(v, w string) bool { return v == w }
	case "~", "!~":
		holds = strings.Contains
	case "bw":
		holds = strings.HasPrefix
	case "ew":
		holds = strings.HasSuffix
	case ">", "<":
		return c.order(), true
	default:
		return nil, false
	}
	forms := forms(reading)
	wanted := make([]string, len(forms))
	for i, form := range forms {
		wanted[i] = form(c.Value)
	}
	tidy := strings.TrimSpace(c.Value) == c.Value
	return func(v string) truth {
		n := len(forms)
		if tidy && strings.TrimSpace(v) == v {
			n /= 2
		}
		first := holds(forms[0](v), wanted[0])
		for i := 1; i < n; i++ {
			if holds(forms[i](v), wanted[i]) != first {
				return maybe
			}
		}
		return truthOf(first)
	}, true
}

// forms are the forms in which two texts may be compared: first those with the blanks
// around, then the same without.
func forms(reading RuleReading) []func(string) string {
	asIs := func(s string) string { return s }
	switch reading.Case {
	case "sensitive":
		return []func(string) string{asIs, strings.TrimSpace}
	case "insensitive":
		return []func(string) string{fold, Fold}
	}
	return []func(string) string{asIs, fold, strings.TrimSpace, Fold}
}

// order compares numbers; text has no order that is documented.
func (c Condition) order() func(string) truth {
	wanted, err := strconv.ParseFloat(strings.TrimSpace(c.Value), 64)
	return func(v string) truth {
		n, bad := strconv.ParseFloat(strings.TrimSpace(v), 64)
		switch {
		case err != nil || bad != nil:
			return maybe
		case c.Operator == ">":
			return truthOf(n > wanted)
		}
		return truthOf(n < wanted)
	}
}

// number compares ids and statuses, which are numbers. What a word for one of them means
// is not documented: a rule on "Active" may be about everybody at work, and no status is
// that word.
func (c Condition) number(f Fields, get func(*Person) int64) (predicate, string) {
	value := strings.TrimSpace(c.Value)
	if value == "" && c.Source == sourceGroup {
		value = "0" // "None"
	}
	wanted, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return uncertain, fmt.Sprintf("compares %s with %q, which is not a number", c.Source, c.Value)
	}
	var holds func(n int64) bool
	switch ordered := c.Source == sourceStatus; {
	case c.Operator == "=":
		holds = func(n int64) bool { return n == wanted }
	case c.Operator == "!=":
		holds = func(n int64) bool { return n != wanted }
	case c.Operator == ">" && ordered:
		holds = func(n int64) bool { return n > wanted }
	case c.Operator == "<" && ordered:
		holds = func(n int64) bool { return n < wanted }
	default:
		return uncertain, fmt.Sprintf("has the operator %q on %s, which is not known here", c.Operator, c.Source)
	}
	return func(p *Person, _ time.Time) truth {
		if p.Unread.Has(f) {
			return maybe
		}
		return truthOf(holds(get(p)))
	}, ""
}

// role tests for one role, by id. "nri" is a spelling of "rin" that one client
// uses; both are accepted.
func (c Condition) role() (predicate, string) {
	id, err := strconv.ParseInt(strings.TrimSpace(c.Value), 10, 64)
	if err != nil {
		return uncertain, fmt.Sprintf("tests for role %q, which is not a role id", c.Value)
	}
	wants := c.Operator == "ri"
	if !wants && c.Operator != "rin" && c.Operator != "nri" {
		return uncertain, fmt.Sprintf("has the operator %q on %s, which is not known here", c.Operator, c.Source)
	}
	return func(p *Person, _ time.Time) truth {
		if p.Unread.Has(FieldRoles) {
			return maybe
		}
		return truthOf(slices.Contains(p.Roles, id) == wants)
	}, ""
}

// lastLogin compares the whole days since the last sign-in ("last_login > 120":
// inactive for 120 days). Who never signed in has no such number.
func (c Condition) lastLogin() (predicate, string) {
	days, err := strconv.ParseFloat(strings.TrimSpace(c.Value), 64)
	if err != nil || (c.Operator != ">" && c.Operator != "<") {
		return uncertain, fmt.Sprintf("compares last_login with %q %q, which is not a number of days", c.Operator, c.Value)
	}
	return func(p *Person, now time.Time) truth {
		if p.LastLogin.IsZero() || p.Unread.Has(FieldLastLogin) {
			return maybe
		}
		since := now.Sub(p.LastLogin).Hours() / 24
		// Whether OneLogin counts whole days is not documented: within one day of
		// the bound the answer depends on it.
		if since > days-1 && since < days+1 {
			return maybe
		}
		return truthOf((since > days) == (c.Operator == ">"))
	}, ""
}
