package jobs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// outlive forgets decisions about changes that the plan does not come to any more, except
// those that somebody made since the run looked, and journals that they ended.
func (r *Runner) outlive(ctx context.Context, run string, p *prepared) error {
	if r.Decisions == nil {
		return nil
	}
	outlived := p.plan.Outlived(p.seen.decisions)
	if len(outlived) == 0 {
		return nil
	}
	said, err := r.Decisions.Decisions(ctx)
	if err != nil {
		return err
	}
	since := func(digest string, d reconcile.Decision) bool { return !d.At.Equal(p.seen.decisions[digest].At) }
	outlived = slices.DeleteFunc(outlived, func(digest string) bool { return since(digest, said[digest]) })
	forget := func(digest string, d reconcile.Decision) reconcile.Decision {
		if since(digest, d) {
			return d
		}
		return reconcile.Decision{}
	}
	return r.Decisions.Decide(ctx, outlived, forget, r.outlived(run, outlived, said)...)
}

// outlived are the entries of the journal about decisions that ended: one for all that the
// same people said at once of one hold.
func (r *Runner) outlived(run string, digests []string, decisions map[string]reconcile.Decision) []Entry {
	said := make(map[string]*Entry)
	for _, digest := range digests {
		d := decisions[digest]
		at := strings.Join(append([]string{d.Hold, d.At.String()}, d.By...), "\n")
		if said[at] == nil {
			whole := d
			whole.Key, whole.Member = 0, false
			said[at] = &Entry{Kind: EntryOutlive, Run: run, Time: r.now(), Decided: &whole}
		}
		if d.Key != 0 {
			said[at].Keys = append(said[at].Keys, d.Key)
		}
	}
	var entries []Entry
	for _, at := range slices.Sorted(maps.Keys(said)) {
		e := *said[at]
		slices.Sort(e.Keys)
		e.Keys = slices.Compact(e.Keys)
		if len(e.Keys) == 0 { // about a group
			entries = append(entries, e)
		}
		for keys := range slices.Chunk(e.Keys, perEntry) {
			e.Keys = keys
			entries = append(entries, e)
		}
	}
	return entries
}
