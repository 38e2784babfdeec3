package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tomorro-sync/reconcile"
)

// meaning is what an answer of the probe means for runs.
type meaning struct {
	status Status
	text   string
	do     string
}

// profile tells what the probe of Tomorro's service found.
func (e *evaluation) profile() {
	r := Result{ID: "tomorro.probe", Step: stepTomorro, Status: Unseen, Do: "Run: tomorro-sync check --probe-writes"}
	p := &e.f.Profile
	if e.f.ProbeErr != nil {
		run := Result{ID: "tomorro.probe.run", Step: stepTomorro, Status: Fail, Found: e.f.ProbeErr.Error(), Do: "Mend what it says, and run: tomorro-sync check --probe-writes"}
		if e.f.ProbeKept { // another probe may leave the same
			run.Do = "Remove at Tomorro by hand what it names; what the probe found is kept, and holds"
		}
		e.add(run)
	}
	e.leftOver()
	switch {
	case e.f.ProfileErr != nil:
		r.Status, r.Found = Fail, e.f.ProfileErr.Error()
	case !e.f.Probed:
		r.Found = "what Tomorro does with writes cannot be seen by reading; it was never probed"
	case p.Target != e.s.Target:
		r.Found = "what Tomorro does with writes was probed at another tomorro.url, and is not used"
	default:
		r.Status, r.Do = Pass, ""
		r.Found = "Tomorro was probed on " + p.At.Local().Format(time.DateTime)
		r.Items = e.settings()
		e.add(r)
		for _, c := range capabilities(p) {
			e.add(c)
		}
		e.deletes()
		return
	}
	e.add(r)
}

// leftOver names what a probe that was killed left at Tomorro. One that was made just now
// has taken it over.
func (e *evaluation) leftOver() {
	r := Result{ID: "tomorro.probe.left", Step: stepTomorro, Status: Warn, Found: "a probe that did not end left an account that has access, and takes a seat"}
	for i := range e.f.Current.Accounts {
		if a := &e.f.Current.Accounts[i]; a.ExternalID == reconcile.ProbeMark && a.Active {
			r.Items = append(r.Items, a.UserName)
		}
	}
	if e.f.ReadErr != nil || e.f.Probing || len(r.Items) == 0 {
		return
	}
	account, flag := r.Items[0], ""
	for i := range e.f.Current.Groups {
		g := &e.f.Current.Groups[i]
		named := reconcile.Fold(g.Name) == reconcile.Fold(reconcile.ProbeMark)
		foreign := slices.ContainsFunc(g.Members, func(id string) bool { return id != e.account(account).ID })
		if !foreign && (named || len(g.Members) > 0) {
			r.Items = append(r.Items, "the group "+g.Name)
			if !named { // another one refuses an account that is in this one
				flag = " --probe-group '" + strings.ReplaceAll(g.Name, "'", `'\''`) + "'"
			}
		}
	}
	r.Do = "Run: tomorro-sync check --probe-writes --probe-account " + account + flag + ", which takes it over; or remove at Tomorro what is named here"
	e.add(r)
}

// deletes takes into account that who has left is not made inactive, but deleted.
func (e *evaluation) deletes() {
	a := e.f.Profile.Answer(reconcile.ProbeInactive)
	if !e.s.Policy.DeleteUsers || a.Answer != reconcile.AnswerIgnored && a.Answer != reconcile.AnswerRefused {
		return
	}
	for i := range e.results {
		if r := &e.results[i]; r.ID == "tomorro.probe."+reconcile.ProbeInactive {
			r.Status, r.Found = Warn, "active:false does nothing: leavers are deleted (tomorro.remove), and who is only suspended keeps access"
			r.Do = "In OneLogin, take the app from people who are suspended"
		}
	}
}

