package reconcile

import "time"

// fixedReads are the requests to OneLogin that a run makes whatever its size: the
// token and the app. The rules are a list of one page.
const fixedReads = 2

// ForecastOptions are the settings of a run on which the number of its requests
// depends. The zero value is that of ApplyOptions, with no read-back and pages of 100.
type ForecastOptions struct {
	MembersPerWrite int
	Canary          int
	ReadBack        bool
	MembersByPut    bool // a group is read before its members are replaced
	PageSize        int  // of Tomorro's lists
	Bulk            int  // writes that share a request; 0 and 1: each is one
}

// Forecast is how many requests a run that applies a plan makes, if nothing fails
// and nothing is retried: what reading took when the plan was made, and what is to come.
type Forecast struct {
	OneLogin SourceForecast `json:"onelogin"`
	Tomorro  TargetForecast `json:"tomorro"`
}

// SourceForecast counts requests to OneLogin.
type SourceForecast struct {
	Pages int `json:"pages"` // of the lists, as they were read
	Fixed int `json:"fixed"` // token and app
	// Confirmations ask for those who are to lose something once more: one request
	// each, as for somebody who is suspended or gone. Who is at work takes a second one.
	Confirmations int `json:"confirmations"`
	Total         int `json:"total"`
}

// TargetForecast counts requests to Tomorro.
type TargetForecast struct {
	Pages int `json:"pages"` // of accounts and groups, as they were read
	// Writes are the requests that change something, by kind: one for each person,
	// one for each touched group and chunk of its members.
	Writes map[WriteOp]int `json:"writes"`
	Edits  int             `json:"edits"` // the sum of Writes
	// Bulk is how many requests these are, where they share them.
	Bulk int `json:"bulk,omitempty"`
	// ReadBack are the pages that are read after writing, those of the canary included.
	ReadBack int `json:"readBack"`
	// GroupReads come before membership writes with ForecastOptions.MembersByPut.
	GroupReads int `json:"groupReads,omitempty"`
	Total      int `json:"total"`

	waves []wavesize // in the order in which they are sent
	back  []int      // pages of each reading back
}

// wavesize is one wave of writes: how many requests, and how many of them follow each other.
type wavesize struct{ writes, longest int }

// NewForecast counts what applying a plan takes. It is pure: the writes are those
// that Apply would send.
func NewForecast(plan *Plan, opts ForecastOptions) Forecast {
	f := Forecast{}
	if !plan.Receipt.NotAsked {
		f.OneLogin = SourceForecast{Pages: pagesOf(plan.Receipt.Lists), Fixed: fixedReads, Confirmations: plan.confirmations()}
	}
	o := &f.OneLogin
	o.Total = o.Pages + o.Fixed + o.Confirmations

	t := &f.Tomorro
	t.Pages, t.Writes = pagesOf(plan.Target), make(map[WriteOp]int)
	first, rest := plan.Canary(opts.Canary)
	if len(first) > 0 {
		t.stage(plan, first, opts)
		t.back = append(t.back, plan.pagesAfter(first, opts, true))
	}
	t.stage(plan, rest, opts)
	if opts.ReadBack && len(plan.Changes) > 0 {
		if n := plan.readBackPages(opts); n > 0 {
			t.back = append(t.back, n)
		}
	}
	for _, n := range t.Writes {
		t.Edits += n
	}
	for _, n := range t.back {
		t.ReadBack += n
	}
	if opts.MembersByPut {
		t.GroupReads = t.Writes[WriteMembers]
	}
	sent := t.Edits
	if opts.Bulk > 1 {
		for i := range t.waves {
			w := &t.waves[i]
			w.writes = max(ceil(w.writes, opts.Bulk), w.longest)
			t.Bulk += w.writes
		}
		sent = t.Bulk
	}
	t.Total = t.Pages + sent + t.ReadBack + t.GroupReads
	return f
}

// stage adds the writes of some of the plan's changes.
func (t *TargetForecast) stage(plan *Plan, changes []Change, opts ForecastOptions) {
	a := &applier{plan: plan, changes: changes, opts: ApplyOptions{MembersPerWrite: opts.MembersPerWrite}}
	for _, phase := range phases {
		for _, wave := range phase(a) {
			size := wavesize{}
			for _, c := range wave {
				n := 0
				for w := range c {
					t.Writes[w.Op]++
					n++
				}
				size.writes += n
				size.longest = max(size.longest, n)
			}
			if size.writes > 0 {
				t.waves = append(t.waves, size)
			}
		}
	}
}

