package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/adopt"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// account adds one at Tomorro by hand, before this program.
func (o *office) byHand(name, given, family string) {
	o.lab.tomorro.AddUser(tomorrotest.User{UserName: name, GivenName: given, FamilyName: family, UserType: "user", Active: true})
}

// TestDayOne: an organisation that already has accounts loses nobody and renames nobody
// until an administrator has looked through them, and what they decide holds.
func TestDayOne(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 12, groups: 3, seed: 6, plain: true}, "")
	people := o.world.People
	o.byHand(people[0].Email, people[0].FirstName, people[0].LastName)
	o.byHand(strings.ToUpper(people[1].Email), people[1].FirstName, people[1].LastName)
	o.byHand("maiden.name@acme.example", people[2].LastName, people[2].FirstName)
	o.byHand("namesake@lawfirm.example", people[3].FirstName, people[3].LastName)
	o.byHand(people[4].Email, "Shared", "Inbox")
	o.byHand("counsel@lawfirm.example", "Ext", "Counsel")
	o.byHand(people[5].Email, people[5].FirstName, people[5].LastName)
	people[5].Status = 2

	if out := o.must(exitDone, "adopt"); !strings.Contains(out, "WAIT FOR A DECISION") || !strings.Contains(out, "adopt match maiden.name@acme.example "+people[2].Email) || !strings.Contains(out, "1 deactivation") {
		t.Errorf("before the first run:\n%s", out)
	}
	o.edit("\nredis:", "\n# redis:")
	if out := o.must(exitDone, "adopt"); !strings.Contains(out, "Without Redis nobody knows") || strings.Contains(out, "No adoption is open") {
		t.Errorf("without Redis:\n%s", out)
	}
	o.edit("\n# redis:", "\nredis:")
	o.must(exitApproval, "reconcile", "--yes")
	if out := o.must(exitApproval, "plan"); strings.Contains(out, "--approve") || !strings.Contains(out, "end the adoption: ") {
		t.Errorf("the plan proposes to make second accounts:\n%s", out)
	}
	out := o.must(exitApproval, "reconcile", "--yes")
	for _, who := range []string{people[2].Email, people[3].Email, people[5].Email} {
		if !strings.Contains(out, who) {
			t.Errorf("nothing is held of %s:\n%s", who, out)
		}
	}
	if a, _ := o.account(people[5].Email); !a.Active {
		t.Error("somebody was removed on the first day")
	}
	if _, made := o.account(people[2].Email); made {
		t.Error("somebody got a second account")
	}
	if a, _ := o.account(people[0].Email); a.UserName == "" || len(a.Groups) == 0 {
		t.Errorf("who was found by address has no groups: %+v", a)
	}

	for _, c := range [][]string{{"match", "maiden.name@acme.example", people[0].Email}, {"match", people[0].Email, people[2].Email}, {"foreign", people[0].Email}, {"forget", people[0].Email}, {"foreign", "unknown@x.io"}} {
		if code, _, stderr := o.run(append([]string{"adopt"}, c...)...); code != exitError || !strings.Contains(stderr, "what to do") {
			t.Errorf("adopt %v: exit %d %s", c, code, stderr)
		}
	}
	o.must(exitDone, "adopt", "match", "maiden.name@acme.example", people[2].Email, "--as", "Ann")
	o.must(exitDone, "adopt", "foreign", "namesake@lawfirm.example")
	o.must(exitApproval, "reconcile", "--yes") // the leaver waits, and the matched person's e-mail
	if a, ok := o.account("maiden.name@acme.example"); !ok || len(a.Groups) == 0 {
		t.Errorf("who was matched was renamed, or has no groups: %+v", a)
	}
	if _, made := o.account(people[3].Email); !made {
		t.Error("the namesake of somebody else's account has none")
	}
	if code, _, stderr := o.run("adopt", "done"); code != exitUsage || !strings.Contains(stderr, "--yes") {
		t.Errorf("exit %d %s", code, stderr)
	}
	o.must(exitDone, "adopt", "done", "--yes", "--as", "Ann")
	o.must(exitDone, "reconcile", "--yes")
	if a, _ := o.account(people[5].Email); a.Active {
		t.Error("a leaver is still inside after adopt done")
	}
	if _, renamed := o.account(people[2].Email); !renamed {
		t.Error("who was matched has not their e-mail after adopt done")
	}
	if a, ok := o.account("namesake@lawfirm.example"); !ok || !a.Active || len(a.Groups) > 0 {
		t.Errorf("somebody else's account was touched: %+v", a)
	}
	o.dayTwo(people[2].Email)
}

