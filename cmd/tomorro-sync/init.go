package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs/setup"
	"tomorro-sync/reconcile"
)

func (p *program) initCommand() *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Ask for what is needed, try each answer, and write the configuration",
		Long: `init asks for OneLogin, Tomorro and Redis, tries each answer as it is given, and asks again when it is wrong. It lists the apps to
choose from, reads the titles in use and proposes titles:, says what the rules would do, and writes the configuration (--config, or
tomorro-sync.yaml) and its secrets into files of their own in secrets/ beside it, readable by you only. It writes nothing to
OneLogin and Tomorro, and nothing at all before the last question is answered.

Every answer can also be given by a flag. Secrets are never typed into a command line: a flag names the file that holds one, or an
environment variable holds it: TOMORRO_SYNC_ONELOGIN_CLIENT_SECRET, TOMORRO_SYNC_TOMORRO_TOKEN, TOMORRO_SYNC_REDIS_PASSWORD.
Without a terminal, a missing or wrong answer ends the program with exit code 2 and the flag's name.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := p.given(cmd)
			if err != nil {
				return err
			}
			return p.init(cmd.Context(), given, force)
		},
	}
	f := cmd.Flags()
	for _, q := range setup.Questions() {
		about := "`VALUE`: " + q.Text
		if q.Hidden {
			about = "`FILE` that holds: " + q.Text
		}
		if q.Default != "" {
			about += "; else " + q.Default
		}
		f.String(q.Flag, "", about)
	}
	f.BoolVar(&force, "force", false, "replace a configuration that is there, and keep it with .old at its name")
	return cmd
}

// given collects the answers of flags and, for secrets, of the environment.
func (p *program) given(cmd *cobra.Command) (map[setup.Key]setup.Given, error) {
	vars, all := ours(p.environ), make(map[setup.Key]setup.Given)
	for _, q := range setup.Questions() {
		name := envPrefix + q.Env
		if q.Env != "" && vars[name] != "" {
			all[q.Key] = setup.Given{Value: vars[name], From: name}
		}
		file, from := "", ""
		if q.Env != "" && vars[name+"_FILE"] != "" {
			file, from = vars[name+"_FILE"], name+"_FILE"
		}
		if cmd.Flags().Changed(q.Flag) {
			value, _ := cmd.Flags().GetString(q.Flag)
			if !q.Hidden {
				all[q.Key] = setup.Given{Value: strings.TrimSpace(value), From: "--" + q.Flag}
				continue
			}
			file, from = value, "--"+q.Flag
		}
		if from == "" {
			continue
		}
		text, err := readText(file)
		if err == nil && strings.TrimSpace(string(text)) == "" {
			err = errors.New("the file is empty; put the secret into it")
		}
		if err != nil {
			return nil, usage(fmt.Errorf("%s: %w", from, err), "name the file that holds the secret, and nothing else")
		}
		all[q.Key] = setup.Given{Value: strings.TrimSpace(string(text)), From: from}
	}
	return all, nil
}

// init asks, then writes: until then nothing is there.
func (p *program) init(ctx context.Context, given map[setup.Key]setup.Given, force bool) error {
	place, err := p.placeOf(force)
	if err != nil {
		return err
	}
	person := &asker{p: p, screen: p.screen(p.stderr)}
	d := setup.Dialogue{OneLogin: oneloginProbe{}, Tomorro: tomorroProbe{}, Redis: redisProbe{}, Person: person, Interactive: p.interactive,
		Given: given, Kept: place.kept(), Check: place.check}
	answers, survey, err := d.Run(ctx)
	if err == nil {
		setup.Summary(&answers, &survey, person.Say)
		err = place.write(ctx, &answers, &survey)
	}
	if err != nil {
		return initFailure(ctx, err)
	}
	return p.introduceConfiguration(place, &answers, &survey)
}

// initFailure says that nothing was written, and how to go on.
func initFailure(ctx context.Context, err error) error {
	missing, unanswered := errors.AsType[*setup.UnansweredError](err)
	switch {
	case ctx.Err() != nil:
		return &failure{exitInterrupted, errors.New("interrupted; nothing was written"), "run it again: tomorro-sync init"}
	case errors.Is(err, io.EOF):
		return usage(errors.New("the input ended before the last answer; nothing was written"), "answer on a terminal, or by flags: tomorro-sync init --help")
	case unanswered:
		hint := "give it by --" + missing.Question.Flag
		if missing.Question.Env != "" {
			hint += " or the environment variable " + envPrefix + missing.Question.Env
		}
		return usage(err, hint+", or run init on a terminal")
	case errors.Is(err, setup.ErrExists):
		return usage(err, "nothing was written")
	}
	return fmt.Errorf("%w; nothing was written", err)
}

// place is where the configuration and its secrets go.
type place struct {
	config, secrets string
	named           string // the directory of secrets as the configuration names it
	force           bool
	former          string // where a configuration goes that is replaced; empty if none is
}

func (p *program) placeOf(force bool) (*place, error) {
	if len(p.configFiles) > 1 {
		return nil, usage(errors.New("--config is given more than once"), "name the one file that init shall write")
	}
	at := &place{config: defaultConfigFile, force: force}
	if len(p.configFiles) == 1 {
		at.config = filepath.Clean(p.configFiles[0])
	}
	at.secrets = filepath.Join(filepath.Dir(at.config), setup.SecretsDir)
	at.named = at.secrets
	if filepath.Dir(at.config) != "." { // the loader reads paths as seen from the working directory
		absolute, err := filepath.Abs(at.secrets)
		if err != nil {
			return nil, fmt.Errorf("find the directory of the secrets: %w", err)
		}
		at.named = absolute
	}
	if _, err := os.Lstat(at.config); !force && err == nil {
		return nil, usage(fmt.Errorf("%s exists already, and is not overwritten", at.config), "edit it; or name another file with --config, or replace it with --force")
	}
	if info, err := os.Stat(filepath.Dir(at.config)); err != nil || !info.IsDir() {
		return nil, usage(fmt.Errorf("%s is not a directory", filepath.Dir(at.config)), "make it, or name another file with --config")
	}
	if err := writable(filepath.Dir(at.config)); err != nil { // better now than after the last answer
		return nil, usage(err, "go to a directory that you may write to, or name a file in one with --config")
	}
	return at, nil
}

// writable makes a file in a directory and takes it away again.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".tomorro-sync-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written to: %w", dir, errors.Unwrap(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// secretFiles names the file of each secret that is asked for.
func secretFiles() map[setup.Key]string {
	return map[setup.Key]string{setup.KeyClientSecret: setup.FileClientSecret, setup.KeyToken: setup.FileToken,
		setup.KeyRedisURL: setup.FileRedisURL, setup.KeyRedisPassword: setup.FileRedisPassword}
}

// kept gives the secrets that an earlier init, or a person, left in their files.
func (at *place) kept() map[setup.Key]setup.Given {
	all := make(map[setup.Key]setup.Given)
	for k, name := range secretFiles() {
		file := filepath.Join(at.secrets, name)
		if text, err := readText(file); err == nil && strings.TrimSpace(string(text)) != "" {
			all[k] = setup.Given{Value: strings.TrimSpace(string(text)), From: file}
		}
	}
	return all
}

// check refuses a secret whose file has another one already.
func (at *place) check(k setup.Key, value string) error {
	name, ok := secretFiles()[k]
	if !ok {
		return nil
	}
	return setup.File{Path: filepath.Join(at.secrets, name), Text: []byte(value)}.Free(at.force)
}

// token gives the listener's token: the one that is there, so that OneLogin need not be
// told another, or a new one.
func (at *place) token() (token setup.Secret, fresh bool) {
	text, err := readText(filepath.Join(at.secrets, setup.FileListenTokens))
	if first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n"); err == nil && len(first) >= leastToken && !strings.HasPrefix(first, "sha256:") {
		return setup.Secret(strings.TrimSpace(first)), false
	}
	return setup.NewToken(), true
}

// write writes everything, if the program's own loader takes it.
func (at *place) write(ctx context.Context, a *setup.Answers, s *setup.Survey) error {
	text := setup.Render(a, s, at.named)
	token, fresh := at.token()
	files := setup.Files(a, at.secrets, token)
	if err := accepted(at.config, text, files); err != nil {
		return fmt.Errorf("the configuration would not be accepted: %w", err)
	}
	if !fresh { // the file may have others, too
		files = slices.DeleteFunc(files, func(f setup.File) bool { return filepath.Base(f.Path) == setup.FileListenTokens })
	}
	if old, err := os.ReadFile(at.config); err == nil && !bytes.Equal(old, text) { // titles, limits and more that nobody is asked for again
		at.former = unused(at.config + ".old")
		files = append(files, setup.File{Path: at.former, Text: old})
	}
	return setup.Write(append(files, setup.File{Path: at.config, Text: text}), at.force, func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	})
}

// unused gives a name that no file has: this one, or with the first number that makes it so.
func unused(name string) string {
	free := name
	for n := 2; ; n++ {
		if _, err := os.Lstat(free); err != nil {
			return free
		}
		free = fmt.Sprint(name, n)
	}
}

// accepted reads a configuration as loadConfig does, with the secrets' files that are
// not there yet.
func accepted(path string, text []byte, files []setup.File) error {
	c := defaultConfig()
	if err := decodeYAML(path, text, &c); err != nil {
		return err
	}
	texts := make(map[string]Secret)
	for _, f := range files {
		texts[filepath.Base(f.Path)] = Secret(strings.TrimSpace(string(f.Text)))
	}
	for _, s := range c.secrets() {
		if *s.file != "" {
			*s.value, *s.file = texts[filepath.Base(*s.file)], ""
		}
	}
	if c.Listen.TokensFile != "" {
		c.Listen.Tokens, c.Listen.TokensFile = []Secret{texts[filepath.Base(c.Listen.TokensFile)]}, ""
	}
	return c.validate()
}

// initJSON is what init found and wrote.
type initJSON struct {
	Config    string               `json:"config"`
	Former    string               `json:"former,omitempty"` // what was there before
	Secrets   string               `json:"secrets"`          // the directory
	AppID     int64                `json:"appId"`
	AppName   string               `json:"appName"`
	Active    int                  `json:"active"`
	Unmapped  []string             `json:"unmapped"` // titles
	Missing   []string             `json:"missing"`  // groups
	Changes   map[reconcile.Op]int `json:"changes"`
	Held      int                  `json:"held"`
	BaseURL   string               `json:"baseUrl,omitempty"`
	TokenFile string               `json:"tokenFile,omitempty"`
	Template  string               `json:"template,omitempty"`
	Headers   string               `json:"headers,omitempty"`
}

// introduceConfiguration says what was written, and what comes next.
func (p *program) introduceConfiguration(at *place, a *setup.Answers, s *setup.Survey) error {
	tokens := filepath.Join(at.secrets, setup.FileListenTokens)
	if p.asJSON() {
		doc := initJSON{Config: at.config, Former: at.former, Secrets: at.secrets, AppID: a.OneLogin.AppID, AppName: a.OneLogin.AppName, Active: s.Active,
			Unmapped: []string{}, Missing: append([]string{}, s.Missing...), Changes: s.Changes, Held: s.Held}
		for _, t := range a.Titles {
			if t.From == setup.TitleUnknown {
				doc.Unmapped = append(doc.Unmapped, t.Title)
			}
		}
		if a.BaseURL != "" {
			doc.BaseURL, doc.TokenFile, doc.Template, doc.Headers = a.BaseURL, tokens, setup.Template, setup.Headers
		}
		return writeJSON(p.stdout, doc)
	}
	out := p.screen(p.stdout)
	out.heading("Written")
	out.line("%s", at.config)
	if at.former != "" {
		out.paragraph("! ", at.former+" is the configuration as it was: carry over what you had added to it", yellow)
	}
	out.paragraph("", at.secrets+string(filepath.Separator)+"  its secrets, readable by you only", "")
	if a.BaseURL != "" {
		out.heading("To paste into OneLogin")
		out.paragraph("", "The same, with the token, is in "+filepath.Join(at.secrets, setup.FileValues)+".", dim)
		out.line("")
		for line := range strings.Lines(setup.Values(a.BaseURL, "the line in "+tokens)) {
			out.line("%s", strings.TrimRight(line, "\n"))
		}
	}
	out.line("")
	out.advise("next: ", "see each change, and what is held, with: tomorro-sync plan")
	return nil
}
