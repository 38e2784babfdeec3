package onelogintest

import (
	"slices"
	"strconv"
	"strings"
)

// ExpectedAccount is what one person should have at Tomorro.
type ExpectedAccount struct {
	UserName, GivenName, FamilyName, UserType string
	Groups                                    []string // sorted
	// Frozen says that a rule which only OneLogin can evaluate matches: the person
	// may be in further groups and stays there.
	Frozen bool
}

// Expected computes the end state of a world from its raw data, straight from
// OneLogin's documentation and Tomorro's set-up guide, and from nothing else in
// this repository: who should have an active account, by lower-case address.
// held are the addresses (or ids) of people whose own data allows none: a title
// that is no role and not in titles (lower case), a missing name, a shared
// address. groups limits what Tomorro has.
func Expected(w *World, titles map[string]string, groups []string) (accounts map[string]ExpectedAccount, held []string) {
	accounts = make(map[string]ExpectedAccount)
	for _, p := range w.People {
		if !works(p) || !w.HasApp(p) {
			continue
		}
		title := ""
		if p.Title != nil {
			title = strings.ToLower(strings.TrimSpace(*p.Title))
		}
		userType := titles[title]
		if title == "admin" || title == "manager" || title == "user" || title == "viewer" {
			userType = title
		}
		if userType == "" || strings.TrimSpace(p.FirstName) == "" || strings.TrimSpace(p.LastName) == "" {
			held = append(held, p.Email)
			continue
		}
		accounts[strings.ToLower(p.Email)] = ExpectedAccount{
			UserName: p.Email, GivenName: p.FirstName, FamilyName: p.LastName, UserType: userType, Groups: expectedGroups(w, p, groups),
			Frozen: slices.ContainsFunc(w.Rules, func(r Rule) bool {
				return r.Enabled && r.Actions[0].Macro != "" && expectedMatch(&r, p)
			}),
		}
	}
	return accounts, held
}

// works says that a person may sign in: an approved licence, and a status that
// is not suspended, deleted or waiting.
func works(p *Person) bool {
	status := p.Status == 1 || p.Status == 3 || p.Status == 4 || p.Status == 5 || p.Status == 7 || p.Status == 8
	return status && p.State == 1
}

func expectedGroups(w *World, p *Person, have []string) []string {
	out := slices.DeleteFunc(ruleGroups(w, p), func(g string) bool { return !slices.Contains(have, g) })
	slices.Sort(out)
	return slices.Compact(out)
}

// ruleGroups are the groups that the rules give a person, whether or not Tomorro
// has them.
func ruleGroups(w *World, p *Person) []string {
	var out []string
	for _, r := range w.Rules {
		if !r.Enabled || !expectedMatch(&r, p) {
			continue
		}
		for _, a := range r.Actions {
			switch {
			case a.Action != "set_groups" || a.Macro != "":
			case a.Expression == nil:
				out = append(out, a.Value...)
			case p.MemberOf != nil: // the generator's one mapping: each value of member_of that matches .*
				for name := range strings.SplitSeq(*p.MemberOf, ";") {
					out = append(out, strings.TrimSpace(name))
				}
			}
		}
	}
	return out
}

func expectedMatch(r *Rule, p *Person) bool {
	matched := 0
	for _, c := range r.Conditions {
		var ok bool
		switch c.Source + " " + c.Operator {
		case "has_role ri":
			id, _ := strconv.ParseInt(c.Value, 10, 64)
			ok = slices.Contains(p.RoleIDs, id)
		case "title =":
			ok = p.Title != nil && *p.Title == c.Value
		case "department =":
			ok = p.Department != nil && *p.Department == c.Value
		case "department bw":
			ok = p.Department != nil && strings.HasPrefix(*p.Department, c.Value)
		case "email ew":
			ok = strings.HasSuffix(p.Email, c.Value)
		case "custom_attribute_cost_center ~":
			ok = strings.Contains(p.Custom["cost_center"], c.Value)
		}
		if ok {
			matched++
		}
	}
	if r.Match == "any" {
		return matched > 0
	}
	return matched == len(r.Conditions)
}