// dayTwo looks at what is left of the adoption, in the list and in the journal.
func (o *office) dayTwo(matched string) {
	o.t.Helper()
	var doc struct {
		Adoption jobs.AdoptionPhase
		Accounts []adopt.Row
	}
	if err := json.Unmarshal([]byte(o.must(exitDone, "adopt", "--output", "json")), &doc); err != nil || doc.Adoption.State != jobs.AdoptionDone || doc.Adoption.By != "Ann" {
		o.t.Errorf("%v %+v", err, doc.Adoption)
	}
	i := slices.IndexFunc(doc.Accounts, func(r adopt.Row) bool { return strings.EqualFold(r.UserName, matched) })
	if i < 0 || doc.Accounts[i].DecidedBy != "Ann" || doc.Accounts[i].Asks() {
		o.t.Errorf("%+v", doc.Accounts)
	}
	out := o.must(exitDone, "journal", "--since", "1h")
	for _, want := range []string{"begins: nobody is removed", "is nobody's", "by Ann", "is done by Ann"} {
		if !strings.Contains(out, want) {
			o.t.Errorf("the journal does not say %q:\n%s", want, out)
		}
	}
}

// TestDoneTooEarly: who ends an adoption over an open question is told that it is answered
// with a new account, before and after, and how to take that back.
func TestDoneTooEarly(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 6, groups: 1, seed: 6, plain: true}, "")
	people := o.world.People
	o.byHand(people[0].Email, people[0].FirstName, people[0].LastName)
	o.byHand("maiden.name@acme.example", people[2].FirstName, people[2].LastName)
	o.must(exitApproval, "reconcile", "--yes")

	const told = "1 person without a decision gets a new account"
	if out := o.must(exitDone, "adopt"); !strings.Contains(out, told) || strings.Contains(out, "End the adoption with") {
		t.Errorf("before:\n%s", out)
	}
	if out := o.must(exitDone, "adopt", "done", "--yes"); !strings.Contains(out, told) {
		t.Errorf("after:\n%s", out)
	}
	o.must(exitDone, "reconcile", "--yes")
	code, _, stderr := o.run("adopt", "match", "maiden.name@acme.example", people[2].Email)
	if code != exitError || !strings.Contains(stderr, "delete it at Tomorro") {
		t.Errorf("exit %d %s", code, stderr)
	}
	second, _ := o.account(people[2].Email)
	o.lab.tomorro.RemoveUser(second.ID)
	o.must(exitDone, "adopt", "match", "maiden.name@acme.example", people[2].Email)
	o.must(exitDone, "reconcile", "--yes")
	if _, there := o.account("maiden.name@acme.example"); there {
		t.Error("who was matched has not their e-mail")
	}
	if out := o.must(exitDone, "adopt"); strings.Contains(out, "new account") {
		t.Errorf("nobody waits any more:\n%s", out)
	}
}

// TestTwins: of two accounts whose addresses differ in case only neither is touched, and who
// says that one is nobody's has decided that the other is the person's.
func TestTwins(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 6, groups: 1, seed: 6, plain: true}, "")
	p := o.world.People[1]
	capitals := strings.ToUpper(p.Email)
	o.byHand(p.Email, p.FirstName, p.LastName)
	o.byHand(capitals, p.FirstName, p.LastName)
	out := o.must(exitDone, "reconcile", "--yes") + o.must(exitDone, "explain", p.Email)
	if strings.Contains(out, "nobody in OneLogin") || !strings.Contains(out, capitals+" (") || !strings.Contains(out, p.Email+" (") || !strings.Contains(out, "adopt foreign ID") {
		t.Errorf("one of two is called nobody's, or it is not said which they are:\n%s", out)
	}
	accounts := make(map[string]tomorrotest.UserState)
	look := func() {
		for _, u := range o.lab.tomorro.State().Users {
			accounts[u.UserName] = u
		}
	}
	if look(); len(accounts[p.Email].Groups)+len(accounts[capitals].Groups) > 0 {
		t.Fatalf("one of two is taken: %+v", accounts)
	}
	o.must(exitDone, "adopt", "foreign", accounts[p.Email].ID)
	if out := o.must(exitDone, "adopt"); strings.Contains(out, "WAIT") {
		t.Errorf("it is asked for what was decided:\n%s", out)
	}
	o.must(exitDone, "reconcile", "--yes")
	if look(); len(accounts[p.Email].Groups) > 0 || len(accounts[capitals].Groups) == 0 {
		t.Errorf("after one is nobody's: %+v", accounts)
	}
	o.must(exitDone, "adopt", "done", "--yes")
	o.must(exitDone, "plan")
}

// TestFreshTomorro: who has no accounts has nothing to adopt, and nobody is asked.
func TestFreshTomorro(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 6, groups: 1, seed: 6, plain: true}, "")
	o.edit("tomorro: {", "tomorro: {send_external_id: false, ")
	o.byHand("counsel@lawfirm.example", "Ext", "Counsel")
	o.must(exitDone, "reconcile", "--yes")
	o.world.People[3].Status = 2
	o.must(exitDone, "reconcile", "--yes")
	if out := o.must(exitDone, "adopt", "--all"); !strings.Contains(out, "No adoption is open") || !strings.Contains(out, "counsel@lawfirm.example") {
		t.Errorf("%s", out)
	}
}

