package setup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// App is one app of OneLogin.
type App struct {
	ID   int64
	Name string
	SCIM bool // it has the parameter scimusername
	// CanProvision is OneLogin's "Available"; Enabled is the switch on the Provisioning tab.
	CanProvision, Enabled bool
	UserNameSource        string // of scimusername
	Unread                string // why the app's own page could not be read; then only ID and Name are known
}

// Candidates gives the apps that may be the one that provisions Tomorro, the likeliest
// first: OneLogin's API does not name an app's type, so those count that have the parameter
// of the SCIM types, and, if there is none, those that can provision or of which it cannot
// be told. First come those with Tomorro's present or former name in theirs, and then those
// whose provisioning is enabled.
func Candidates(apps []App) []App {
	scim := func(a App) bool { return a.SCIM }
	if !slices.ContainsFunc(apps, scim) {
		scim = func(a App) bool { return a.CanProvision || a.Unread != "" }
	}
	found := slices.DeleteFunc(slices.Clone(apps), func(a App) bool { return !scim(a) })
	rank := func(a App) int {
		switch {
		case strings.Contains(strings.ToLower(a.Name), "tomorro"):
			return 0
		case strings.Contains(strings.ToLower(a.Name), "leeway"): // Tomorro's former name
			return 1
		}
		return 2
	}
	off := func(a App) int {
		if a.Enabled {
			return 0
		}
		return 1
	}
	slices.SortFunc(found, func(a, b App) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(off(a), off(b)), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// String is the line under which the app is offered.
func (a App) String() string {
	what := "provisioning enabled"
	switch {
	case a.Unread != "":
		what = "its page cannot be read"
	case !a.Enabled:
		what = "provisioning not enabled"
	}
	return fmt.Sprintf("%s  (%d, %s)", a.Name, a.ID, what)
}

// Remarks says what of the app is not as the set-up guide asks.
func (a App) Remarks() []string {
	var all []string
	if a.Unread != "" {
		return []string{"the app's own page cannot be read, so it cannot be told whether it is of a SCIM type: " + a.Unread}
	}
	if !a.SCIM {
		all = append(all, "the app has no parameter scimusername: it is not of the type SCIM Provisioner with SAML (SCIM v2 Core w/SCIM2 Groups). This program reads people and rules from it all the same")
	}
	if !a.Enabled {
		all = append(all, "provisioning is not enabled in the app (tab Provisioning). This program does not need it; OneLogin's pushes do")
	}
	if a.SCIM && a.UserNameSource != "" && a.UserNameSource != "email" {
		all = append(all, fmt.Sprintf("the parameter scimusername is %q, not email (tab Parameters): OneLogin would push another name than the e-mail, which is what this program uses", a.UserNameSource))
	}
	return all
}
