package main

import (
	"bufio"
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

type reconcileOptions struct {
	asking
	user         string
	queue, moved bool
}

func (p *program) reconcileCommand() *cobra.Command {
	var o reconcileOptions
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Make one run now; asks before writing on a terminal",
		Long: `reconcile takes the lock, reads OneLogin and Tomorro, shows the plan, asks, and makes the changes, each of them in the journal.
Exit code: 0 done, 3 some changes failed, 10 another run holds the lock, 11 something is held by the guard, 12 something waits for approval.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.queue {
				return p.queueRun(cmd, o)
			}
			return p.reconcile(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.user, "user", "", "only the person with this `EMAIL`")
	flags.BoolVar(&o.yes, "yes", false, "do not ask before writing")
	flags.StringVar(&o.approved, "approve", "", "approve what waits in the plan with this `PLAN_ID`")
	flags.BoolVar(&o.all, "all", false, "show every line of the plan")
	flags.BoolVar(&o.moved, "moved", false, "the organisation is the same as before, with the addresses and the app that are configured now")
	flags.BoolVar(&o.queue, "queue", false, "have a process that serves make the run, the first that is free")
	return cmd
}

func (p *program) reconcile(ctx context.Context, o reconcileOptions) error {
	if !o.yes && !p.interactive {
		return usage(errors.New("reconcile asks before it writes, and this is not a terminal"), "add --yes to write without being asked, or look first with: tomorro-sync plan")
	}
	s := session{approved: o.approved, user: o.user, store: true, runs: true, moved: o.moved}
	return p.connected(ctx, s, func(c *config, conn *connection) error {
		return p.make(ctx, c, o.asking, func(approve approval) (jobs.Report, error) {
			report, err := conn.runner.Reconcile(ctx, jobs.Trigger{By: "command", Who: whoAmI()}, approve)
			if report.Run != "" && err == nil && o.user == "" {
				p.forgive(ctx, conn.memory)
			}
			return report, err
		})
	})
}

// queueRun asks for a run that another process makes.
func (p *program) queueRun(cmd *cobra.Command, o reconcileOptions) error {
	if o.user != "" || o.approved != "" || o.all || o.moved {
		return usage(errors.New("--queue asks for a whole run, which another process makes"), "leave out --user, --approve, --all and --moved; approve what is held with: tomorro-sync approve")
	}
	return p.withMemory(cmd, func(_ *config, m memory) error {
		stored, err := m.Wish(cmd.Context(), jobs.Trigger{By: "command", Who: whoAmI()})
		if err != nil {
			return err
		}
		wish, err := m.Wished(cmd.Context())
		if err != nil {
			return err
		}
		if p.asJSON() {
			return writeJSON(p.stdout, wish)
		}
		s := p.screen(p.stdout)
		if !stored {
			s.line("A run is asked for already, by %s at %s.", s.clean(wish.Who), wish.Since.Format(time.TimeOnly))
			return nil
		}
		s.paragraph("", "A run is asked for. The first process that serves and is free makes it; see how it stands with: tomorro-sync schedule", "")
		return nil
	})
}

// approval is asked with a plan before anything is written.
type approval = func(reconcile.Plan) (bool, error)

// asking is how a run is to be shown and asked for.
type asking struct {
	yes, all bool
	approved string // the id of the plan that somebody approved, or empty
}

// make makes one run: it shows the plan, asks unless told not to, and shows the report.
func (p *program) make(ctx context.Context, c *config, o asking, run func(approval) (jobs.Report, error)) error {
	outliveReaders()
	view := p.view(c, o.all)
	var shown reconcile.Plan
	approve := func(plan reconcile.Plan) (bool, error) {
		again := shown.ID != ""
		shown = plan
		if !p.asJSON() {
			if again {
				view.line("")
				view.paragraph("! ", "It was a while until you said so, and by now something else is to be done:", yellow)
			}
			view.show(&plan)
		}
		switch {
		case o.approved == "":
		case c.FourEyes:
			p.screen(p.stderr).paragraph("! ", "--approve is one person's word, and four_eyes asks for two: it approves nothing. See what waits with: tomorro-sync holds", yellow)
		case o.approved != plan.ID:
			p.otherPlan(o.approved, &plan)
		}
		if o.yes || plan.Empty() {
			return true, nil
		}
		return p.ask(ctx, fmt.Sprintf("Make %s at %s?", words.Count(len(plan.Changes), "change", "changes"), c.Tomorro.URL))
	}
	report, err := run(approve)
	if report.Run == "" {
		if err == nil && !p.asJSON() {
			view.line("Nothing was written.")
		}
		return err
	}
	broken := &failure{code: report.Exit}
	if err != nil {
		broken = classify(ctx, err)
	}
	if printed := p.report(view, &report, &shown, broken); printed != nil && err == nil {
		return printed
	}
	if err == nil || p.asJSON() { // the document has the error
		return ended(broken.code)
	}
	return broken
}

// otherPlan says that what somebody approved is not what is to be done now.
func (p *program) otherPlan(approved string, now *reconcile.Plan) {
	waits := "Nothing in it waits for approval."
	if now.HeldBy(reconcile.HoldApproval) > 0 {
		waits = "What waits for approval is held."
	}
	p.screen(p.stderr).paragraph("! ", fmt.Sprintf("--approve %s approves nothing of this: the plan is %s by now. %s", approved, now.ID, waits), yellow)
}

// forgive ends the schedule's quarantine after a run by hand that went well.
func (p *program) forgive(ctx context.Context, m jobs.Forgiver) {
	if err := m.Forgive(ctx); err != nil {
		p.logger().Warn("the run went well, but a quarantine of the schedule stays", "error", err)
	}
}

type reportJSON struct {
	jobs.Report
	HeldChanges []reconcile.Held `json:"heldChanges"`
	Notes       []reconcile.Note `json:"notes"`
	Error       string           `json:"error,omitempty"` // why the run as a whole ended early
	Hint        string           `json:"hint,omitempty"`
}

// report shows what a run did, also when it was broken off.
func (p *program) report(view *planView, r *jobs.Report, plan *reconcile.Plan, broken *failure) error {
	if p.asJSON() {
		doc := planDocument(*plan)
		out := reportJSON{Report: *r, HeldChanges: doc.Held, Notes: doc.Notes, Hint: broken.hint}
		out.Exit = broken.code
		if broken.err != nil {
			out.Error = broken.err.Error()
		}
		return writeJSON(p.stdout, out)
	}
	view.showReport(r)
	view.line("")
	view.advise("next: ", "see each change with: tomorro-sync journal show "+r.Run)
	if n := pinnedBy(plan); n > 0 {
		view.advise("      ", words.Count(n, "person stays", "people stay")+" as the undo left them; let runs change them again with: tomorro-sync release EMAIL")
	}
	if r.Held[reconcile.HoldGuard]+r.Held[reconcile.HoldApproval] > 0 {
		end, again := "what ends that", ""
		if approvable(plan) {
			end = "let it through"
			if plan.Receipt.NotAsked {
				again = ", and then undo again"
			}
		}
		view.advise("      ", "see what is held, and "+end+", with: tomorro-sync holds"+again)
	}
	return nil
}

// askPatience is how long a question waits for its answer: who asks holds the lock, and a
// terminal that somebody left for the weekend must not keep the nights from running.
const askPatience = 15 * time.Minute

// ask puts a question to the person at the terminal. Only y or yes is a yes, and no answer
// for long is a no. A cancelled context ends the question.
func (p *program) ask(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(p.stderr, "\n%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // ends with its line, or with the program: a read cannot be called back
		line, _ := bufio.NewReader(p.stdin).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-time.After(askPatience):
		fmt.Fprintln(p.stderr, "\nNobody answered for a quarter of an hour, which is a no: others may have their turn.")
		return false, nil
	case a := <-answer:
		a = strings.ToLower(strings.TrimSpace(a))
		return a == "y" || a == "yes", nil
	}
}
