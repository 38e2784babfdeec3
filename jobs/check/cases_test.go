package check_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tomorro-sync/jobs/check"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// spoiled is one thing wrong with a set-up, and the line that tells of it.
type spoiled struct {
	id    string
	want  check.Status
	text  string // in what was found
	spoil func(*setup)
}

func cases() []spoiled {
	var all []spoiled
	for _, part := range [][]spoiled{oneloginCases(), peopleCases(), ruleCases(), tomorroCases(), probeCases(), redisCases(), listenerCases()} {
		all = append(all, part...)
	}
	return all
}

func oneloginCases() []spoiled {
	return []spoiled{
		{"onelogin.credentials", check.Fail, "Authentication Failure", func(s *setup) { s.source.ClientSecret = "wrong" }},
		{"onelogin.credentials", check.Fail, "may have been deleted", func(s *setup) { s.onelogin.Turn(func(k *onelogintest.Knobs) { k.TokenStatus = 500 }) }},
		{"onelogin.credentials", check.Fail, "connection refused", func(s *setup) { s.source.URL = "http://127.0.0.1:1" }},
		{"onelogin.app", check.Unseen, "could not be read", func(s *setup) { s.source.ClientSecret = "wrong" }},
		{"onelogin.privileges", check.Fail, "rules (needs Manage All)", func(s *setup) { s.onelogin.Turn(func(k *onelogintest.Knobs) { k.LowPrivilege = true }) }},
		{"onelogin.app", check.Fail, "no such app", func(s *setup) { s.source.AppID = 77 }},
		{"onelogin.app_type", check.Fail, "not of a SCIM type", func(s *setup) { s.world.App.NoSCIM = true }},
		{"onelogin.app_type", check.Unseen, "cannot be seen", func(s *setup) { s.world.App.NoParameters = true }},
		{"onelogin.provisioning", check.Fail, "not enabled", func(s *setup) { s.world.App.NoProvisioning = true }},
		{"onelogin.scimusername", check.Fail, `from "username"`, func(s *setup) { s.world.App.UserName = "username" }},
		{"onelogin.groups_parameter", check.Fail, "no parameter Groups", func(s *setup) { s.world.App.NoGroups = true }},
		{"onelogin.name_id", check.Fail, `from "username" and scimusername from "email"`, func(s *setup) { s.world.App.NameID = "username" }},
		{"onelogin.name_id", check.Unseen, "cannot be seen", func(s *setup) { s.settings.TokenExpires = time.Time{} }},
		{"onelogin.assigned", check.Fail, "0 of them", func(s *setup) {
			for _, p := range s.world.People {
				p.Assigned = false
			}
		}},
		{"onelogin.app_roles", check.Warn, "role 7 does not exist", func(s *setup) { s.world.App.RoleIDs = []int64{7} }},
		{"onelogin.scimusername", check.Fail, "no parameter", func(s *setup) { s.world.App.NoSCIM = true }},
		{"onelogin.scimusername", check.Unseen, "cannot be seen", func(s *setup) { s.world.App.NoParameters = true }},
		{"onelogin.groups_parameter", check.Unseen, "cannot be seen", func(s *setup) { s.world.App.NoParameters = true }},
		{"onelogin.assigned", check.Pass, "24 people have the app, 24 of them", func(*setup) {}},
		{"onelogin.app_roles", check.Pass, "no role gives the app", func(s *setup) { s.world.App.RoleIDs = nil }},
		{"onelogin.clock", check.Warn, "apart", func(s *setup) { s.oneloginAt = 2 * time.Minute }},
		{"onelogin.clock", check.Fail, "apart", func(s *setup) { s.oneloginAt = -time.Hour }},
	}
}

func peopleCases() []spoiled {
	title := "Chief Happiness Officer"
	person := func(change func(*onelogintest.Person)) func(*setup) {
		return func(s *setup) { change(s.world.People[4]) }
	}
	return []spoiled{
		{"people.titles", check.Warn, `2: nobody has said which role the title "Chief Happiness Officer" means`, func(s *setup) {
			s.world.People[1].Title, s.world.People[2].Title = &title, &title
		}},
		{"people.titles", check.Warn, "1: has no title", person(func(p *onelogintest.Person) { p.Title = nil })},
		{"people.emails", check.Warn, "1 person has no e-mail", person(func(p *onelogintest.Person) { p.Email = "" })},
		{"people.emails", check.Pass, "has an e-mail", person(func(p *onelogintest.Person) { p.Email, p.Status = "", 2 })}, // who is suspended gets none
		{"people.domains", check.Warn, "ann@gmail.com", person(func(p *onelogintest.Person) { p.Email = "ann@gmail.com" })},
		{"people.domains", check.Pass, "all e-mails", person(func(p *onelogintest.Person) { p.Email = "ann@Acme.Example " })},
		{"people.data", check.Warn, "has no last name", person(func(p *onelogintest.Person) { p.LastName = "" })},
		{"people.data", check.Warn, "status 6", person(func(p *onelogintest.Person) { p.Status = 6 })},
		{"people.data", check.Warn, "shares the e-mail", func(s *setup) { s.world.People[4].Email = s.world.People[5].Email }},
	}
}

