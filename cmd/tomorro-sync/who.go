package main

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"strings"
)

// whoIs is who acts: as they name themselves with --as, else whoAmI.
func whoIs(as string) string { return cmp.Or(strings.TrimSpace(as), whoAmI()) }

// whoAmI names who gave the command, for those who read the journal later: the user of the
// system, whatever the environment says, and the machine. reconcile.SamePerson knows that
// the same user on two machines is one person.
func whoAmI() string {
	who := fmt.Sprintf("uid %d", os.Getuid()) // as in a container that knows no users
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		who += " on " + host
	}
	return who
}
