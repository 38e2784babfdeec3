package jobs

import (
	"context"
	"slices"

	"tomorro-sync/reconcile"
)

const (
	// mostDrift is how many changes of a run are remembered to be compared with the next.
	mostDrift = 100
	// driftBack is among how many runs the last one is looked for that had any.
	driftBack = 20
)

// drift names what was made because somebody had changed Tomorro since it was right.
func drift(plan *reconcile.Plan, result *reconcile.Result) (effects []string) {
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Origin == reconcile.FromDrift && len(effects) < mostDrift {
			effects = append(effects, c.Effect())
		}
	}
	for i := range result.Problems {
		for k := range result.Problems[i].Write.Changes {
			effects = without(effects, &result.Problems[i].Write.Changes[k])
		}
	}
	return effects
}

func without(effects []string, c *reconcile.Change) []string {
	if len(effects) == 0 {
		return nil
	}
	made := c.Effect()
	return slices.DeleteFunc(effects, func(effect string) bool { return effect == made })
}

// reverted counts what a run makes again that the last run with any drift made for the same
// reason: somebody else, another tool most likely, takes it back each time. It only informs:
// when the journal cannot be read, nothing is counted.
func (r *Runner) reverted(ctx context.Context, report *Report) (n int) {
	if r.Reader == nil || len(report.Drift) == 0 || ctx.Err() != nil {
		return 0
	}
	runs, err := r.Reader.Runs(ctx, driftBack)
	if err != nil {
		return 0
	}
	for i := range runs {
		run := &runs[i]
		if run.Begin.Run == report.Run || run.Begin.Partial || run.End == nil || run.End.Report == nil || len(run.End.Report.Drift) == 0 {
			continue
		}
		for _, effect := range report.Drift {
			if slices.Contains(run.End.Report.Drift, effect) {
				n++
			}
		}
		return n
	}
	return 0
}