func condition(source, operator, value string) onelogintest.Condition {
	return onelogintest.Condition{Source: source, Operator: operator, Value: value}
}

// rule gives the world one more rule.
func rule(match string, group string, conditions ...onelogintest.Condition) func(*setup) {
	return func(s *setup) {
		n := len(s.world.Rules) + 1
		s.world.Rules = append(s.world.Rules, onelogintest.Rule{ID: int64(900 + n), Name: "more", Match: match, Enabled: true, Position: &n, Conditions: conditions,
			Actions: []onelogintest.Action{{Action: "set_groups", Value: []string{group}}}})
	}
}

// Groups of the generated world.
const (
	known = "Tomorro Legal"
	other = "OTHER"
)

// acting gives the world a rule with another action.
func acting(a onelogintest.Action) func(*setup) {
	return func(s *setup) {
		rule("all", known, condition("status", "=", "1"))(s)
		s.world.Rules[len(s.world.Rules)-1].Actions[0] = a
	}
}

func ruleCases() []spoiled {
	both := func(a, b func(*setup)) func(*setup) { return func(s *setup) { a(s); b(s) } }
	return []spoiled{
		{"onelogin.active_rule", check.Pass, "looks at the status", acting(onelogintest.Action{Action: "set_scimusername", Macro: "{email}"})},
		{"onelogin.active_rule", check.Warn, `sets scimusername to "username"`, acting(onelogintest.Action{Action: "set_scimusername", Value: []string{"username"}})},
		{"rules.actions", check.Warn, "has the action set_usertype", acting(onelogintest.Action{Action: "set_usertype", Value: []string{"admin"}})},
		{"rules.readable", check.Fail, "cannot be read", func(s *setup) { s.onelogin.Turn(func(k *onelogintest.Knobs) { k.LowPrivilege = true }) }},
		{"rules.readable", check.Warn, "no rule", func(s *setup) { s.world.Rules = nil }},
		{"rules.roles", check.Fail, "names role 7", rule("any", known, condition("has_role", "ri", "7"), condition("email", "~", "@"))},
		{"rules.reachable", check.Warn, "switched off", func(s *setup) { s.world.Rules[1].Enabled = false }},
		{"rules.reachable", check.Warn, `title = "user" and title = "admin" exclude each other`, rule("all", known, condition("title", "=", "user"), condition("title", "=", "admin"))},
		{"rules.reachable", check.Warn, "exclude each other", rule("all", known, condition("has_role", "rin", "400000"), condition("has_role", "ri", "400000"))},
		{"rules.reachable", check.Warn, "exclude each other", rule("all", known, condition("last_login", ">", "30"), condition("last_login", "<", "10"))},
		{"rules.reachable", check.Pass, "can match", rule("all", known, condition("email", "ew", "@acme.example"), condition("email", "~", "acme"))},
		{"rules.reachable", check.Warn, "says the same as rule", both(rule("all", known, condition("email", "~", "@")), rule("any", known, condition("email", "~", "@")))},
		{"rules.reachable", check.Warn, "is always replaced by", func(s *setup) {
			s.settings.Policy.Rules.LastWins = true
			rule("all", known)(s)
		}},
		{"rules.reachable", check.Warn, "is always replaced by", func(s *setup) {
			s.settings.Policy.Rules = reconcile.RuleReading{LastWins: true, GroupsAction: "set_teams"}
			rule("all", known)(s)
			for _, r := range s.world.Rules {
				r.Actions[0].Action = "set_teams"
			}
		}},
		{"rules.reachable", check.Pass, "can match", both(rule("all", known, condition("email", "~", "@")), rule("all", other, condition("email", "~", "@")))},
		{"rules.reachable", check.Pass, "can match", both(rule("all", known, condition("email", "~", "@")), rule("all", known, condition("email", "~", "@"), condition("title", "=", "user")))},
		{"rules.reachable", check.Pass, "can match", both(rule("all", known, condition("email", "~", "@"), condition("title", "=", "user")), rule("all", known, condition("email", "~", "@")))},
		{"rules.reachable", check.Pass, "can match", both(rule("any", known, condition("email", "~", "@"), condition("title", "=", "user")), rule("all", known, condition("email", "~", "@"), condition("title", "=", "user")))},
		{"rules.reachable", check.Pass, "can match", rule("all", known)}, // which replaces none, unless the last one wins
		{"rules.reachable", check.Pass, "can match", func(s *setup) { // the narrower one comes last, and the other action sets no groups
			s.settings.Policy.Rules.LastWins = true
			s.world.Rules = nil
			rule("all", known)(s)
			rule("all", known, condition("title", "=", "user"))(s)
			acting(onelogintest.Action{Action: "set_scimusername", Macro: "{email}"})(s)
			s.world.Rules[len(s.world.Rules)-1].Conditions = nil
		}},
		{"rules.counts", check.Pass, "\"more\": 24", rule("all", known, condition("email", "~", "@"))},
		{"rules.idle", check.Warn, "1 rule matches nobody now | rule 907", rule("all", known, condition("department", "=", "Nowhere"))},
		{"rules.certain", check.Warn, "uncertain for 24 people", rule("all", known, condition("email", "ew", "@ACME.example"))},
		{"rules.certain", check.Pass, "certainty", rule("all", known, condition("has_role", "ri", "7"))},
		{"rules.certain", check.Pass, "certainty", acting(onelogintest.Action{Action: "set_usertype", Value: []string{"admin"}})},
		{"rules.certain", check.Warn, "macro", func(s *setup) {
			rule("all", known)(s)
			s.world.Rules[len(s.world.Rules)-1].Actions[0] = onelogintest.Action{Action: "set_groups", Macro: "{department}"}
		}},
		{"groups.exist", check.Fail, `gives "Nowhere", which Tomorro does not have`, rule("all", "Nowhere", condition("email", "~", "@"))},
		{"groups.exist", check.Pass, "is at Tomorro", func(s *setup) { rule("all", s.tomorro.AddGroup("by its id"), condition("email", "~", "@"))(s) }},
		{"groups.exist", check.Warn, `gives "tomorro LEGAL"; Tomorro has "Tomorro Legal"`, rule("all", "tomorro LEGAL ", condition("email", "~", "@"))},
		{"groups.exist", check.Fail, `it has "Tomorro Légal-2"`, func(s *setup) {
			s.tomorro.AddGroup("Tomorro Légal-2")
			rule("all", "TomorroLegal 2", condition("email", "~", "@"))(s)
		}},
		{"groups.exist", check.Pass, "will be made", func(s *setup) {
			s.settings.Policy.CreateGroups = true
			rule("all", "Nowhere", condition("email", "~", "@"))(s)
		}},
		{"groups.exist", check.Fail, `gives "Legal", which Tomorro does not have; it has`, func(s *setup) {
			s.tomorro.AddGroup("lé gal")
			all := ".*"
			rule("all", known)(s)
			s.world.Rules[len(s.world.Rules)-1].Actions[0] = onelogintest.Action{Action: "set_groups", Value: []string{"role"}, Expression: &all}
		}},
	}
}

