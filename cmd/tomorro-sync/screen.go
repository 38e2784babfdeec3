package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/term"

	"tomorro-sync/reconcile/words"
)

// The rules of the output: results go to stdout, everything else to stderr;
// colour, bars and questions only on a terminal; a pipe gets one line for one
// fact; what comes from outside is escaped before it is shown.

// screen is where text goes and what it may contain.
type screen struct {
	out   io.Writer
	width int  // columns; 0 when not a terminal: nothing is wrapped
	color bool // also isolates right-to-left names
	tty   bool
	// command is how the program was called, as far as what it says to run next has to be
	// about the same configuration.
	command string
}

func newScreen(out io.Writer, plain bool) *screen {
	s := &screen{out: out}
	f, ok := terminal(out)
	if !ok {
		return s
	}
	s.tty, s.color, s.width = true, !plain, 80
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		s.width = max(w, 30)
	}
	return s
}

type style string

const (
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	green  style = "\x1b[32m"
	yellow style = "\x1b[33m"
	red    style = "\x1b[31m"
	purple style = "\x1b[35m"
)

func (s *screen) paint(c style, text string) string {
	if !s.color || text == "" || c == "" {
		return text
	}
	return string(c) + text + "\x1b[0m"
}

func (s *screen) line(format string, args ...any) {
	fmt.Fprintln(s.out, s.pasted(fmt.Sprintf(format, args...)))
}

func (s *screen) heading(text string) { s.line("\n%s", s.paint(bold, strings.ToUpper(text))) }

// clean makes text from outside safe to show: control and format characters,
// which could move the cursor or reorder the line, are written as escapes, and
// on a terminal a right-to-left name is isolated from what surrounds it.
func (s *screen) clean(text string) string {
	var b strings.Builder
	rtl := false
	for _, r := range text {
		rtl = rtl || unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
		if unicode.IsControl(r) || (unicode.Is(unicode.Cf, r) && r != '\u200d' && r != '\u200c') || r == '\u2028' || r == '\u2029' {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	if rtl && s.tty {
		return "\u2068" + b.String() + "\u2069"
	}
	return b.String()
}

// fit cuts text to a display width, with an ellipsis.
func fit(text string, width int) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	used, end := 0, 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if used += g.Width(); used > width-1 {
			break
		}
		_, end = g.Positions()
	}
	cut := text[:end] + "…"
	if strings.HasPrefix(text, "\u2068") {
		cut += "\u2069"
	}
	return cut
}

// pad fills text to a display width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-uniseg.StringWidth(text)))
}

// wrap breaks text at blanks into lines of at most width columns; 0 never breaks.
// A word that is longer stays whole, and so does a command, so that it can be copied.
func wrap(text string, width int) []string {
	if width <= 0 || uniseg.StringWidth(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	whole := wholeCommand.ReplaceAllStringFunc(text, func(command string) string { return strings.ReplaceAll(command, " ", "\x00") })
	for word := range strings.FieldsSeq(whole) {
		word = strings.ReplaceAll(word, "\x00", " ")
		if line != "" && uniseg.StringWidth(line)+1+uniseg.StringWidth(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// paragraph prints text after a prefix, wrapped and aligned under itself.
func (s *screen) paragraph(prefix, text string, c style) {
	indent := uniseg.StringWidth(prefix)
	width := 0
	if s.width > 0 {
		width = max(20, s.width-indent)
	}
	if head := strings.TrimRight(prefix, " "); s.width > 0 && width+indent > s.width && head != "" && uniseg.StringWidth(text) > width {
		s.line("%s", head) // too little room beside it
		prefix, indent, width = "    ", 4, max(20, s.width-4)
	}
	for i, l := range wrap(s.pasted(text), width) {
		if i > 0 {
			prefix = strings.Repeat(" ", indent)
		}
		s.line("%s%s", prefix, s.paint(c, l))
	}
}

const commandName = "tomorro-sync"

// wholeCommand is a command with its arguments: up to a comma, a semicolon, a full stop, two
// blanks or the end.
var wholeCommand = regexp.MustCompile(`(go run )?[^\s']*` + commandName + `( --config ('[^']*'|\S+))? (` + words.Commands + `)\b( ('[^']*'|[^\s,;]*[^\s,;.]))*`)

// advise prints what can be run next, so that it can be pasted.
func (s *screen) advise(prefix, text string) { s.paragraph(prefix, text, bold) }

// pasted is text with its commands as they have to be called here.
func (s *screen) pasted(text string) string { return words.Pasted(text, s.command) }

// word is text as one word of a command: quoted unless every shell takes it as it is.
func word(text string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("@%+=:,./_-", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// writeJSON prints one document.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print the JSON document: %w", err)
	}
	return nil
}
