package audit

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// formula finds where a spreadsheet would begin to calculate: at the beginning of a cell,
// and behind a semicolon, which is what separates cells where commas are in numbers.
var formula = regexp.MustCompile(`(^|;["\t ]*)([\t\r\n ]*[=+\-@\t\r])`)

// Cell is text from outside as a spreadsheet shows it, and does not take it for a formula;
// nor does a terminal take it for a command.
func Cell(text string) string { return visible(formula.ReplaceAllString(text, "$1'$2")) }

// visible writes what would move a terminal's cursor, or turn a line around, as an escape.
func visible(text string) string {
	hidden := func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
	}
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// visibleLines is visible for a text of several lines.
func visibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}