func tomorroCases() []spoiled {
	admin := func(edit func(*tomorrotest.User)) func(*setup) {
		return func(s *setup) {
			for _, u := range s.tomorro.State().Users {
				if u.UserName == s.settings.Policy.DefaultSubstitute {
					s.tomorro.EditUser(u.ID, edit)
				}
			}
		}
	}
	return []spoiled{
		{"tomorro.reachable", check.Fail, "401", func(s *setup) { s.target.Token = "wrong" }},
		{"tomorro.reachable", check.Fail, "404", func(s *setup) { s.target.URL += "/nowhere" }},
		{"tomorro.token", check.Unseen, "cannot be seen", func(s *setup) { s.settings.TokenExpires = time.Time{} }},
		{"tomorro.token", check.Pass, "good until 20", func(s *setup) { s.settings.TokenExpires = s.settings.Now.AddDate(0, 1, 0) }},
		{"tomorro.token", check.Warn, "good until", func(s *setup) { s.settings.TokenExpires = s.settings.Now.AddDate(0, 0, 13) }},
		{"tomorro.token", check.Fail, "the token ended at", func(s *setup) { s.settings.TokenExpires = s.settings.Now }},
		{"tomorro.service", check.Unseen, "could not be read", func(s *setup) { s.target.Token = "wrong" }},
		{"tomorro.service", check.Warn, "no PATCH", func(s *setup) {
			s.front = func(w http.ResponseWriter, r *http.Request) bool {
				mine := strings.HasSuffix(r.URL.Path, "/ServiceProviderConfig")
				if mine {
					_, _ = w.Write([]byte(`{"patch": {"supported": false}}`))
				}
				return mine
			}
		}},
		{"tomorro.memberships", check.Fail, "shows nowhere", func(s *setup) {
			s.front = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/Groups/") {
					w.WriteHeader(http.StatusMethodNotAllowed)
					return true
				}
				r.URL.RawQuery += "&excludedAttributes=members"
				return false
			}
		}},
		{"tomorro.memberships", check.Unseen, "could not be read", func(s *setup) { s.target.Token = "wrong" }},
		{"tomorro.default_substitute", check.Warn, "not set", func(s *setup) { s.settings.Policy.DefaultSubstitute = "" }},
		{"tomorro.default_substitute", check.Fail, "has no account", func(s *setup) { s.settings.Policy.DefaultSubstitute = "gone@acme.example" }},
		{"tomorro.default_substitute", check.Fail, "is inactive", admin(func(u *tomorrotest.User) { u.Active = false })},
		{"tomorro.default_substitute", check.Warn, "is only manager: whoever is admin cannot be removed", admin(func(u *tomorrotest.User) { u.UserType = "manager" })},
		{"tomorro.default_substitute", check.Pass, "can inherit from everybody", func(s *setup) { // an admin who is inactive owns nothing to be inherited
			for _, u := range s.tomorro.State().Users {
				s.tomorro.EditUser(u.ID, func(u *tomorrotest.User) {
					if u.Active = u.UserName == s.settings.Policy.DefaultSubstitute; u.Active {
						u.UserType = "manager"
					}
				})
			}
		}},
		{"tomorro.api_account", check.Unseen, "cannot be seen", func(s *setup) { s.settings.Policy.APIAccount = "" }},
		{"tomorro.api_account", check.Fail, "has no account", func(s *setup) { s.settings.Policy.APIAccount = "gone@acme.example" }},
		{"tomorro.api_account", check.Fail, "inactive", func(s *setup) {
			s.settings.Policy.APIAccount = s.settings.Policy.DefaultSubstitute
			admin(func(u *tomorrotest.User) { u.Active = false })(s)
		}},
		{"tomorro.clock", check.Warn, "apart", func(s *setup) { s.tomorroAt = 3 * time.Minute }},
	}
}

