package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// credentials looks at the sign-in and at what each call may read.
func (e *evaluation) credentials() {
	r := Result{ID: "onelogin.credentials", Step: stepAPI, Status: Pass, Found: "OneLogin takes the credentials"}
	if e.f.SignInErr != nil {
		r.Status, r.Found = Fail, e.f.SignInErr.Error()
		r.Do = "In OneLogin, Developers > API Credentials: make a pair with Manage All; put it into onelogin.client_id and client_secret"
		if !errors.Is(e.f.SignInErr, reconcile.ErrRefused) {
			r.Do = "Look at onelogin.url, which is https://SUBDOMAIN.onelogin.com, and at the way there from this machine"
		}
	}
	e.add(r)
	id := "onelogin.privileges"
	if e.f.SignInErr != nil {
		e.unread(id, stepAPI, "OneLogin")
		return
	}
	r = Result{ID: id, Step: stepAPI, Status: Pass, Found: "users, who has the app, roles and rules are read to their end"}
	switch {
	case errors.Is(e.f.AppErr, reconcile.ErrGone):
		e.unread(id, stepAPI, "the app")
		return
	case e.f.PullErr != nil:
		r.Status, r.Found = Fail, e.f.PullErr.Error()
	}
	refused := errors.Is(e.f.PullErr, reconcile.ErrRefused)
	privilege := map[string]string{reconcile.ListUsers: "Read Users", reconcile.ListAssigned: "Read All", reconcile.ListRoles: "Read Users", reconcile.ListRules: "Manage All"}
	for _, l := range e.f.Directory.Receipt.Lists {
		if l.Why == "" && r.Status == Pass {
			r.Items = append(r.Items, fmt.Sprintf("%s (needs %s): %d", l.List, privilege[l.List], l.Items))
		}
		if l.Why != "" {
			if r.Status == Pass {
				r.Items = nil
			}
			r.Status, r.Found = Fail, "not everything can be read; until then nobody is removed"
			refused = refused || isRefusal(l.Why)
			r.Items = append(r.Items, fmt.Sprintf("%s (needs %s): %s", l.List, privilege[l.List], l.Why))
		}
	}
	switch {
	case refused:
		r.Do = "In OneLogin, Developers > API Credentials: give the pair Manage All, the only privilege that shows an app's rules"
	case r.Status == Fail:
		r.Do = later("OneLogin")
	}
	e.add(r)
}

// isRefusal reads the reason of a receipt, which is words.
func isRefusal(why string) bool { return strings.Contains(why, reconcile.ErrRefused.Error()) }

// app looks at whether there is such an app.
func (e *evaluation) app() {
	r := Result{ID: "onelogin.app", Step: stepApp, Status: Pass, Found: fmt.Sprintf("the app is %q (%d)", e.f.App.Name, e.f.App.ID)}
	switch {
	case e.f.SignInErr != nil:
		e.unread(r.ID, r.Step, "OneLogin")
		return
	case errors.Is(e.f.AppErr, reconcile.ErrGone):
		r.Status, r.Found = Fail, strings.TrimSuffix(e.f.AppErr.Error(), ": "+reconcile.ErrGone.Error())
		r.Do = "In OneLogin, Applications: open the Tomorro app; onelogin.app_id is the number in the address of that page"
	case errors.Is(e.f.AppErr, reconcile.ErrRefused):
		r.Status, r.Found = Fail, e.f.AppErr.Error()
		r.Do = "In OneLogin, Developers > API Credentials: give the pair Read All or Manage All"
	case e.f.AppErr != nil:
		r.Status, r.Found, r.Do = Fail, e.f.AppErr.Error(), later("OneLogin")
	}
	e.add(r)
}

// appShown looks at what the API shows of the app.
func (e *evaluation) appShown() {
	for _, c := range []struct {
		id, step string
		look     func(*reconcile.AppSetup, *Result)
	}{
		{"onelogin.app_type", stepApp, appType}, {"onelogin.provisioning", stepProvision, provisioning},
		{"onelogin.scimusername", stepProvision, scimUserName}, {"onelogin.groups_parameter", stepGroups, groupsParameter},
		{"onelogin.name_id", stepSAML, nameID},
	} {
		if e.f.SignInErr != nil || e.f.AppErr != nil {
			e.unread(c.id, c.step, "the app")
			continue
		}
		r := Result{ID: c.id, Step: c.step, Status: Pass}
		c.look(&e.f.App, &r)
		e.add(r)
	}
}

const scimParameter = "scimusername"

