package console

import (
	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// progress is how far a run has come, as its entries tell.
type progress struct {
	Run     string `json:"run"`
	Planned int    `json:"planned"`
	Done    int    `json:"done"`
	Failed  int    `json:"failed"` // and what is uncertain or was not sent
	Ended   bool   `json:"ended"`

	begin   *jobs.Entry
	end     *jobs.Entry
	intents map[string]*reconcile.Write
	seen    map[string]bool // entries, by id
	told    map[string]bool // intents whose outcome was counted, by id
}

func newProgress(entries []jobs.Entry) *progress {
	p := &progress{intents: make(map[string]*reconcile.Write), seen: make(map[string]bool), told: make(map[string]bool)}
	for i := range entries {
		p.take(&entries[i])
	}
	return p
}

// take counts one entry, once. The beginning of another run begins anew.
func (p *progress) take(e *jobs.Entry) {
	if p.seen[e.ID] {
		return
	}
	p.seen[e.ID] = true
	switch e.Kind {
	case jobs.EntryBegin:
		if e.Run != p.Run {
			*p = *newProgress(nil)
			p.seen[e.ID] = true
		}
		p.Run, p.begin, p.Planned = e.Run, e, total(e.Planned)
	case jobs.EntryIntent:
		if e.Run == p.Run && e.Write != nil {
			p.intents[e.ID] = e.Write
		}
	case jobs.EntryOutcome:
		w := p.intents[e.Intent]
		switch {
		case w == nil || p.told[e.Intent]: // what was uncertain has two
		case e.Result == reconcile.Done:
			p.Done += len(w.Changes)
		default:
			p.Failed += len(w.Changes)
		}
		p.told[e.Intent] = true
	case jobs.EntryEnd:
		if e.Run == p.Run {
			p.Ended, p.end = true, e
		}
	}
}

// Percent is how much of the plan is dealt with.
func (p *progress) Percent() int {
	if p.Planned == 0 {
		return 0
	}
	return min(100, 100*(p.Done+p.Failed)/p.Planned)
}
