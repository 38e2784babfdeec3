package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tomorro-sync/reconcile"
)

// summary is what a script reads first of a plan.
type summary struct {
	Changes  map[reconcile.Op]int        `json:"changes"`
	Held     map[reconcile.HoldClass]int `json:"held"`
	Complete bool                        `json:"complete"` // OneLogin was read to the end
	Exit     int                         `json:"exit"`
}

func (p *program) planCommand() *cobra.Command {
	var all bool
	var compare string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would change; writes nothing, needs no Redis",
		Long: `plan reads OneLogin and Tomorro and shows what a run would do, with the cause of each change.
It writes nothing and needs no Redis; if redis.url names one that answers, accounts that earlier runs remembered and what the
limits have left are taken into account, as reconcile does. Exit code: 0 nothing to do, 4 changes pending, 11 nothing but held by the guard,
12 nothing but waiting for approval.

With --compare it shows instead what another configuration, such as the one before an edit, would do differently with what both
sides have now. Removals that only a changed configuration asks for always wait for approval.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if compare != "" {
				return p.compare(cmd, compare, all)
			}
			return p.plan(cmd, all)
		},
	}
	cmd.Flags().StringVar(&compare, "compare", "", "show the difference to the plan of this configuration `FILE`")
	cmd.Flags().BoolVar(&all, "all", false, "show every line")
	return cmd
}

func (p *program) plan(cmd *cobra.Command, all bool) error {
	return p.connected(cmd.Context(), session{remember: true}, func(c *config, conn *connection) error {
		plan, err := conn.runner.Plan(cmd.Context())
		if err != nil {
			return err
		}
		var ahead *outlook
		if conn.outlook != nil {
			ahead = conn.outlook(cmd.Context(), &plan)
		}
		if p.asJSON() {
			doc := planDocument(plan)
			doc.Requests = ahead
			err = writePlan(p.stdout, doc)
		} else {
			v := p.view(c, all)
			v.show(&plan)
			v.requests(ahead)
			if next := nextAfterPlan(&plan, c.FourEyes); next != "" {
				v.line("")
				v.advise("next: ", next)
			}
		}
		if err != nil {
			return err
		}
		return ended(planExit(&plan))
	})
}

func (p *program) view(c *config, all bool) *planView {
	return &planView{screen: p.screen(p.stdout), pricing: c.Tomorro.pricing(), all: all}
}

type planJSON struct {
	reconcile.Plan
	Summary  summary  `json:"summary"`
	Requests *outlook `json:"requests,omitempty"`
}

// planDocument gives the plan as JSON shows it: lists are never null.
func planDocument(plan reconcile.Plan) planJSON {
	if plan.Changes == nil {
		plan.Changes = []reconcile.Change{}
	}
	if plan.Held == nil {
		plan.Held = []reconcile.Held{}
	}
	if plan.Notes == nil {
		plan.Notes = []reconcile.Note{}
	}
	held := make(map[reconcile.HoldClass]int)
	for _, c := range reconcile.HoldClasses() {
		held[c] = plan.HeldBy(c)
	}
	return planJSON{Plan: plan, Summary: summary{Changes: plan.Count(), Held: held, Complete: plan.Receipt.Complete(), Exit: planExit(&plan)}}
}

// writePlan writes what writeJSON does, one change after another: the text of a large
// plan is larger than everything else.
func writePlan(w io.Writer, doc planJSON) error {
	changes, held := doc.Changes, doc.Held
	doc.Changes, doc.Held = []reconcile.Change{}, []reconcile.Held{}
	var frame bytes.Buffer
	if err := writeJSON(&frame, doc); err != nil {
		return err
	}
	// Nothing but the id comes before the first of these, nothing but it before the second.
	head, rest, _ := bytes.Cut(frame.Bytes(), []byte(`"changes": []`))
	middle, tail, _ := bytes.Cut(rest, []byte(`"held": []`))
	out := bufio.NewWriter(w)
	_, _ = out.Write(head) // the first error is kept for Flush
	_, _ = out.WriteString(`"changes": `)
	if err := writeList(out, changes); err != nil {
		return err
	}
	_, _ = out.Write(middle)
	_, _ = out.WriteString(`"held": `)
	if err := writeList(out, held); err != nil {
		return err
	}
	_, _ = out.Write(tail)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the JSON document: %w", err)
	}
	return nil
}

// writeList writes a list that is a value of the outermost object.
func writeList[T any](out *bufio.Writer, list []T) error {
	if len(list) == 0 {
		_, err := out.WriteString("[]")
		return err
	}
	var item bytes.Buffer
	for i := range list {
		item.Reset()
		if err := writeJSON(&item, &list[i]); err != nil {
			return err
		}
		separator := ",\n    "
		if i == 0 {
			separator = "[\n    "
		}
		_, _ = out.WriteString(separator)
		text := bytes.TrimRight(item.Bytes(), "\n")
		if _, err := out.Write(bytes.ReplaceAll(text, []byte("\n"), []byte("\n    "))); err != nil {
			return err
		}
	}
	_, err := out.WriteString("\n  ]")
	return err
}
