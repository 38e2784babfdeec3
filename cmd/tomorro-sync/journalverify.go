package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile/words"
)

func (p *program) journalVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Compare the journal with its seals: was it changed since?",
		Long: `verify reads the journal and compares it with the seals that runs put on it: each is a hash over the one before and all entries since. An
entry that was changed, removed or put in later breaks the seal over it, and verify ends with 1.

The last seal's hash stands for all before it. Write it down elsewhere, as each report does: whoever can write to Redis could make all
seals anew, and would then have another. What an erasure took out is vouched for by its hash; what is older than journal.keep is gone.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withMemory(cmd, func(_ *config, m memory) error {
				v, err := m.Verify(cmd.Context())
				if err != nil {
					return err
				}
				return p.showVerdict(&v)
			})
		},
	}
}

func (p *program) showVerdict(v *jobs.Verdict) error {
	if p.asJSON() {
		if err := writeJSON(p.stdout, v); err != nil {
			return err
		}
	} else {
		p.printVerdict(v)
	}
	switch {
	case len(v.Broken) > 0 && p.asJSON(): // the document says what
		return ended(exitError)
	case len(v.Broken) > 0:
		return &failure{exitError, errors.New("the journal is not what it was when it was sealed"), "look who can write to Redis; a backup of it from before may tell what stood there"}
	}
	return nil
}

func (p *program) printVerdict(v *jobs.Verdict) {
	out := p.screen(p.stdout)
	if v.Seals == 0 {
		out.line("The journal has no seal yet: the next run puts one on it. %s without.", words.Count(v.Unsealed, "entry is", "entries are"))
		return
	}
	for _, b := range v.Broken {
		out.paragraph("BROKEN  ", out.clean(sealWords(&b)), red)
	}
	if len(v.Broken) == 0 {
		out.line("%s as when sealed.", words.Count(v.Entries, "entry is", "entries are"))
	} else {
		out.line("The other %s as when sealed.", words.Count(v.Entries, "entry is", "entries are"))
	}
	if v.Erased > 0 {
		out.line("The content of %s was erased since; its hash vouches for it.", words.Count(v.Erased, "entry", "entries"))
	}
	if v.Gone > 0 {
		out.line("%s over what is not kept any more.", words.Count(v.Gone, "seal is", "seals are"))
	}
	if v.Unsealed > 0 {
		out.line("%s since the last seal; the next run seals them.", words.Count(v.Unsealed, "entry was written", "entries were written"))
	}
	out.line("seal %d of %s  %s", v.Head.Number, v.Head.Time.Local().Format(time.DateTime), v.Head.Hash)
}

// sealWords says which entries a broken seal is over.
func sealWords(b *jobs.Broken) string {
	return fmt.Sprintf("%s: seal %d of %s is over %s from %s to %s, and %s there", b.Why, b.Seal.Number, b.Seal.Time.Local().Format(time.DateTime),
		words.Count(b.Seal.Entries, "entry", "entries"), b.Seal.From, b.Seal.To, words.Count(b.Found, "is", "are"))
}
