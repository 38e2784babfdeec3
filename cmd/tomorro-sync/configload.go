package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

const (
	envPrefix         = "TOMORRO_SYNC_"
	defaultConfigFile = "tomorro-sync.yaml"
)

// loadConfig reads the file, lays the environment over it and reads the secret
// files. An empty path means tomorro-sync.yaml in the working directory if
// there is one. All mistakes found are in the one error.
func loadConfig(path string, environ []string) (*config, error) {
	c := defaultConfig()
	if err := c.readFile(path); err != nil {
		return nil, err
	}
	errs := []error{c.readEnvironment(environ), c.readSecretFiles()}
	return &c, errors.Join(errs...)
}

func (c *config) readFile(path string) error {
	named := path != ""
	if !named {
		path = defaultConfigFile
	}
	text, err := readText(path)
	if errors.Is(err, os.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if err := decodeYAML(path, text, c); err != nil {
		return err
	}
	c.findFiles(filepath.Dir(path))
	return nil
}

// findFiles takes the files that a configuration names from its own directory, wherever the
// program was started; those that are not there stay as they are, from the working directory.
func (c *config) findFiles(dir string) {
	files := []*string{&c.Listen.TokensFile, &c.Listen.CertFile, &c.Listen.KeyFile, &c.Redis.CAFile}
	for _, s := range c.secrets() {
		files = append(files, s.file)
	}
	for _, file := range files {
		if *file == "" || filepath.IsAbs(*file) {
			continue
		}
		beside := filepath.Join(dir, *file)
		if _, err := os.Stat(beside); err == nil {
			*file = beside
		}
	}
}

// readEnvironment lets the environment win over the file. A secret given in
// either form there replaces both forms of the file.
func (c *config) readEnvironment(environ []string) error {
	vars := ours(environ)
	for _, s := range c.secrets() {
		if vars[envPrefix+s.env] != "" || vars[envPrefix+s.env+"_FILE"] != "" {
			*s.value, *s.file = "", ""
		}
	}
	if vars[envPrefix+"LISTEN_TOKENS"] != "" || vars[envPrefix+"LISTEN_TOKENS_FILE"] != "" {
		c.Listen.Tokens, c.Listen.TokensFile = nil, ""
	}
	err := env.ParseWithOptions(c, env.Options{Environment: vars, Prefix: envPrefix})
	var many env.AggregateError
	if !errors.As(err, &many) {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(vars)) { // each by itself: the package names fields, and no variables
		one := env.ParseWithOptions(new(config), env.Options{Environment: map[string]string{name: vars[name]}, Prefix: envPrefix})
		if wrong := new(env.ParseError); errors.As(one, wrong) { // the value, which may be a secret, is not repeated
			errs = append(errs, fmt.Errorf("environment variable %s: expected %s", name, expected(wrong.Type)))
		}
	}
	return cmp.Or(errors.Join(errs...), err)
}

// expected says what a variable for a type has to be.
func expected(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[count]():
		return "a whole number or none"
	case reflect.TypeFor[share]():
		return "a percentage such as 10%, or none"
	case reflect.TypeFor[time.Duration]():
		return "a time such as 24h or 90m"
	case reflect.TypeFor[map[string]string]():
		return "pairs such as head of legal:admin,cfo:manager"
	}
	return typeWord(t.Kind().String())
}

// ours keeps the variables that are set and not empty.
func ours(environ []string) map[string]string {
	vars := make(map[string]string)
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			vars[name] = value
		}
	}
	return vars
}

// misspelled lists variables that look like one of ours but are none. Others
// with the prefix are left alone: Kubernetes, for one, injects
// TOMORRO_SYNC_SERVICE_HOST for a service of this name.
func misspelled(environ []string) []string {
	params, err := env.GetFieldParamsWithOptions(&config{}, env.Options{Prefix: envPrefix})
	if err != nil {
		return nil
	}
	known := make([]string, 0, len(params))
	for _, p := range params {
		known = append(known, strings.TrimPrefix(p.Key, envPrefix))
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(ours(environ))) {
		key := strings.TrimPrefix(name, envPrefix)
		if slices.Contains(known, key) {
			continue
		}
		if near := nearest(key, known); near != "" {
			out = append(out, fmt.Sprintf("environment variable %s is not known and not used; did you mean %s%s?", name, envPrefix, near))
		}
	}
	return out
}

func (c *config) readSecretFiles() error {
	var errs []error
	for _, s := range c.secrets() {
		errs = append(errs, s.read())
	}
	if c.Listen.TokensFile != "" {
		errs = append(errs, c.readTokens())
	}
	return errors.Join(errs...)
}

func (s secretPair) read() error {
	if *s.file == "" {
		return nil
	}
	if *s.value != "" {
		return fmt.Errorf("%s and %s_file are both given; keep one of them", s.key, s.key)
	}
	text, err := readText(*s.file)
	if err != nil {
		return fmt.Errorf("%s_file: %w", s.key, err)
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return fmt.Errorf("%s_file: %s is empty; put the secret into it", s.key, *s.file)
	}
	if bytes.ContainsAny(text, "\r\n") {
		return fmt.Errorf("%s_file: %s has more than one line; leave nothing but the secret in it", s.key, *s.file)
	}
	*s.value = Secret(text)
	return nil
}

// readText reads a file without the mark that editors on Windows put in front of a text,
// with which no service knows a secret.
func readText(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	return bytes.TrimPrefix(text, []byte("\ufeff")), err
}

func (c *config) readTokens() error {
	if len(c.Listen.Tokens) > 0 {
		return errors.New("listen.tokens and listen.tokens_file are both given; keep one of them")
	}
	text, err := readText(c.Listen.TokensFile)
	if err != nil {
		return fmt.Errorf("listen.tokens_file: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			c.Listen.Tokens = append(c.Listen.Tokens, Secret(line))
		}
	}
	return nil
}