func probeCases() []spoiled {
	return []spoiled{
		{"tomorro.probe", check.Unseen, "never probed", func(s *setup) { s.store.profile = nil }},
		{"tomorro.probe", check.Unseen, "another tomorro.url", func(s *setup) { s.store.profile.Target = "https://old" }},
		{"tomorro.probe", check.Pass, "tomorro.member_removal: put, as configured; the probe found values", func(s *setup) {
			s.settings.Explicit = map[string]string{"tomorro.member_removal": "put"}
		}},
		{"tomorro.probe.left", check.Warn, "tomorro-sync-probe@acme.example", func(s *setup) {
			s.tomorro.AddUser(tomorrotest.User{UserName: "tomorro-sync-probe@acme.example", ExternalID: "tomorro-sync-probe", GivenName: "Tomorro Sync", FamilyName: "Probe 2", UserType: "user", Active: true})
		}},
		{"tomorro.probe.left", check.Warn, "--probe-account tomorro-sync-probe@acme.example --probe-group 'the sandbox', which", func(s *setup) {
			s.tomorro.AddUser(tomorrotest.User{UserName: "tomorro-sync-probe@acme.example", ExternalID: "tomorro-sync-probe", GivenName: "Tomorro Sync", FamilyName: "Probe 2", UserType: "user", Active: true})
			s.tomorro.AddGroup("the sandbox")
			_ = s.tomorro.Members("the sandbox", []string{"tomorro-sync-probe@acme.example"}, nil)
		}},
		{"tomorro.probe.left", check.Warn, "| the group Tomorro-sync-probe", func(s *setup) { // which may bear no mark
			s.tomorro.AddUser(tomorrotest.User{UserName: "probe@acme.example", ExternalID: "tomorro-sync-probe", GivenName: "Tomorro Sync", FamilyName: "Probe 2", UserType: "user", Active: true})
			s.tomorro.AddGroup("Tomorro-sync-probe")
		}},
		{"tomorro.probe.update", check.Fail, "neither PUT nor PATCH", func(s *setup) { s.store.profile.Update = "" }},
		{"tomorro.probe.member_removal", check.Fail, "nobody can be taken out", func(s *setup) { s.store.profile.MemberRemoval = "" }},
		{"tomorro.probe.inactive", check.Fail, "removes the account for good", answered(reconcile.ProbeInactive, reconcile.AnswerRemoves)},
		{"tomorro.probe.inactive", check.Fail, "keep their access", answered(reconcile.ProbeInactive, reconcile.AnswerIgnored)},
		{"tomorro.probe.inactive", check.Warn, "does nothing: leavers are deleted", func(s *setup) { // as the line before asked for
			s.settings.Policy.DeleteUsers = true
			answered(reconcile.ProbeInactive, reconcile.AnswerIgnored)(s)
		}},
		{"tomorro.probe.inactive", check.Fail, "removes the account for good", func(s *setup) {
			s.settings.Policy.DeleteUsers = true
			answered(reconcile.ProbeInactive, reconcile.AnswerRemoves)(s)
		}},
		{"tomorro.probe.role", check.Fail, "titles do not reach Tomorro", answered(reconcile.ProbeRole, reconcile.AnswerIgnored)},
		{"tomorro.probe.rename", check.Warn, "refused", answered(reconcile.ProbeRename, reconcile.AnswerRefused)},
		{"tomorro.probe.duplicate", check.Fail, "two accounts", answered(reconcile.ProbeDuplicate, reconcile.AnswerSecond)},
		{"tomorro.probe.external_id", check.Warn, "not kept", answered(reconcile.ProbeExternalID, reconcile.AnswerIgnored)},
		{"tomorro.probe.delete", check.Warn, "refused", answered(reconcile.ProbeDelete, reconcile.AnswerRefused)},
		{"tomorro.probe.delete", check.Warn, "does nothing", answered(reconcile.ProbeDelete, reconcile.AnswerIgnored)},
		{"tomorro.probe.inactive", check.Fail, "is refused: leavers keep", answered(reconcile.ProbeInactive, reconcile.AnswerRefused)},
		{"tomorro.probe.inactive", check.Warn, "does nothing: leavers are deleted", func(s *setup) {
			s.settings.Policy.DeleteUsers = true
			answered(reconcile.ProbeInactive, reconcile.AnswerRefused)(s)
		}},
		{"tomorro.probe.inactive", check.Unseen, "was not found out", answered(reconcile.ProbeInactive, "")},
		{"tomorro.probe.rename", check.Warn, "does nothing", answered(reconcile.ProbeRename, reconcile.AnswerIgnored)},
		{"tomorro.probe.rename", check.Warn, "something else", answered(reconcile.ProbeRename, reconcile.AnswerOther)},
		{"tomorro.probe.role", check.Warn, "is refused (it said so)", func(s *setup) {
			answered(reconcile.ProbeRole, reconcile.AnswerRefused)(s)
			for i := range s.store.profile.Answers {
				s.store.profile.Answers[i].Seen = "it said so"
			}
		}},
		{"tomorro.probe.member_removal", check.Unseen, "was not found out", func(s *setup) {
			s.store.profile.MemberRemoval = ""
			answered(reconcile.ProbeMembersPut, reconcile.AnswerUnknown)(s)
		}},
		{"tomorro.probe.left", "", "there is no line", func(s *setup) { // who is inactive takes no seat
			s.tomorro.AddUser(tomorrotest.User{UserName: "probe@acme.example", ExternalID: "tomorro-sync-probe", GivenName: "Tomorro Sync", FamilyName: "Probe 2", UserType: "user"})
		}},
	}
}