// TestPastedCommands: what a shell would read otherwise is quoted, and every command is
// about the configuration that was named.
func TestPastedCommands(t *testing.T) {
	for text, want := range map[string]string{"ann@x.io": "ann@x.io", "o'brien@x.io": `'o'\''brien@x.io'`, "a b.yaml": "'a b.yaml'", "": "''", "$HOME/x": "'$HOME/x'", "bj\u00f6rn+x@x.io": "bj\u00f6rn+x@x.io"} {
		if got := word(text); got != want {
			t.Errorf("%q is written %s", text, got)
		}
	}
	var out strings.Builder
	v := &planView{screen: &screen{out: &out, command: "tomorro-sync --config b.yaml"}}
	v.undecided(&adopt.Row{UserName: "o'brien@x.io", Match: adopt.Name, People: []adopt.Person{{Key: 7, Email: "p.o'brien@x.io"}}})
	if want := `tomorro-sync --config b.yaml adopt match 'o'\''brien@x.io' 'p.o'\''brien@x.io'`; !strings.Contains(out.String(), want) {
		t.Errorf("lacks %s:\n%s", want, out.String())
	}
}

// TestImportedAnew: everybody has another OneLogin id. Nobody loses their account, and once
// somebody has said who they are, all is as before, under the new ids.
func TestImportedAnew(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 30, groups: 4, seed: 6, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	before := o.lab.tomorro.State()
	married, gone := o.world.People[3], o.world.People[4]
	o.people(func(w *onelogintest.World) {
		w.RecreateEverybody()
		married.LastName = "Newname"
		w.Remove(gone.ID)
	})
	if out := o.must(exitApproval, "reconcile", "--yes"); !strings.Contains(out, "under another OneLogin id") || strings.Count(out, "\n") > 60 {
		t.Errorf("it is not said what happened, or not in a few lines:\n%s", out)
	}
	if out := o.must(exitApproval, "plan"); strings.Contains(out, "--approve") || !strings.Contains(out, "adopt match --recreated") {
		t.Errorf("the plan proposes to take everybody's account away:\n%s", out)
	}
	if out := strings.Join(strings.Fields(o.must(exitDone, "holds")), " "); !strings.Contains(out, "first: if they are the same people") || !strings.Contains(out, " adopt match --recreated next: let it through") {
		t.Errorf("holds proposes to take everybody's account away:\n%s", out)
	}
	if a, _ := o.account(gone.Email); a.Active {
		t.Error("who left on that day is still inside")
	}
	if code, _, stderr := o.run("adopt", "match", "--recreated"); code != exitUsage || !strings.Contains(stderr, "--yes") {
		t.Errorf("exit %d %s", code, stderr)
	}
	out := o.must(exitDone, "adopt", "match", "--recreated", "--yes", "--as", "Ann")
	if !strings.Contains(out, "28 accounts are matched") || !strings.Contains(out, "1 more") {
		t.Errorf("not all but one are matched:\n%s", out)
	}
	if out := o.must(exitDone, "adopt"); !strings.Contains(out, "adopt match "+married.Email+" ") || strings.Count(out, "perhaps") != 1 {
		t.Errorf("who has another name is not asked for:\n%s", out)
	}
	o.must(exitDone, "adopt", "match", married.Email, married.Email)
	o.must(exitDone, "adopt", "forget", married.Email)
	o.must(exitApproval, "reconcile", "--yes")
	o.must(exitDone, "adopt", "match", married.Email, married.Email)
	o.must(exitDone, "reconcile", "--yes")
	o.must(exitDone, "plan")
	for _, had := range before.Users {
		if has, _ := o.account(had.UserName); had.UserName != gone.Email && (has.ID != had.ID || !has.Active || !slices.Equal(has.Groups, had.Groups)) {
			t.Errorf("%+v is %+v", had, has)
		}
	}
	if a, _ := o.account(married.Email); a.ExternalID != reconcile.ExternalID(reconcile.Key(married.ID)) {
		t.Errorf("who was written is marked %q", a.ExternalID)
	}
	o.must(exitDone, "adopt", "forget", married.Email) // the mark of a run is one of the two now, and the link of before the other
	o.must(exitDone, "adopt", "match", married.Email, married.Email)
	o.must(exitDone, "plan")
	for _, c := range [][]string{{"match", married.Email, "--recreated"}, {"match", married.Email}} {
		if code, _, _ := o.run(append([]string{"adopt"}, c...)...); code != exitUsage {
			t.Errorf("adopt %v: exit %d", c, code)
		}
	}
	if out := o.must(exitDone, "adopt", "match", "--recreated", "--yes", "--output", "json"); !strings.Contains(out, `"accounts": 0`) {
		t.Errorf("nobody is left:\n%s", out)
	}
}