// settings tells which settings of the client follow from the probe.
func (e *evaluation) settings() []string {
	p := &e.f.Profile
	found := map[string]string{"tomorro.update": p.Update, "tomorro.member_removal": p.MemberRemoval, "tomorro.content_type": p.ContentType, "tomorro.page_size": number(p.PageSize), "tomorro.bulk": number(p.Bulk), "tomorro.attributes": ""}
	if p.Attributes {
		found["tomorro.attributes"] = "compared"
	}
	var items []string
	for _, key := range slices.Sorted(maps.Keys(found)) {
		switch given := e.s.Explicit[key]; {
		case given != "" && found[key] != "" && given != found[key]:
			items = append(items, fmt.Sprintf("%s: %s, as configured; the probe found %s", key, given, found[key]))
		case given != "":
			items = append(items, fmt.Sprintf("%s: %s, as configured", key, given))
		case found[key] != "":
			items = append(items, fmt.Sprintf("%s: %s, as probed", key, found[key]))
		}
	}
	return items
}

// number is nothing for a setting that was not found.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// capabilities gives a line for each thing that was tried.
func capabilities(p *reconcile.Profile) []Result {
	lines := []Result{writing(p), removing(p)}
	for _, c := range []struct {
		tried, name string
		means       map[string]meaning
	}{
		{reconcile.ProbeInactive, "active:false", map[string]meaning{
			reconcile.AnswerWorks:   {Pass, "is reversible: leavers become inactive and come back on the same account", ""},
			reconcile.AnswerRemoves: {Fail, "removes the account for good, with what it owns", "Do not let leavers be removed before Tomorro's support has told how this is meant; limits.deactivate: {max: 0} holds them"},
			reconcile.AnswerIgnored: {Fail, "is confirmed and does nothing: leavers keep their access", "Set tomorro.remove: delete, which is final; or ask Tomorro's support"},
			reconcile.AnswerRefused: {Fail, "is refused: leavers keep their access", "Look at the default substitute in Tomorro, Integrations > User Provisioning"}}},
		{reconcile.ProbeRename, "another e-mail on the same account", map[string]meaning{
			reconcile.AnswerWorks:   {Pass, "is taken: who marries keeps the account", ""},
			reconcile.AnswerRefused: {Warn, "is refused: a changed e-mail has to be changed at Tomorro by hand", "Change it there by hand, and the next run agrees"},
			reconcile.AnswerIgnored: {Warn, "is confirmed and does nothing", "Change it there by hand, and the next run agrees"},
			reconcile.AnswerOther:   {Warn, "does something else", "Look at the journal after a rename"}}},
		{reconcile.ProbeRole, "another role", map[string]meaning{
			reconcile.AnswerWorks:   {Pass, "is taken", ""},
			reconcile.AnswerRefused: {Warn, "is refused", "Look at what Tomorro says; perhaps there is no seat for a manager"},
			reconcile.AnswerIgnored: {Fail, "is confirmed and does nothing: titles do not reach Tomorro", "Ask Tomorro's support"}}},
		{reconcile.ProbeUnknownType, "a role that does not exist", map[string]meaning{
			reconcile.AnswerRefused: {Pass, "is refused, as it should be", ""},
			reconcile.AnswerIgnored: {Pass, "is taken and leaves a role that exists; none is ever sent", ""},
			reconcile.AnswerOther:   {Pass, "is taken for another; none is ever sent", ""},
			reconcile.AnswerWorks:   {Pass, "is taken as it is; none is ever sent", ""}}},
		{reconcile.ProbeDuplicate, "a second account of the same e-mail", map[string]meaning{
			reconcile.AnswerRefused:  {Pass, "is refused", ""},
			reconcile.AnswerExisting: {Pass, "is answered with the account that is there", ""},
			reconcile.AnswerSecond:   {Fail, "is made: nothing at Tomorro keeps two accounts of one person apart", "Ask Tomorro's support"}}},
		{reconcile.ProbeExternalID, "the mark by which accounts are known again", map[string]meaning{
			reconcile.AnswerWorks:   {Pass, "is kept (externalId)", ""},
			reconcile.AnswerIgnored: {Warn, "is not kept: without Redis, accounts are known by their e-mail alone", "Keep Redis' data, and its backups"}}},
		{reconcile.ProbeDelete, "DELETE", map[string]meaning{
			reconcile.AnswerWorks:   {Pass, "removes the account, for good", ""},
			reconcile.AnswerOther:   {Pass, "only makes the account inactive", ""},
			reconcile.AnswerRefused: {Warn, "is refused", "Remove the sandbox account at Tomorro by hand; leave tomorro.remove: deactivate"},
			reconcile.AnswerIgnored: {Warn, "is confirmed and does nothing", "Remove the sandbox account at Tomorro by hand; leave tomorro.remove: deactivate"}}},
		{reconcile.ProbePageCap, "long lists", map[string]meaning{
			reconcile.AnswerSeen:    {Pass, "come in pages", ""},
			reconcile.AnswerNotSeen: {Pass, "come at once", ""}}},
		{reconcile.ProbeBulk, "several writes in one request (Bulk)", map[string]meaning{
			reconcile.AnswerWorks:   {Pass, "are taken, and runs send them so", ""},
			reconcile.AnswerNotSeen: {Pass, "are not offered", ""},
			reconcile.AnswerRefused: {Pass, "are offered and refused; none are sent", ""},
			reconcile.AnswerIgnored: {Pass, "are confirmed and not done; none are sent", ""},
			reconcile.AnswerOther:   {Pass, "do something else; none are sent", ""}}},
		{reconcile.ProbeAttributes, "a list of accounts with some attributes", map[string]meaning{
			reconcile.AnswerWorks:   {Pass, "is given, and asked for", ""},
			reconcile.AnswerIgnored: {Pass, "is not given: it has all of them", ""},
			reconcile.AnswerRefused: {Pass, "is refused; all are asked for", ""},
			reconcile.AnswerOther:   {Pass, "leaves out what was asked for; all are asked for", ""}}},
		{reconcile.ProbeRate, "a limit of requests", map[string]meaning{
			reconcile.AnswerSeen:    {Pass, "was met; runs wait as they are asked to", ""},
			reconcile.AnswerNotSeen: {Pass, "was not met", ""}}},
	} {
		lines = append(lines, capability("tomorro.probe."+c.tried, c.name, p.Answer(c.tried), c.means))
	}
	return lines
}