func redisCases() []spoiled {
	return []spoiled{
		{"redis.reachable", check.Fail, "not there", func(s *setup) { s.store, s.storeErr = nil, errors.New("reach Redis: it is not there") }},
		{"redis.reachable", check.Warn, "redis.url is not set", func(s *setup) { s.store = nil }},
		{"redis.reachable", check.Fail, "6.2 is the least", func(s *setup) { s.store.setup.Version = "5.0.14" }},
		{"redis.reachable", check.Pass, "6.2.0", func(s *setup) { s.store.setup.Version = "6.2.0" }},
		{"redis.reachable", check.Fail, "takes no writes", func(s *setup) { s.store.setup.Replica = true }},
		{"redis.persistence", check.Fail, "did not get there", func(s *setup) { s.store.setup.Unsaved = true }},
		{"redis.persistence", check.Warn, "snapshots", func(s *setup) { s.store.setup.Appends, s.store.setup.Snapshots = "no", "3600 1 300 100" }},
		{"redis.persistence", check.Fail, "keeps nothing", func(s *setup) { s.store.setup.Appends = "no" }},
		{"redis.persistence", check.Unseen, "cannot be seen", func(s *setup) { s.store.setup.Appends = "" }},
		{"redis.persistence", check.Warn, "whether it makes snapshots cannot be seen", func(s *setup) { s.store.setup.Appends, s.store.setup.SnapshotsShown = "no", false }},
		{"redis.persistence", check.Fail, "keeps nothing", func(s *setup) { s.store.setup.Appends, s.store.setup.Unsaved = "no", true }},
		{"redis.persistence", check.Fail, "did not get there", func(s *setup) {
			s.store.setup.Appends, s.store.setup.Snapshots, s.store.setup.Unsaved = "no", "3600 1", true
		}},
		{"redis.reachable", check.Pass, "its version cannot be seen", func(s *setup) { s.store.setup.Version = "" }},
		{"redis.reachable", check.Fail, "6.2 is the least", func(s *setup) { s.store.setup.Version = "6.0.16" }},
		{"redis.eviction", check.Unseen, "cannot be seen", func(s *setup) { s.store.setup.Eviction = "" }},
		{"redis.eviction", check.Fail, "it may drop links, journal and limits; maxmemory is not set", func(s *setup) { s.store.setup.Eviction = "allkeys-lru" }},
		{"redis.eviction", check.Fail, "allkeys-lru", func(s *setup) { s.store.setup.Eviction, s.store.setup.MaxMemory = "allkeys-lru", 1<<30 }},
		{"redis.eviction", check.Warn, "uses 900 of 1024 MiB", func(s *setup) { s.store.setup.MaxMemory, s.store.setup.Used = 1<<30, 900<<20 }},
		{"redis.eviction", check.Pass, "evicts nothing", func(s *setup) { s.store.setup.MaxMemory, s.store.setup.Used = 1<<30, 800<<20 }},
		{"redis.eviction", check.Fail, "the lock", func(s *setup) { s.store.setup.Eviction = "volatile-ttl" }},
	}
}