// hidden is the line of what this tenant's API leaves out.
func (r *Result) hidden(what, do string) {
	r.Status, r.Found, r.Do = Unseen, what+" cannot be seen: the API shows no parameters of this app", do
}

func appType(app *reconcile.AppSetup, r *Result) {
	const do = `In OneLogin, Applications > Add App: choose the type "SCIM Provisioner with SAML (SCIM v2 Core w/SCIM2 Groups)", and put its number into onelogin.app_id`
	switch _, ok := app.Parameters[scimParameter]; {
	case app.Parameters == nil:
		r.hidden("the type of the app", do)
	case !ok:
		r.Status, r.Found, r.Do = Fail, "the app is not of a SCIM type: it has no parameter scimusername", do
	default:
		r.Found = "the app is of a SCIM type"
	}
}

func provisioning(app *reconcile.AppSetup, r *Result) {
	switch {
	case !app.ProvisioningShown:
		r.Status, r.Found = Unseen, "whether provisioning is enabled cannot be seen: the API does not show it"
	case app.ProvisioningEnabled:
		r.Found = "provisioning is enabled"
		return
	default:
		r.Status, r.Found = Fail, "provisioning is not enabled"
		if app.ProvisioningStatus != "" {
			r.Found += fmt.Sprintf(" (status %q)", app.ProvisioningStatus)
		}
	}
	r.Do = "In the app, Provisioning: tick Enable provisioning, and save"
}

func scimUserName(app *reconcile.AppSetup, r *Result) {
	const do = `In the app, Parameters > scimusername: choose Email as its value, and save`
	p, ok := app.Parameters[scimParameter]
	switch {
	case app.Parameters == nil:
		r.hidden("where scimusername comes from", do)
	case !ok:
		r.Status, r.Found, r.Do = Fail, "there is no parameter scimusername", do
	case isEmail(p.Source):
		r.Found = "scimusername comes from the e-mail"
	default:
		r.Status, r.Do = Fail, do
		r.Found = fmt.Sprintf("scimusername comes from %q instead of the e-mail: OneLogin would push other names than Tomorro knows", p.Source)
	}
}

// isEmail knows the source of the parameter and the macro that says the same.
func isEmail(source string) bool {
	return slices.Contains([]string{"email", "{email}", "{$user.email}"}, strings.ToLower(strings.TrimSpace(source)))
}

func groupsParameter(app *reconcile.AppSetup, r *Result) {
	const do = "In the app, Provisioning > Entitlements > Refresh; then Parameters > Groups: tick Include in User Provisioning, and save"
	i := slices.IndexFunc(parameterNames(app), func(name string) bool { return strings.EqualFold(name, "groups") })
	switch {
	case app.Parameters == nil:
		r.hidden("the Groups parameter", do)
	case i < 0:
		r.Status = Fail
		r.Found = "the app has no parameter Groups: its type cannot push groups"
		r.Do = `Add the app anew with the type "SCIM Provisioner with SAML (SCIM v2 Core w/SCIM2 Groups)"`
	case !app.Parameters[parameterNames(app)[i]].Entitlements:
		r.Status, r.Found, r.Do = Warn, "the Groups parameter does not take its values from Tomorro's groups", do
	default:
		r.Found = "the Groups parameter takes its values from Tomorro"
	}
}

