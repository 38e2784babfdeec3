package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

func (p *program) holdsCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "holds",
		Short: "List what is held, why, since when, and about whom",
		Long: `holds lists what the last run held, one hold for each reason, with an id that stands for exactly these changes. What a person can
let through is shown first; for everything else the reason says what ends it. It reads the journal only.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withMemory(cmd, func(c *config, m memory) error {
				book, err := jobs.ReadHolds(cmd.Context(), m)
				if err != nil {
					return err
				}
				holds, err := openHolds(cmd.Context(), c, m, book)
				if err != nil {
					return err
				}
				if p.asJSON() {
					return writeJSON(p.stdout, map[string]any{"holds": holds})
				}
				p.view(c, all).showHolds(holds, c.FourEyes, time.Now())
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "name everybody")
	return cmd
}

func openHolds(ctx context.Context, c *config, m memory, book *jobs.HoldBook) ([]jobs.Hold, error) {
	decisions, err := m.Decisions(ctx)
	if err != nil {
		return nil, err
	}
	return book.Open(decisions, c.FourEyes, time.Now()), nil
}

// approvalLife is how long an approval is good for: it outlives the next night.
const approvalLife = 48 * time.Hour

func (p *program) approveCommand() *cobra.Command {
	word := jobs.Word{Approves: true}
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Let the next run make exactly what a hold shows",
		Long: `approve lets the next run make the changes of a hold, as holds shows them: bound to their content, once, and within --for. Whatever
else is held by then waits for a word of its own. What an incomplete pull, a protection, min_admins or the second question to OneLogin
holds stays held. What somebody rejected of the hold stays rejected, unless --only names it or nothing else is left of the hold.
With four_eyes: true two people must say so; --as tells who you are. It writes nothing at Tomorro: reconcile does.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if word.For <= 0 {
				return usage(fmt.Errorf("--for %s is not a time to wait", word.For), "write a duration such as 2h")
			}
			return p.answer(cmd, args[0], word)
		},
	}
	cmd.Flags().StringArrayVar(&word.Only, "only", nil, "only what is about this `EMAIL`, OneLogin id or group; may be given several times")
	cmd.Flags().DurationVar(&word.For, "for", approvalLife, "how long the approval is good for")
	cmd.Flags().StringVar(&word.Who, "as", "", "who approves, as a `NAME` for the journal; default the signed-in user")
	return cmd
}