func listenerCases() []spoiled {
	seen := func(change func(*check.Seen)) func(*setup) { return func(s *setup) { change(&s.listener.seen) } }
	return []spoiled{
		{"listener.reachable", check.Fail, "refused", func(s *setup) { s.listener.err = errors.New("look at listen.base_url: connection refused") }},
		{"listener.reachable", check.Fail, "expired", func(s *setup) {
			s.listener.err = fmt.Errorf("look at listen.base_url: %w", x509.CertificateInvalidError{Reason: x509.Expired})
		}},
		{"listener.reachable", check.Fail, "does not take the token", seen(func(x *check.Seen) { x.Status, x.SCIM = 401, false })},
		{"listener.reachable", check.Pass, "only its hash", seen(func(x *check.Seen) { x.Status, x.SCIM, x.Tried = 401, false, false })},
		{"listener.reachable", check.Fail, "is not the listener", seen(func(x *check.Seen) { x.Status, x.SCIM = 404, false })},
		{"listener.reachable", check.Fail, "is not the listener", seen(func(x *check.Seen) { x.Status, x.SCIM = 403, false })},
		{"listener.reachable", check.Fail, "502: serve does not answer it", seen(func(x *check.Seen) { x.Status, x.SCIM = 502, false })},
		{"listener.reachable", check.Unseen, "base_url is not set", seen(func(x *check.Seen) { x.NoURL = true })},
		{"listener.certificate", check.Warn, "ends on", seen(func(x *check.Seen) { x.Expires = time.Now().AddDate(0, 0, 5) })},
		{"listener.certificate", check.Warn, "in the clear", seen(func(x *check.Seen) { x.TLS = false })},
		{"listener.certificate", check.Unseen, "could not be read", seen(func(x *check.Seen) { x.NoURL = true })},
		{"listener.certificate", check.Unseen, "could not be read", func(s *setup) { s.listener.err = errors.New("look at listen.base_url: connection refused") }},
	}
}
