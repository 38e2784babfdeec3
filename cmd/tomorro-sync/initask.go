package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"tomorro-sync/jobs/setup"
)

// asker asks the person at the terminal, on stderr.
type asker struct {
	p      *program
	screen *screen
	lines  *bufio.Reader
	told   map[setup.Key]bool // whose help was shown
}

// Ask implements setup.Person. What a secret's question is answered with is not shown.
// A cancelled context ends the question, and the terminal shows again what is typed.
func (a *asker) Ask(ctx context.Context, q setup.Question) (string, error) {
	if a.told == nil {
		a.told = make(map[setup.Key]bool)
	}
	if !a.told[q.Key] {
		a.told[q.Key] = true
		a.screen.line("")
		a.screen.paragraph("", q.Help, dim)
	}
	answer, err := a.read(ctx, q, a.prompt(q))
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return answer, nil
}

func (a *asker) prompt(q setup.Question) string {
	prompt := q.Text
	switch {
	case q.Kept != "":
		prompt += " (not shown; Enter keeps " + q.Kept + ")"
	case q.Hidden:
		prompt += " (not shown)"
	}
	if q.Default != "" && q.Kept == "" {
		prompt += " [" + a.screen.clean(q.Default) + "]"
	}
	return prompt + ": "
}

// read reads one line, hidden if it is a secret's and from a terminal.
func (a *asker) read(ctx context.Context, q setup.Question, prompt string) (string, error) {
	fmt.Fprint(a.p.stderr, a.screen.paint(bold, prompt))
	read, restore := a.line, func() {}
	if f, ok := a.p.stdin.(*os.File); ok && q.Hidden && isTerminal(a.p.stdin) {
		fd := int(f.Fd())
		state, err := term.GetState(fd)
		if err != nil {
			return "", fmt.Errorf("hide what is typed: %w", err)
		}
		read = func() (string, error) { text, err := term.ReadPassword(fd); return string(text), err }
		restore = func() { _ = term.Restore(fd, state); fmt.Fprintln(a.p.stderr) }
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // ends with its line, or with the program: a read cannot be called back
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		restore()
		fmt.Fprintln(a.p.stderr)
		return "", context.Cause(ctx)
	case got := <-answers:
		restore()
		text := strings.TrimSpace(got.text)
		if got.err != nil && (text == "" || !errors.Is(got.err, io.EOF)) {
			return "", got.err
		}
		return text, nil
	}
}

func (a *asker) line() (string, error) {
	if a.lines == nil {
		a.lines = bufio.NewReader(a.p.stdin)
	}
	return a.lines.ReadString('\n')
}

// Say implements setup.Person.
func (a *asker) Say(t setup.Tone, text string) {
	text = a.screen.clean(text)
	switch t {
	case setup.Part:
		a.screen.heading(text)
	case setup.Good:
		a.screen.paragraph("✓ ", text, green)
	case setup.Note:
		a.screen.paragraph("! ", text, yellow)
	case setup.Wrong:
		a.screen.paragraph("✗ ", text, red)
	default:
		a.screen.paragraph("  ", text, "")
	}
}