func capability(id, name string, a reconcile.ProfileAnswer, means map[string]meaning) Result {
	m, ok := means[a.Answer]
	if !ok {
		m = meaning{Unseen, "was not found out", "Run: tomorro-sync check --probe-writes"}
	}
	found := name + " " + m.text
	if a.Seen != "" {
		found += " (" + a.Seen + ")"
	}
	return Result{ID: id, Step: stepTomorro, Status: m.status, Found: found, Do: m.do}
}

// dialects words each of several ways that were tried.
func dialects(p *reconcile.Profile, tried ...string) []string {
	items := make([]string, len(tried))
	for i, t := range tried {
		a := p.Answer(t)
		items[i] = strings.TrimSpace(fmt.Sprintf("%s: %s %s", t, a.Answer, a.Seen))
	}
	return items
}

func writing(p *reconcile.Profile) Result {
	r := Result{ID: "tomorro.probe.update", Step: stepTomorro, Status: Pass, Found: "accounts are updated by " + strings.ToUpper(p.Update),
		Items: dialects(p, reconcile.ProbePut, reconcile.ProbePatch, reconcile.ProbePatchNoPath, reconcile.ProbePatchCapital, reconcile.ProbeContentJSON, reconcile.ProbeContentSCIM)}
	if p.Update == "" {
		r.Status, r.Found = Fail, "neither PUT nor PATCH updates an account"
		r.Do = "Ask Tomorro's support which of them it takes"
	}
	return r
}

func removing(p *reconcile.Profile) Result {
	r := Result{ID: "tomorro.probe.member_removal", Step: stepTomorro, Status: Pass, Found: "people are taken out of groups by the form " + p.MemberRemoval,
		Items: dialects(p, reconcile.ProbeMembersValues, reconcile.ProbeMembersFilter, reconcile.ProbeMembersScim1, reconcile.ProbeMembersPut)}
	switch {
	case p.MemberRemoval != "":
	case p.Answer(reconcile.ProbeMembersPut).Answer == reconcile.AnswerUnknown:
		r.Status, r.Found = Unseen, "how people are taken out of groups was not found out: "+p.Answer(reconcile.ProbeMembersPut).Seen
		r.Do = "Make the sandbox group at Tomorro by hand, and run: tomorro-sync check --probe-writes"
	default:
		r.Status, r.Found = Fail, "nobody can be taken out of a group, in any form that is known"
		r.Do = "Ask Tomorro's support how members of a group are removed by SCIM"
	}
	return r
}