// confirmations is about how many people OneLogin was asked once more.
func (p *Plan) confirmations() int {
	asked := make(map[Key]bool)
	for _, k := range p.ToConfirm() {
		asked[k] = true
	}
	for i := range p.Held {
		if p.Held[i].Rule == RuleWitness {
			asked[p.Held[i].Key] = true
		}
	}
	return len(asked)
}

// readBackPages follows ReadBack.Needs, for a service that answers creates and updates
// with the account.
func (p *Plan) readBackPages(opts ForecastOptions) int {
	count := p.Count()
	groups := count[OpAddMember]+count[OpRemoveMember]+count[OpCreateGroup]+count[OpDeleteGroup] > 0
	if count[OpDelete] == 0 && !groups {
		return 0
	}
	return p.pagesAfter(p.Changes, opts, count[OpDelete] > 0)
}

// pagesAfter is how many pages Tomorro's lists have after some changes.
func (p *Plan) pagesAfter(changes []Change, opts ForecastOptions, accounts bool) int {
	more := make(map[Op]int)
	for i := range changes {
		more[changes[i].Op]++
	}
	n := p.pages(1, p.Counts.Groups+more[OpCreateGroup]-more[OpDeleteGroup], opts)
	if accounts {
		n += p.pages(0, p.Counts.Accounts+more[OpCreate]-more[OpDelete], opts)
	}
	return n
}

// pages is how many pages so many items have, in the list of Tomorro's with that
// index. Where it gave smaller pages than were asked for, these count.
func (p *Plan) pages(list, items int, opts ForecastOptions) int {
	size := opts.PageSize
	if size <= 0 {
		size = 100
	}
	if list < len(p.Target) {
		if l := p.Target[list]; l.Pages > max(1, ceil(l.Items, size)) {
			size = ceil(l.Items, l.Pages)
		}
	}
	return max(1, ceil(items, size))
}

func pagesOf(lists []ListReceipt) int {
	n := 0
	for _, l := range lists {
		n += l.Pages
	}
	return n
}

func ceil(n, by int) int { return (n + by - 1) / max(1, by) }

// Speed is how fast a service is asked.
type Speed struct {
	Concurrency int           // requests at once; at least 1
	PerSecond   float64       // 0: no limit
	Latency     time.Duration // of one request, as measured
}

// rounds is how long that many rounds of requests take, or the limit of requests a
// second, whichever is longer.
func (s Speed) rounds(rounds, requests int) time.Duration {
	d := time.Duration(rounds) * s.Latency
	if s.PerSecond > 0 {
		d = max(d, time.Duration(float64(requests)/s.PerSecond*float64(time.Second)))
	}
	return d
}

// spread is in how many rounds independent requests are sent.
func (s Speed) spread(n int) int { return ceil(n, max(1, s.Concurrency)) }

// Reading is the least time in which both sides are read, side by side.
func (f *Forecast) Reading(onelogin, tomorro Speed) time.Duration {
	o, t := &f.OneLogin, &f.Tomorro
	var source time.Duration
	if o.Total > 0 { // the token, the first pages, the other ones, and then confirmations
		source = onelogin.rounds(2+onelogin.spread(max(0, o.Pages-1))+onelogin.spread(o.Confirmations), o.Total)
	}
	return max(source, tomorro.rounds(1+tomorro.spread(max(0, t.Pages-2)), t.Pages))
}

// Writing is the least time in which the plan's changes are made and read back.
func (f *Forecast) Writing(tomorro Speed) time.Duration {
	t := &f.Tomorro
	rounds := 0
	for _, w := range t.waves {
		rounds += max(tomorro.spread(w.writes), w.longest)
	}
	if t.GroupReads > 0 {
		rounds += tomorro.spread(t.GroupReads)
	}
	for _, pages := range t.back {
		rounds += 1 + tomorro.spread(max(0, pages-1))
	}
	return tomorro.rounds(rounds, t.Total-t.Pages)
}
