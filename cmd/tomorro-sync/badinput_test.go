package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestBadPeople puts every kind of bad record into a company: each is named with
// what is wrong, and everybody else is done.
func TestBadPeople(t *testing.T) {
	o := newOffice(t, labOptions{users: 40, groups: 6, seed: 8, plain: true}, "")
	p := o.world.People
	long := strings.Repeat("Wolfeschlegelsteinhausen", 13)[:300]
	p[1].Email = p[2].Email
	p[3].Email = strings.ToUpper(p[4].Email)
	p[5].Email, p[6].Email = "\u00e9lo@acme.example", "e\u0301lo@acme.example"
	p[7].Email = ""
	p[8].LastName = "  "
	p[9].Status = 6
	p[10].State = 9
	p[11].LastName, p[12].LastName, p[13].FirstName, p[13].LastName = "O'Neil d'Arc", long, "نور", "الخطيب"
	p[14].Title = new("  MANAGER ")
	p[15].Title = new("Wizard")
	o.world.Rules[0].Conditions[0].Value = "424242"
	o.lab.tomorro.AddGroup(strings.ToUpper(o.world.Rules[1].Actions[0].Value[0]))
	out := o.must(exitDone, "reconcile", "--yes")
	for _, want := range []string{
		p[1].Email, "shares the e-mail", "OneLogin user", "has no e-mail in OneLogin", p[8].Email, "has no last name in OneLogin",
		p[9].Email, "OneLogin gives status 6", p[10].Email, "OneLogin gives state 9", `"Wizard"`, "titles:", "names role 424242, which does not exist",
		"Tomorro has several groups of this name",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q", want)
		}
	}
	held := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15}
	have := o.actual()
	for i, who := range p {
		_, active := have[strings.ToLower(who.Email)]
		if isHeld := slices.Contains(held, i); active == isHeld {
			t.Errorf("person %d (%s): active %v, held %v", i, who.Email, active, isHeld)
		}
	}
	if have[p[12].Email].FamilyName != long || have[p[13].Email].FamilyName != "الخطيب" || have[p[11].Email].FamilyName != "O'Neil d'Arc" || have[p[14].Email].UserType != "manager" {
		t.Error("an unusual name or title did not arrive as it is")
	}
	if t.Failed() {
		t.Log(out)
	}
	o.must(exitDone, "plan")
}

// TestBadConfiguration: each mistake has its message and its exit code.
func TestBadConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		exit     int
		says     []string
	}{
		"unknown key":       {"page_size:", "pagesize:", exitUsage, []string{"unknown key", "pagesize", ":2:", "page_size"}},
		"missing secret":    {"client_secret: client-secret,", "", exitUsage, []string{"onelogin.client_secret", "TOMORRO_SYNC_ONELOGIN_CLIENT_SECRET", "client_secret_file"}},
		"missing token":     {"token: tomorro-token,", "", exitUsage, []string{"tomorro.token", "TOMORRO_SYNC_TOMORRO_TOKEN"}},
		"not an address":    {"http://127.0.0.1", "127.0.0.1", exitUsage, []string{"onelogin.url"}},
		"wrong secret":      {"client_secret: client-secret", "client_secret: oops", exitError, []string{"Authentication Failure", "onelogin.client_id"}},
		"wrong token":       {"token: tomorro-token", "token: oops", exitError, []string{"401", "tomorro.token"}},
		"wrong app":         {"app_id: 1531580", "app_id: 77", exitError, []string{"app 77", "onelogin.app_id"}},
		"wrong SCIM path":   {"/scim/v2", "/scim/v1", exitError, []string{"404"}},
		"unknown user type": {"{head of legal: admin", "{head of legal: boss", exitUsage, []string{"head of legal", "boss"}},
		"unknown mode":      {"titles:", "groups: {mode: strict}\ntitles:", exitUsage, []string{"groups.mode", "strict"}},
		"not YAML":          {"titles: {", "titles: [", exitUsage, []string{"tomorro-sync.yaml"}},
	} {
		o := newOffice(t, labOptions{users: 20, groups: 3, seed: 1, plain: true}, "")
		o.edit(c.old, c.new)
		code, stdout, stderr := o.run("reconcile", "--yes")
		if code != c.exit || !strings.Contains(stderr, "what to do:") {
			t.Errorf("%s: exit %d, want %d\n%s%s", name, code, c.exit, stdout, stderr)
		}
		for _, want := range c.says {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, stderr)
			}
		}
		if strings.Contains(stdout+stderr, "tomorro-token") || strings.Contains(stdout+stderr, "client-secret") {
			t.Errorf("%s: a secret is shown\n%s%s", name, stdout, stderr)
		}
		if n := o.lab.tomorroWire.Stats().Writes; n != 0 {
			t.Errorf("%s: %d writes", name, n)
		}
	}
}

