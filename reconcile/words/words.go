// Package words says in words what plans and runs count, so that a terminal and a page
// say the same.
package words

import (
	"regexp"
	"strings"
	"time"

	"tomorro-sync/reconcile"
)

// Count counts things: "1 person", "2,000 people".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return reconcile.Number(n) + " " + many
}

// Changes says how many changes of each kind there are, in a plan's order. It is empty
// when there are none.
func Changes(n map[reconcile.Op]int) string {
	var parts []string
	for _, op := range reconcile.Ops() {
		if n[op] > 0 {
			one, many := Kind(op)
			parts = append(parts, Count(n[op], one, many))
		}
	}
	return strings.Join(parts, ", ")
}

// Kind names one change of a kind, and many.
func Kind(op reconcile.Op) (one, many string) {
	names := map[reconcile.Op][2]string{
		reconcile.OpCreateGroup:  {"new group", "new groups"},
		reconcile.OpCreate:       {"new account", "new accounts"},
		reconcile.OpReactivate:   {"return", "returns"},
		reconcile.OpRename:       {"change of e-mail", "changes of e-mail"},
		reconcile.OpChangeRole:   {"change of role", "changes of role"},
		reconcile.OpUpdateName:   {"change of name", "changes of name"},
		reconcile.OpAddMember:    {"new membership", "new memberships"},
		reconcile.OpRemoveMember: {"removed membership", "removed memberships"},
		reconcile.OpDeactivate:   {"deactivation", "deactivations"},
		reconcile.OpDelete:       {"deletion", "deletions"},
		reconcile.OpDeleteGroup:  {"deleted group", "deleted groups"},
	}[op]
	return names[0], names[1]
}

// Because is the cause of a change, and where it comes from when that is not what OneLogin
// now says.
func Because(c *reconcile.Change) string {
	from := map[reconcile.Origin]string{
		reconcile.FromConfiguration: "our configuration changed",
		reconcile.FromDrift:         "somebody changed it at Tomorro",
		reconcile.FromAdoption:      "the account was there before",
	}[c.Origin]
	if from == "" {
		return c.Cause
	}
	return c.Cause + " (" + from + ")"
}

// Age rounds a duration to what a person says.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return Count(int(d.Minutes()), "minute", "minutes")
	case d < 48*time.Hour:
		return Count(int(d.Hours()), "hour", "hours")
	}
	return Count(int(d.Hours()/24), "day", "days")
}

// Commands are the names of the program's commands, as a regular expression has them.
const Commands = `--help|adopt|alerts|approve|check|demo|explain|groups|holds|init|journal|plan|reconcile|reject|release|report|schedule|serve|simulate|undo|version`

// ownCommand is one of the program's commands in a text, as it is called where no
// configuration has to be named and where the shell finds the program by its name. What
// stands before it may be a style.
var ownCommand = regexp.MustCompile(`(^|\x1b\[\d*m|[^\w./-])tomorro-sync (` + Commands + `)\b`)

// Pasted is text with the program's commands as somebody has to call them; command is how
// the program is called.
func Pasted(text, command string) string {
	if command == "" || !strings.Contains(text, "tomorro-sync ") {
		return text
	}
	return ownCommand.ReplaceAllString(text, "${1}"+strings.ReplaceAll(command, "$", "$$")+" ${2}")
}
