package setup

import (
	"cmp"
	"fmt"
	"strings"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// shown is how many lines of a kind the summary has; the configuration has more.
const shown = 12

// Summary tells what was found, and what a run would make of it, to somebody who has
// never seen this program.
func Summary(a *Answers, s *Survey, say func(Tone, string)) {
	say(Part, "Titles")
	say(Plain, fmt.Sprintf("%s should have access; the title in OneLogin says which role.", people(s.Active)))
	unknown := tellTitles(a.Titles, say)
	if s.NoTitle > 0 {
		say(Note, people(s.NoTitle)+" without a title: held until OneLogin has one (step 5 of the guide: in the profile, or by a mapping)")
	}
	if unknown > 0 {
		say(Note, fmt.Sprintf("%s of a title that nobody has mapped: held. Decide about the lines in titles: that begin with #", people(unknown)))
	}
	say(Part, "Rules and groups")
	tellRules(s, say)
	say(Part, "What the first run would do")
	text := cmp.Or(words.Changes(s.Changes), "nothing to write")
	if s.Held > 0 {
		text += "; " + words.Count(s.Held, "change is", "changes are") + " held"
	}
	say(Plain, text)
}

// tellTitles gives how many people have a title that nobody mapped.
func tellTitles(titles []Title, say func(Tone, string)) (unknown int) {
	for i, t := range titles {
		role := string(t.Role)
		if t.From == TitleUnknown {
			role = "?"
			unknown += t.People
		}
		if i < shown {
			line := fmt.Sprintf("%5d  %s -> %s", t.People, t.Title, role)
			if t.From != TitleWord {
				line += "  (" + t.Why() + ")"
			}
			say(Plain, line)
		}
	}
	if n := len(titles) - shown; n > 0 {
		say(Plain, fmt.Sprintf("and %d more, all in the configuration", n))
	}
	return unknown
}

func tellRules(s *Survey, say func(Tone, string)) {
	for i, r := range s.Rules {
		if i == shown {
			say(Plain, fmt.Sprintf("and %d more rules", len(s.Rules)-shown))
			break
		}
		say(Plain, r.String())
	}
	if len(s.Rules) == 0 {
		say(Note, "the app has no enabled rule: no membership is changed until it has (step 6 of the guide)")
	}
	for i, n := range s.Notes {
		if i == shown {
			say(Note, fmt.Sprintf("and %d more remarks; see tomorro-sync plan", len(s.Notes)-shown))
			break
		}
		say(Note, n.Subject+" "+n.Text)
	}
	if len(s.Missing) > 0 {
		say(Note, fmt.Sprintf("Tomorro does not have %s that rules name: %s. Create them there, press Refresh in OneLogin, or set groups.create", words.Count(len(s.Missing), "group", "groups"), short(s.Missing)))
	}
	if len(s.Unfed) > 0 && len(s.Rules) > 0 && !s.MayGiveAny {
		say(Note, fmt.Sprintf("no rule gives %s of Tomorro's groups: %s", fmt.Sprint(len(s.Unfed)), short(s.Unfed)))
	}
	if n := s.Changes[reconcile.OpRemoveMember]; n > 0 {
		say(Note, fmt.Sprintf("%s at Tomorro would be taken away, since no rule gives them. See them with plan; groups.mode: additive keeps what was made by hand", words.Count(n, "membership", "memberships")))
	}
}

func short(names []string) string {
	if len(names) <= 6 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:6], ", ") + fmt.Sprintf(" and %d more", len(names)-6)
}