// TestProtectionsOnTheCommandLine: what the guard holds ends with exit 11 and its
// reason, what waits for approval with 12, and an approval releases just that.
func TestProtectionsOnTheCommandLine(t *testing.T) {
	o := newOffice(t, labOptions{users: 60, groups: 4, seed: 2, plain: true}, "approve: [delete]\nlimits: {deactivate: {max: 2}}\n")
	o.must(exitDone, "reconcile", "--yes")
	o.lab.onelogin.Edit(func(w *onelogintest.World) { w.People[20].Assigned = false })
	out := o.must(exitApproval, "reconcile", "--yes")
	_, after, found := strings.Cut(out, "--approve ")
	if !found {
		t.Fatalf("no plan id to approve in\n%s", out)
	}
	id := strings.FieldsFunc(after, func(r rune) bool { return r < '0' || r > 'f' })[0]
	o.must(exitApproval, "reconcile", "--yes", "--approve", "0123456789abcdef")
	o.must(exitDone, "reconcile", "--yes", "--approve", id)
	o.equal()
	o.lab.onelogin.Edit(func(w *onelogintest.World) {
		for i := 30; i < 35; i++ {
			w.People[i].Status = 2
		}
	})
	if out := o.must(exitHeld, "reconcile", "--yes"); !strings.Contains(out, "limits.deactivate.max") {
		t.Errorf("no reason in\n%s", out)
	}
	if code, _, stderr := o.run("reconcile"); code != exitUsage || !strings.Contains(stderr, "--yes") {
		t.Errorf("without a terminal and --yes: exit %d, %s", code, stderr)
	}
}

// TestMisspelt: a command that is not one is answered with the one that is near, and a
// flag's wrong value in words, not Go's.
func TestMisspelt(t *testing.T) {
	for args, want := range map[string]string{
		"plna":                    `unknown command "plna"; did you mean plan?`,
		"quux":                    `unknown command "quux"` + "\n",
		"help plna":               `tomorro-sync has no command "plna"; did you mean plan?`,
		"help journal shwo":       `journal has no command "shwo"; did you mean show?`,
		"journal shwo":            `journal has no command "shwo"; did you mean show?`,
		"simulate --users x":      `--users takes a whole number, and got "x"`,
		"approve 00 --for foo":    `--for takes a duration such as 90s or 48h, and got "foo"`,
		"reconcile --yes=perhaps": `--yes takes true or false, and got "perhaps"`,
		"simulate --users":        "flag needs an argument: --users",
	} {
		got := start(t, &fakeServices{}, "", false, strings.Fields(args)...)
		if got.code != exitUsage || !strings.Contains(got.err, want) || strings.Contains(got.err, "strconv") {
			t.Errorf("%s: %d, %s", args, got.code, got.err)
		}
	}
}

// TestHelpFits: no line of what a command says of itself is wider than the terminal, lists
// stay aligned, and nothing is lost.
func TestHelpFits(t *testing.T) {
	p := &program{stdout: io.Discard, stderr: io.Discard}
	todo := []*cobra.Command{p.rootCommand()}
	for len(todo) > 0 {
		cmd := todo[0]
		todo = append(todo[1:], cmd.Commands()...)
		var out strings.Builder
		(&screen{out: &out, width: 80, tty: true}).flow(cmd.Long)
		for line := range strings.Lines(out.String()) {
			if w := uniseg.StringWidth(strings.TrimRight(line, "\n")); w > 80 {
				t.Errorf("%s: %d columns: %s", cmd.Name(), w, line)
			}
		}
		if got, want := strings.Fields(out.String()), strings.Fields(cmd.Long); !slices.Equal(got, want) {
			t.Errorf("%s: other words:\n%s", cmd.Name(), out.String())
		}
		if want := "  titles-admin         a title in our configuration is mapped to admin, which a\n                       quarter"; cmd.Name() == "simulate" && !strings.Contains(out.String(), want) {
			t.Errorf("not aligned:\n%s", out.String())
		}
	}
}
