package main

import (
	"fmt"
	"strings"

	"tomorro-sync/jobs/check"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// checkView prints a report of check for people.
type checkView struct {
	*screen
	all bool
}

// checkItems is how many items a line has unless --all is given.
const checkItems = 5

// stepTitles are the guide's headings, and those of what is not in the guide.
func stepTitles() map[string]string {
	return map[string]string{
		"OneLogin API": "OneLogin's API", "STEP 1": "Step 1: the app in OneLogin", "STEP 2": "Step 2: SCIM provisioning", "STEP 3": "Step 3: people",
		"STEP 4": "Step 4: roles that give the app", "STEP 5": "Step 5: titles and roles at Tomorro", "STEP 6": "Step 6: groups and rules", "SAML": "Signing in (SAML)",
	}
}

func (v *checkView) show(r *check.Report) {
	step := ""
	for i := range r.Results {
		x := &r.Results[i]
		if x.Step != step {
			step = x.Step
			title := stepTitles()[step]
			if title == "" {
				title = step
			}
			v.line("")
			v.line("%s", v.paint(bold, title))
		}
		v.result(x)
	}
	v.line("")
	v.line("%s", v.summary(r))
}

func (v *checkView) result(x *check.Result) {
	word, color := map[check.Status]string{check.Pass: "pass", check.Warn: "warn", check.Fail: "FAIL", check.Unseen: "  ? "}[x.Status],
		map[check.Status]style{check.Pass: green, check.Warn: yellow, check.Fail: red, check.Unseen: dim}[x.Status]
	lines := strings.Split(x.Found, "\n")
	plain := map[check.Status]style{check.Unseen: dim}[x.Status]
	v.marked("  ", word, color, v.clean(lines[0]), plain)
	for _, more := range lines[1:] {
		v.paragraph("        ", v.clean(more), plain)
	}
	v.items(x)
	if x.Do != "" {
		v.paragraph("        -> ", v.clean(x.Do), plain)
	}
}

// marked prints a paragraph whose first word is painted by itself.
func (v *checkView) marked(indent, word string, color style, text string, c style) {
	prefix := indent + word + "  "
	width := 0
	if v.width > 0 {
		width = max(20, v.width-len(prefix))
	}
	for i, l := range wrap(v.pasted(text), width) {
		if i == 0 {
			v.line("%s%s  %s", indent, v.paint(color, word), v.paint(c, l))
			continue
		}
		v.line("%s%s", strings.Repeat(" ", len(prefix)), v.paint(c, l))
	}
}

// items are shown of what is wrong; of the rest with --all.
func (v *checkView) items(x *check.Result) {
	items := x.Items
	if !v.all && x.Status == check.Pass {
		return
	}
	more := 0
	if !v.all && len(items) > checkItems {
		items, more = items[:checkItems], len(items)-checkItems
	}
	for _, item := range items {
		v.paragraph("        - ", v.clean(item), "")
	}
	if more > 0 {
		v.line("        - and %s more; see --all", reconcile.Number(more))
	}
}

func (v *checkView) summary(r *check.Report) string {
	n := func(s check.Status, one, many string, c style) string {
		text := words.Count(r.Count(s), one, many)
		if r.Count(s) == 0 {
			return text
		}
		return v.paint(c, text)
	}
	return fmt.Sprintf("%s, %s, %d pass, %d cannot be seen.", n(check.Fail, "failure", "failures", red), n(check.Warn, "warning", "warnings", yellow), r.Count(check.Pass), r.Count(check.Unseen))
}
