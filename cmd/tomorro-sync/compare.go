package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// compare shows what the configuration does that another one would not, and the
// other way round.
func (p *program) compare(cmd *cobra.Command, file string, all bool) error {
	c, err := p.configuration()
	if err != nil {
		return err
	}
	former, err := loadConfig(file, p.environ)
	if err != nil {
		return usage(err, configHint)
	}
	if err := former.validate(); err != nil {
		return usage(err, configHint)
	}
	if c.OneLogin.source() != former.OneLogin.source() || c.Tomorro.URL != former.Tomorro.URL {
		return usage(errors.New("--compare: the two configurations name different apps or organisations, so their plans have nothing in common"), "compare two configurations of one connection")
	}
	return p.open(cmd.Context(), session{config: c, remember: true}, func(conn *connection) error {
		diff, err := conn.runner.Compare(cmd.Context(), former.policy(""))
		if err != nil {
			return err
		}
		if p.asJSON() {
			return writeJSON(p.stdout, diff)
		}
		p.view(c, all).showComparison(&diff, file)
		return nil
	})
}

func (v *planView) showComparison(d *reconcile.Comparison, file string) {
	name := v.clean(file)
	if len(d.Only)+len(d.Former)+len(d.OnlyHeld)+len(d.FormerHeld) == 0 {
		v.line("Both configurations would do the same.")
		return
	}
	side := func(title string, changes []reconcile.Change, held []reconcile.Held) {
		v.line("%s", v.paint(bold, fmt.Sprintf("%s: %s, %s", title, words.Count(len(changes), "change", "changes"), words.Count(len(held), "held change", "held changes"))))
		v.people(changes)
		v.groups(changes)
		v.held(held)
	}
	side("only with this configuration", d.Only, d.OnlyHeld)
	v.line("")
	side("only with "+name, d.Former, d.FormerHeld)
}
