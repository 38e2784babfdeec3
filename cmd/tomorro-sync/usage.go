package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tomorro-sync/reconcile/words"
)

// arguments makes a wrong number of arguments, and one that is empty, a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		see := "see: " + cmd.CommandPath() + " --help"
		if err := check(cmd, args); err != nil {
			return usage(wrongArguments(cmd, args), see)
		}
		if slices.ContainsFunc(args, blank) {
			return usage(errors.New("an argument is empty"), "a variable of the shell may not be set; "+see)
		}
		for _, name := range narrowing {
			if f := cmd.Flags().Lookup(name); f != nil && f.Changed && blank(f.Value.String()) {
				return usage(fmt.Errorf("--%s is empty, which would not narrow anything", name), "a variable of the shell may not be set; leave the flag out for all")
			}
		}
		return nil
	}
}

// wrongArguments says what a command takes.
func wrongArguments(cmd *cobra.Command, args []string) error {
	_, takes, some := strings.Cut(cmd.Use, " ")
	switch {
	case cmd.HasSubCommands() && len(args) > 0:
		return misspelt(cmd, cmd.Name()+" has no command", args[0])
	case !some:
		return fmt.Errorf("%s takes no argument, and %q is one", cmd.Name(), args[0])
	}
	return fmt.Errorf("%s takes %s, and got %s", cmd.Name(), takes, words.Count(len(args), "argument", "arguments"))
}

// narrowing are the flags that name the one person or group that a command is about, so
// that an empty one must not stand for everybody.
var narrowing = []string{"user", "group"}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// misspelt says that a command does not have another, and which one may be meant.
func misspelt(cmd *cobra.Command, what, word string) error {
	var known []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			known = append(known, c.Name())
		}
	}
	text := fmt.Sprintf("%s %q", what, word)
	if near := nearest(word, known); near != "" {
		text += "; did you mean " + near + "?"
	}
	return errors.New(text)
}

// mendHelp has the help command refuse a misspelt name, which Cobra's answers with the
// whole manual as if that had been asked for.
func mendHelp(root *cobra.Command) {
	find := func(path []string) (*cobra.Command, []string) {
		cmd, rest, _ := root.Find(path) // never fails, since the root takes any arguments
		return cmd, rest
	}
	root.InitDefaultHelpCmd()
	help, _ := find([]string{"help"})
	help.Run, help.RunE = nil, func(_ *cobra.Command, args []string) error {
		cmd, rest := find(args)
		if len(rest) > 0 && cmd.HasSubCommands() {
			return usage(wrongArguments(cmd, rest), "see: "+cmd.CommandPath()+" --help")
		}
		cmd.InitDefaultHelpFlag()
		return cmd.Help()
	}
}

// flagError says in words what a flag takes, when it got something else.
func flagError(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	takes := map[string]string{
		"int": "a whole number", "uint": "a whole number of 0 or more", "uint64": "a whole number of 0 or more",
		"duration": "a duration such as 90s or 48h", "bool": "true or false",
	}[wrong.GetFlag().Value.Type()]
	if takes == "" {
		return err
	}
	return fmt.Errorf("--%s takes %s, and got %q", wrong.GetFlag().Name, takes, wrong.GetValue())
}

// wrapHelp makes help fit the terminal, if it goes to one. Elsewhere it stays as it is written.
func (p *program) wrapHelp(root *cobra.Command) {
	written := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		out := p.screen(p.stdout)
		if out.width == 0 {
			written(cmd, args)
			return
		}
		out.flow(cmp.Or(cmd.Long, cmd.Short))
		out.line("")
		cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", out.width)))
		fmt.Fprint(p.stdout, cmd.UsageString())
	})
}

// flow prints a written text, wrapped.
func (s *screen) flow(written string) {
	for _, text := range paragraphs(strings.TrimSpace(written)) {
		label := labelled.FindString(text)
		s.paragraph(label, text[len(label):], "")
	}
}

// labelled is what the rest of an indented line is aligned behind.
var labelled = regexp.MustCompile(`^ +([\w-]+:? +)?`)

// paragraphs joins the lines of a text that belong together. Indented lines stay alone.
func paragraphs(text string) []string {
	var all []string
	open := false
	for line := range strings.SplitSeq(text, "\n") {
		if flows := line != "" && line[0] != ' '; flows && open {
			all[len(all)-1] += " " + line
		} else {
			all, open = append(all, line), flows
		}
	}
	return all
}
