package reconcile_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

var update = flag.Bool("update", false, "write the plans of testdata/scenarios anew")

// scenario is one folder of testdata/scenarios: onelogin.yaml, tomorro.yaml, an
// optional policy.yaml, and the plan that must follow.
type scenario struct {
	People []struct {
		ID         reconcile.Key
		Email      string
		First      string
		Last       string
		Title      string
		Department string
		Status     *reconcile.Status
		State      *reconcile.Licence
		Unassigned bool
		Roles      []int64
	}
	Roles map[int64]string
	Rules []struct {
		ID         int64
		Name       string
		Any        bool
		If         []string // "source operator value"
		Groups     []string
		Expression *string
		Macro      string
	}
	Incomplete map[string]string
	Witness    map[reconcile.Key]string

	Accounts []struct {
		ID, Given, Family string
		UserName          string `yaml:"userName"`
		Type              reconcile.UserType
		Inactive          bool
		ExternalID        string `yaml:"externalId"`
	}
	Groups []struct {
		ID, Name string
		Members  []string
		Ours     bool
	}
	Links map[reconcile.Key]string

	Policy struct {
		Pricing      reconcile.Pricing
		Titles       map[string]reconcile.UserType
		AllowViewer  bool                `yaml:"allow_viewer"`
		Mode         reconcile.GroupMode `yaml:"mode"`
		CreateGroups bool                `yaml:"create_groups"`
		DeleteGroups bool                `yaml:"delete_groups"`
		DeleteUsers  bool                `yaml:"delete_users"`
		ScopeRoles   []string            `yaml:"scope_roles"`
		Protect      []string
		MinAdmins    int `yaml:"min_admins"`
		Substitute   string
		Approve      []string
		APIAccount   string `yaml:"api_account"`
		Max          map[reconcile.Limit]int
		LastWins     bool `yaml:"last_wins"`
		Adopting     bool
		Foreign      []string
	}
}

func TestScenarios(t *testing.T) {
	folders, err := filepath.Glob("testdata/scenarios/*")
	if err != nil || len(folders) < 20 {
		t.Fatalf("found %d scenarios, want at least 20 (%v)", len(folders), err)
	}
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) { runScenario(t, dir) })
	}
}

func runScenario(t *testing.T, dir string) {
	s := readScenario(t, dir)
	in := s.input()
	plan := s.plan(in)
	got := render(plan)
	golden := filepath.Join(dir, "plan.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("plan differs from %s; run with -update after you have read it\n--- got\n%s--- want\n%s", golden, got, want)
	}
	// Whatever the scenario: what was planned is done, and then nothing is left.
	memory := reconciletest.NewMemory(*in.Current)
	result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: 4})
	if err != nil || len(result.Problems) > 0 {
		t.Fatalf("apply: %v, problems %+v", err, result.Problems)
	}
	after, _ := memory.Read(t.Context())
	in.Current = &after
	in.Links = remember(in.Links, plan.Links, result.Links)
	if second := s.plan(in); !second.Empty() {
		t.Errorf("the second plan is not empty:\n%s", render(second))
	}
}

func readScenario(t *testing.T, dir string) *scenario {
	t.Helper()
	s := &scenario{}
	for _, name := range []string{"onelogin.yaml", "tomorro.yaml", "policy.yaml"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) && name == "policy.yaml" {
			continue
		}
		if err == nil {
			err = yaml.UnmarshalWithOptions(data, s, yaml.Strict())
		}
		if err != nil {
			t.Fatalf("%s: %v", filepath.Join(dir, name), err)
		}
	}
	return s
}

func (s *scenario) input() reconcile.Input {
	return reconcile.Input{Directory: s.directory(), Current: s.current(), Links: s.Links, Policy: s.policy()}
}

func (s *scenario) directory() *reconcile.Directory {
	d := &reconcile.Directory{ReadAt: time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)}
	for _, p := range s.People {
		person := reconcile.Person{Key: p.ID, Email: p.Email, FirstName: p.First, LastName: p.Last, Title: p.Title,
			Department: p.Department, Status: 1, Licence: reconcile.Approved, Assigned: !p.Unassigned, Roles: p.Roles}
		if p.Status != nil {
			person.Status = *p.Status
		}
		if p.State != nil {
			person.Licence = *p.State
		}
		d.People = append(d.People, person)
	}
	for id, name := range s.Roles {
		d.Roles = append(d.Roles, reconcile.OneLoginRole{ID: id, Name: name})
	}
	slices.SortFunc(d.Roles, func(a, b reconcile.OneLoginRole) int { return cmp.Compare(a.ID, b.ID) })
	for i, r := range s.Rules {
		rule := reconcile.Rule{ID: r.ID, Name: r.Name, MatchAny: r.Any, Position: i + 1}
		for _, c := range r.If {
			part := strings.SplitN(c, " ", 3)
			rule.Conditions = append(rule.Conditions, reconcile.Condition{Source: part[0], Operator: part[1], Value: part[2]})
		}
		rule.Actions = []reconcile.Action{{Name: "set_groups", Values: r.Groups, Expression: r.Expression, Macro: r.Macro}}
		d.Rules = append(d.Rules, rule)
	}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list, Why: s.Incomplete[list]})
	}
	return d
}

