package main

import (
	"fmt"
	"net/url"
	"strings"

	"tomorro-sync/reconcile"
)

// policy gives the administrator's decisions as the domain takes them.
// approved is the id of the plan whose changes may be made, or empty.
func (c *config) policy(approved string) reconcile.Policy {
	p := reconcile.Policy{
		Pricing:           c.Tomorro.pricing(),
		Titles:            make(map[string]reconcile.UserType, len(c.Titles)),
		AllowViewer:       c.Tomorro.AllowViewer,
		ScopeRoles:        c.OneLogin.ScopeRoles,
		GroupMode:         reconcile.GroupMode(c.Groups.Mode),
		CreateGroups:      c.Groups.Create,
		DeleteGroups:      c.Groups.Delete,
		DeleteUsers:       c.Tomorro.Remove == "delete",
		Limits:            c.Limits.limits(),
		Protect:           c.Protect,
		MinAdmins:         c.MinAdmins,
		DefaultSubstitute: c.Tomorro.DefaultSubstitute,
		Approve:           c.Approve,
		Approved:          approved,
		FourEyes:          c.FourEyes,
		APIAccount:        c.Tomorro.APIAccount,
		Source:            c.OneLogin.source(),
		Rules:             c.OneLogin.Rules.reading(),
	}
	for title, userType := range c.Titles {
		p.Titles[title] = reconcile.UserType(userType)
	}
	p.ActiveStatuses, p.InactiveStatuses = c.OneLogin.statuses()
	return p
}

// source names the app that people are read from. Its id is enough: the address of
// the same tenant may change.
func (o *oneloginConfig) source() string { return fmt.Sprintf("app %d", o.AppID) }

// pricing knows two generations: V4 and V5, and everything later.
func (t *tomorroConfig) pricing() reconcile.Pricing {
	switch strings.ToLower(t.Pricing) {
	case "v4", "v5":
		return reconcile.PricingV5
	}
	return reconcile.PricingV6
}

// statuses splits OneLogin's statuses into those that keep access and those
// that lose it; nil means the default.
func (o *oneloginConfig) statuses() (active, inactive []reconcile.Status) {
	if len(o.ActiveStatuses) == 0 {
		return nil, nil
	}
	keeps := make(map[reconcile.Status]bool)
	for _, s := range o.ActiveStatuses {
		keeps[reconcile.Status(s)] = true
	}
	for _, s := range append(reconcile.DefaultInactive(), reconcile.DefaultActive()...) {
		if keeps[s] {
			active = append(active, s)
		} else {
			inactive = append(inactive, s)
		}
	}
	return active, inactive
}

func (r *rulesConfig) reading() reconcile.RuleReading {
	return reconcile.RuleReading{
		LastWins: r.Combine == "last_wins", Case: r.Case, Regexp: r.Regexp, Capture: r.Capture, MemberOf: r.MemberOf, GroupsAction: r.GroupsAction,
	}
}

// limits lays what is configured over the defaults, value by value, so that
// setting one number never lifts another.
func (l *limitsConfig) limits() reconcile.Limits {
	out := reconcile.DefaultLimits()
	if l.Window > 0 {
		out.Window = l.Window
	}
	if l.MinPopulation > 0 {
		out.MinPopulation = l.MinPopulation
	}
	if l.Band != nil {
		band := float64(*l.Band)
		if out.Band = &band; band == noBound {
			out.Band = nil
		}
	}
	for kind, a := range map[reconcile.Limit]allowanceConfig{
		reconcile.LimitDeactivate: l.Deactivate, reconcile.LimitDelete: l.Delete, reconcile.LimitRemoveMember: l.RemoveMember,
		reconcile.LimitChangeRole: l.ChangeRole, reconcile.LimitGrantAdmin: l.GrantAdmin, reconcile.LimitRename: l.Rename,
		reconcile.LimitCreate: l.Create, reconcile.LimitRemoveFromGroup: l.RemoveFromGroup,
	} {
		out.Allow[kind] = a.over(out.Allow[kind])
	}
	return out
}

func (a allowanceConfig) over(base reconcile.Allowance) reconcile.Allowance {
	if a.Max != nil {
		n := int(*a.Max)
		base.Max = &n
		if n == noBound {
			base.Max = nil
		}
	}
	if a.Share != nil {
		part := float64(*a.Share)
		base.Share = &part
		if part == noBound {
			base.Share = nil
		}
	}
	return base
}

// redisURL is the address with the separate password, when there is one, put in.
func (r *redisConfig) redisURL() (string, error) {
	if r.Password == "" {
		return r.URL.reveal(), nil
	}
	u, err := url.Parse(r.URL.reveal())
	if err != nil {
		return "", errRedisURL
	}
	u.User = url.UserPassword(u.User.Username(), r.Password.reveal())
	return u.String(), nil
}
