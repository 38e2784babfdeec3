package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// mean remembers what an intent wants, until its outcome.
func (v *planView) mean(e *jobs.Entry) {
	if e.Write == nil || len(e.Write.Changes) == 0 {
		return
	}
	if v.meant == nil {
		v.meant = make(map[string]*jobs.Entry)
	}
	v.meant[e.ID] = e
}

// told gives the intent that an outcome is about; nil when it was not shown. Another
// outcome follows one that is uncertain, and may tell it once more.
func (v *planView) told(outcome *jobs.Entry) *jobs.Entry {
	meant := cmp.Or(v.meant[outcome.Intent], v.doubted[outcome.Intent])
	delete(v.meant, outcome.Intent)
	delete(v.doubted, outcome.Intent)
	if meant != nil && outcome.Result == reconcile.Uncertain {
		if v.doubted == nil {
			v.doubted = make(map[string]*jobs.Entry)
		}
		v.doubted[outcome.Intent] = meant
	}
	return meant
}

// unsettled shows the intents of a folded journal that have no outcome.
func (v *planView) unsettled(dated bool) {
	open := slices.SortedFunc(maps.Values(v.meant), func(a, b *jobs.Entry) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID))
	})
	v.folded, v.meant = false, nil
	for _, e := range open {
		v.showEntry(e, dated)
	}
}

func each(e *jobs.Entry, show func(*reconcile.Change)) {
	if e.Write == nil {
		return
	}
	for i := range e.Write.Changes {
		show(&e.Write.Changes[i])
	}
}

func intentText(c *reconcile.Change) string {
	return fmt.Sprintf("%s of %s%s: %s", verb(c.Op), subject(c), turned(c), words.Because(c))
}

// becameText says what was wanted, why, and what became of it.
func becameText(e *jobs.Entry, c *reconcile.Change) string {
	text := intentText(c)
	if c.Op == reconcile.OpCreate && e.Target != "" {
		text += "; account " + e.Target
	}
	for _, more := range []string{e.Note, e.Error} {
		if more != "" {
			text += "; " + more
		}
	}
	return text
}

func resultStyle(result string) style {
	if result == "done" {
		return ""
	}
	return red
}

// turned says what there was before a change, and what there is to be.
func turned(c *reconcile.Change) string {
	switch b, a := c.Before, c.After; {
	case b == nil || a == nil:
		return ""
	case c.Op == reconcile.OpChangeRole:
		return fmt.Sprintf(", %s -> %s", b.UserType, a.UserType)
	case c.Op == reconcile.OpRename:
		return fmt.Sprintf(", %s -> %s", b.UserName, a.UserName)
	case c.Op == reconcile.OpUpdateName:
		return fmt.Sprintf(", %q -> %q", fullName(b), fullName(a))
	}
	return ""
}

// outcomeText says what became of what was meant, if that is known.
func outcomeText(e, meant *jobs.Entry) string {
	text := e.Result
	if meant != nil {
		text += ", " + verb(meant.Write.Changes[0].Op) + " of " + subject(&meant.Write.Changes[0])
		if more := len(meant.Write.Changes) - 1; more > 0 {
			text += " and " + words.Count(more, "more change", "more changes")
		}
	}
	for _, more := range []string{e.Target, e.Note, e.Error} {
		if more != "" {
			text += ", " + more
		}
	}
	return text
}