func parameterNames(app *reconcile.AppSetup) []string {
	names := make([]string, 0, len(app.Parameters))
	for name := range app.Parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nameID compares the name under which people sign in with that under which they are
// provisioned. Its parameter has no documented name; the label says NameID.
func nameID(app *reconcile.AppSetup, r *Result) {
	const do = "In the app, Parameters > NameID value (or SAML NameID): choose Email, as for scimusername"
	for _, name := range parameterNames(app) {
		p := app.Parameters[name]
		label := strings.ReplaceAll(strings.ToLower(p.Label+" "+name), " ", "")
		if !strings.Contains(label, "nameid") {
			continue
		}
		scim := app.Parameters[scimParameter].Source
		if p.Source == scim || isEmail(p.Source) && isEmail(scim) {
			r.Found = fmt.Sprintf("the SAML name identifier and scimusername both come from %q", p.Source)
			return
		}
		r.Status, r.Do = Fail, do
		r.Found = fmt.Sprintf("the SAML name identifier comes from %q and scimusername from %q: people sign in as somebody whom Tomorro does not know", p.Source, scim)
		return
	}
	r.Status, r.Do = Unseen, do
	r.Found = "the SAML name identifier cannot be seen: the API does not show it; it must be the e-mail, as the userName is"
}

// notShown are the steps that no API shows.
func (e *evaluation) notShown() {
	e.add(Result{ID: "onelogin.connection", Step: stepProvision, Status: Unseen,
		Found: "SCIM base URL, token, JSON template and API status cannot be seen: OneLogin's API does not show them",
		Do:    "In the app, Configuration: the template is the one of Tomorro's guide, the API status is Enabled"})
	e.add(Result{ID: "onelogin.approvals", Step: stepProvision, Status: Unseen,
		Found: "whether administrators must approve what is pushed cannot be seen",
		Do:    "In the app, Provisioning: untick Create user, Delete user and Update user under Require admin approval, if pushes are used"})
	e.add(Result{ID: "onelogin.included", Step: stepGroups, Status: Unseen,
		Found: "whether the user parameters and Groups are included in provisioning cannot be seen",
		Do:    "In the app, Parameters: open scimusername and Groups, and look that Include in User Provisioning is ticked"})
	e.add(Result{ID: "onelogin.refreshed", Step: stepGroups, Status: Unseen,
		Found: "which of Tomorro's groups OneLogin has imported cannot be seen",
		Do:    "In the app, Provisioning > Entitlements > Refresh, after each new group at Tomorro"})
}

// assignment looks at who has the app, and by which roles.
func (e *evaluation) assignment() {
	if !e.everybody() {
		e.unread("onelogin.assigned", stepPeople, "that list")
	} else {
		assigned := 0
		for i := range e.f.Directory.People {
			if e.f.Directory.People[i].Assigned {
				assigned++
			}
		}
		r := Result{ID: "onelogin.assigned", Step: stepPeople, Status: Pass, Found: fmt.Sprintf("%d people have the app, %d of them are to have access", assigned, len(e.active))}
		if len(e.active) == 0 {
			r.Status = Fail
			r.Do = "In OneLogin, Users > Roles: add the app to the role whose people work with Tomorro, or give it to people one by one under Users > Applications"
		}
		e.add(r)
	}
	e.roles()
	e.activeRule()
}

func (e *evaluation) roles() {
	const id = "onelogin.app_roles"
	if e.f.SignInErr != nil || e.f.AppErr != nil || e.f.PullErr != nil || !e.f.Directory.Receipt.Read(reconcile.ListRoles) {
		e.unread(id, stepRoles, "the app or the roles")
		return
	}
	r := Result{ID: id, Step: stepRoles, Status: Pass, Found: "no role gives the app: people have it one by one"}
	var gone int
	for _, role := range e.f.App.RoleIDs {
		i := slices.IndexFunc(e.f.Directory.Roles, func(x reconcile.OneLoginRole) bool { return x.ID == role })
		if i < 0 {
			gone++
			r.Items = append(r.Items, fmt.Sprintf("role %d does not exist any more", role))
			continue
		}
		r.Items = append(r.Items, e.f.Directory.Roles[i].Name)
	}
	if n := len(e.f.App.RoleIDs); n > 0 {
		r.Found = words.Count(n, "role gives", "roles give") + " the app"
	}
	if gone > 0 {
		r.Status, r.Do = Warn, "In the app, Access > Roles: take out the role that is gone"
	}
	e.add(r)
}

const setUserName = "set_scimusername"

// activeRule looks for the rule that the guide asks for: on the status of people, it
// sets scimusername to the e-mail.
func (e *evaluation) activeRule() {
	const id = "onelogin.active_rule"
	if e.f.PullErr != nil || !e.f.Directory.Receipt.Read(reconcile.ListRules) {
		e.unread(id, stepProvision, "the rules")
		return
	}
	r := Result{ID: id, Step: stepProvision, Status: Pass, Found: "no rule looks at the status of people, and none is needed: runs and pushes here look at it themselves"}
	for i := range e.f.Directory.Rules {
		x := &e.f.Directory.Rules[i]
		if slices.ContainsFunc(x.Conditions, func(c reconcile.Condition) bool { return c.Source == "status" }) {
			r.Found = ruleName(x) + " looks at the status of people"
		}
		for _, a := range x.Actions {
			source := strings.Join(append(slices.Clone(a.Values), a.Macro), "")
			if a.Name == setUserName && source != "" && !isEmail(source) {
				r.Items = append(r.Items, fmt.Sprintf("%s sets scimusername to %q", ruleName(x), source))
			}
		}
	}
	if len(r.Items) > 0 {
		r.Status, r.Found = Warn, "a rule sets scimusername to something else than the e-mail: OneLogin would push other names than Tomorro knows"
		r.Do = "In the app, Rules: let the rule set scimusername to the e-mail, or take that action out"
	}
	e.add(r)
}