func (p *program) rejectCommand() *cobra.Command {
	var word jobs.Word
	cmd := &cobra.Command{
		Use:   "reject ID",
		Short: "Decide against what a hold shows",
		Long: `reject keeps the changes of a hold from being made and from being asked for again, as long as their content stays the same. An
approval of the same change takes it back.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(word.Why) == "" {
				return usage(errors.New("reject needs --why"), "say why, for those who read it later: --why \"they return in May\"")
			}
			return p.answer(cmd, args[0], word)
		},
	}
	cmd.Flags().StringArrayVar(&word.Only, "only", nil, "only what is about this `EMAIL`, OneLogin id or group; may be given several times")
	cmd.Flags().StringVar(&word.Why, "why", "", "the `REASON`, for the journal")
	cmd.Flags().StringVar(&word.Who, "as", "", "who rejects, as a `NAME` for the journal; default the signed-in user")
	return cmd
}

// answer stores somebody's word on a hold and says what follows.
func (p *program) answer(cmd *cobra.Command, id string, word jobs.Word) error {
	word.Who = whoIs(word.Who)
	return p.withMemory(cmd, func(c *config, m memory) error {
		book, err := jobs.ReadHolds(cmd.Context(), m)
		if err != nil {
			return err
		}
		holds, err := openHolds(cmd.Context(), c, m, book)
		if err != nil {
			return err
		}
		answered, err := jobs.Answer(cmd.Context(), m, holds, id, word, time.Now())
		if err != nil {
			return err
		}
		if holds, err = openHolds(cmd.Context(), c, m, book); err != nil {
			return err
		}
		enough := true
		for _, h := range holds {
			if h.ID == answered.ID && word.Approves {
				answered.Approvals, answered.Approved, answered.Rejected = h.Approvals, h.Approved, h.Rejected
				enough = h.Approved >= len(answered.Changes)
			}
		}
		if p.asJSON() {
			return writeJSON(p.stdout, map[string]any{"hold": answered, "enough": enough})
		}
		p.view(c, false).showAnswer(&answered, &word, enough)
		return nil
	})
}

func (v *planView) showAnswer(h *jobs.Hold, word *jobs.Word, enough bool) {
	n := words.Count(len(h.Changes), "change", "changes")
	switch {
	case !word.Approves:
		v.line("%s of hold %s rejected as %s.", n, h.ID, v.clean(word.Who))
	case !enough:
		v.line("%s of hold %s approved as %s. four_eyes: one more person must approve.", n, h.ID, v.clean(word.Who))
	default:
		v.line("%s of hold %s approved as %s, until %s.", n, h.ID, v.clean(word.Who), time.Now().Add(word.For).Format(time.DateTime))
		next := "the next run makes them; make one now with: tomorro-sync reconcile"
		if h.OfUndo() {
			next = "undo again: it makes them"
		}
		v.advise("next: ", next)
	}
	if word.Approves && len(word.Only) == 0 && h.Rejected > 0 {
		v.line("%s of it stays rejected; --only EMAIL approves that.", words.Count(h.Rejected, "change", "changes"))
	}
}

// showHolds prints each hold with its people.
func (v *planView) showHolds(holds []jobs.Hold, fourEyes bool, now time.Time) {
	if len(holds) == 0 {
		v.line("Nothing is held.")
		return
	}
	var first *jobs.Hold
	for i := range holds {
		h := &holds[i]
		if i > 0 {
			v.line("")
		}
		if h.Approvable && first == nil && h.Approved+h.Rejected < len(h.Changes) {
			first = h
		}
		v.line("%s  %s, %s, for %s", v.paint(bold, h.ID), h.Rule, words.Count(len(h.Changes), "change", "changes"), words.Age(now.Sub(h.Since)))
		v.paragraph("  ", v.clean(h.Reason), yellow)
		for _, text := range v.heldBy(h.Changes) {
			v.paragraph("  ", text, "")
		}
		for _, text := range v.standing(h, fourEyes) {
			v.paragraph("  ", text, green)
		}
	}
	if first != nil {
		v.line("")
		if text := first.Rather("tomorro-sync"); text != "" {
			v.advise("first: ", text)
		}
		v.advise("next: ", "let it through with: tomorro-sync approve "+first.ID+"  or decide against it with: tomorro-sync reject "+first.ID+" --why …")
	}
}

// standing says what was decided, and about whom, a line each.
func (v *planView) standing(h *jobs.Hold, fourEyes bool) (lines []string) {
	whom := make(map[string][]string)
	for i := range h.Changes {
		said := h.Said(&h.Changes[i])
		whom[said] = append(whom[said], cmp.Or(h.Changes[i].Who, h.Changes[i].Group))
	}
	if n := h.Rejected; n > 0 {
		text := fmt.Sprintf("%s rejected: %s; approve --only takes that back", reconcile.Number(n), v.names(whom[jobs.Rejected]))
		if n == len(h.Changes) {
			text = "approve takes that back"
		}
		lines = append(lines, text)
	}
	by := v.clean(strings.Join(h.Approvals, ", "))
	switch {
	case by == "":
	case h.Approved == 0 && fourEyes:
		lines = append(lines, "approved by "+by+"; one more must approve")
	default:
		lines = append(lines, fmt.Sprintf("%s approved by %s, %s makes them: %s", reconcile.Number(h.Approved), by, h.MadeBy(), v.names(whom[jobs.Approved])))
	}
	return lines
}

// heldBy lists whom each kind of change is about.
func (v *planView) heldBy(changes []reconcile.Change) []string {
	type kind struct {
		op    reconcile.Op
		group string
	}
	var order []kind
	who := make(map[kind][]string)
	for i := range changes {
		k := kind{changes[i].Op, changes[i].Group}
		if who[k] == nil {
			order = append(order, k)
		}
		whom := changes[i].Who
		if k.op == reconcile.OpRename {
			whom = waiting(&changes[i])
		}
		who[k] = append(who[k], whom)
	}
	lines := make([]string, len(order))
	for i, k := range order {
		lines[i] = fmt.Sprintf("%s: %s", strings.TrimRight(verb(k.op)+" "+v.clean(k.group), " "), v.names(who[k]))
	}
	return lines
}