func (s *scenario) current() *reconcile.Current {
	c := &reconcile.Current{}
	for _, a := range s.Accounts {
		c.Accounts = append(c.Accounts, reconcile.Account{ID: a.ID, UserName: a.UserName, GivenName: a.Given, FamilyName: a.Family,
			UserType: a.Type, Active: !a.Inactive, ExternalID: a.ExternalID})
	}
	for _, g := range s.Groups {
		c.Groups = append(c.Groups, reconcile.Group{ID: g.ID, Name: g.Name, Members: g.Members, Ours: g.Ours})
	}
	return c
}

func (s *scenario) policy() *reconcile.Policy {
	p := &reconcile.Policy{
		Pricing: cmp.Or(s.Policy.Pricing, reconcile.PricingV6), Titles: s.Policy.Titles, AllowViewer: s.Policy.AllowViewer,
		GroupMode: cmp.Or(s.Policy.Mode, reconcile.Exclusive), CreateGroups: s.Policy.CreateGroups, DeleteGroups: s.Policy.DeleteGroups,
		DeleteUsers: s.Policy.DeleteUsers, ScopeRoles: s.Policy.ScopeRoles, Limits: reconcile.DefaultLimits(), Protect: s.Policy.Protect,
		MinAdmins: s.Policy.MinAdmins, DefaultSubstitute: s.Policy.Substitute, Approve: s.Policy.Approve, APIAccount: s.Policy.APIAccount,
		Rules: reconcile.RuleReading{LastWins: s.Policy.LastWins},
	}
	p.Adoption = reconcile.Adoption{Open: s.Policy.Adopting, Foreign: make(map[string]bool)}
	for _, id := range s.Policy.Foreign {
		p.Adoption.Foreign[id] = true
	}
	for l, most := range s.Policy.Max {
		p.Limits.Allow[l] = reconcile.Allowance{Max: &most}
	}
	return p
}

// plan is the whole pure flow: decide, confirm, guard.
func (s *scenario) plan(in reconcile.Input) reconcile.Plan {
	plan := reconcile.Decide(in)
	said := reconciletest.Testify(in.Directory, plan.ToConfirm())
	for i := range said {
		if answer, ok := s.Witness[said[i].Key]; ok {
			said[i].Answer, said[i].Why = answer, "page answered 502"
		}
	}
	return reconcile.Guard(reconcile.Confirm(plan, said, in.Policy), in.Policy)
}

func remember(links map[reconcile.Key]string, more ...[]reconcile.Link) map[reconcile.Key]string {
	all := make(map[reconcile.Key]string)
	maps.Copy(all, links)
	for _, list := range more {
		for _, l := range list {
			all[l.Key] = l.Account
		}
	}
	return all
}

// render writes a plan for people who read scenarios.
func render(p reconcile.Plan) string {
	var b strings.Builder
	for i := range p.Changes {
		fmt.Fprintf(&b, "%s\n", line(&p.Changes[i]))
	}
	for i := range p.Held {
		h := &p.Held[i]
		fmt.Fprintf(&b, "held %s: %s\n     %s\n", h.Class, line(&h.Change), h.Reason)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note %s: %s\n", n.Subject, n.Text)
	}
	c := p.Counts
	fmt.Fprintf(&b, "counts: %d people, %d in scope; %d accounts, %d linked, %d foreign, %d out of scope\n",
		c.People, c.InScope, c.Accounts, c.Linked, c.Foreign, c.OutOfScope)
	return b.String()
}

func line(c *reconcile.Change) string {
	what := c.Who
	if c.Group != "" {
		what = strings.TrimSpace(fmt.Sprintf("%s %s", c.Group, c.Who))
	}
	switch {
	case c.Op == reconcile.OpCreate && c.After != nil:
		what += fmt.Sprintf(" as %s %q %q", c.After.UserType, c.After.GivenName, c.After.FamilyName)
	case c.Op == reconcile.OpRename && c.After != nil:
		what = fmt.Sprintf("%s -> %s", c.Before.UserName, c.After.UserName)
	case c.Op == reconcile.OpChangeRole && c.After != nil:
		what += fmt.Sprintf(" %s -> %s", c.Before.UserType, c.After.UserType)
	case c.Op == reconcile.OpUpdateName && c.After != nil:
		what += fmt.Sprintf(" %q %q -> %q %q", c.Before.GivenName, c.Before.FamilyName, c.After.GivenName, c.After.FamilyName)
	}
	return fmt.Sprintf("%s %s  (%s)", c.Op, what, c.Cause)
}
