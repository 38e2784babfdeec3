package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// configurations loads and checks all that serve is given. Every one needs a
// schedule and Redis; together they must not be the same connection twice.
func (p *program) configurations() ([]*config, error) {
	files := p.configFiles
	if len(files) == 0 {
		files = []string{""}
	}
	var configs []*config
	for _, file := range files {
		one := *p
		one.configFiles = []string{file}
		c, err := one.configuration()
		if err == nil {
			err = c.storeGiven()
		}
		if err == nil && c.Schedule.Cron == "" {
			err = usage(errors.New("schedule.cron: is missing; serve makes runs by it"), `write schedule: {cron: "0 2 * * *", timezone: Europe/Paris}`)
		}
		if err != nil && len(files) > 1 {
			err = &failure{exitUsage, fmt.Errorf("%s: %w", file, err), configHint}
		}
		if err != nil {
			return nil, err
		}
		configs = append(configs, c)
	}
	return configs, usage(errors.Join(apart(configs), shared(configs, p.environ)), "give each configuration its own connection, Tomorro and secrets")
}

// apart refuses configurations that would work on the same thing twice.
func apart(configs []*config) error {
	var errs []error
	names, tomorros := make(map[string]bool), make(map[string]bool)
	for i, c := range configs {
		url := strings.TrimRight(c.Tomorro.URL, "/")
		if names[c.Connection] {
			errs = append(errs, fmt.Errorf("connection: %q is the name of two configurations; they would share lock and journal", c.Connection))
		}
		if tomorros[url+" "+c.Tomorro.Token.reveal()] {
			errs = append(errs, fmt.Errorf("tomorro: two configurations write to %s with the same token", c.Tomorro.URL))
		}
		names[c.Connection], tomorros[url+" "+c.Tomorro.Token.reveal()] = true, true
		if i > 0 && c.Listen.Admin != configs[0].Listen.Admin && c.Listen.Admin != defaultConfig().Listen.Admin {
			errs = append(errs, fmt.Errorf("listen.admin: %s of %q is not used; the first configuration says where to listen", c.Listen.Admin, c.Connection))
		}
		if i > 0 && !c.Listen.sameConsole(&configs[0].Listen) {
			errs = append(errs, fmt.Errorf("listen.console: that of %q is not used; the first configuration says where the console listens, and who signs in", c.Connection))
		}
	}
	return errors.Join(errs...)
}

// shared refuses variables that would give several connections the same value of
// something that is their own.
func shared(configs []*config, environ []string) error {
	if len(configs) < 2 {
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(ours(environ))) {
		key := strings.TrimPrefix(name, envPrefix)
		if strings.HasPrefix(key, "TOMORRO_") || key == "CONNECTION" || key == "ONELOGIN_APP_ID" {
			errs = append(errs, fmt.Errorf("environment variable %s would hold for all %d configurations", name, len(configs)))
		}
	}
	return errors.Join(errs...)
}
