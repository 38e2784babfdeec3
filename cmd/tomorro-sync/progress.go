package main

import (
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows a bar for each list that is read and one for the writes, on a
// terminal. A nil progress shows nothing.
type progress struct {
	mu    sync.Mutex
	group *mpb.Progress
	bars  map[string]*mpb.Bar
}

// newProgress gives nil when out is not a terminal.
func newProgress(out io.Writer) *progress {
	if !isTerminal(out) {
		return nil
	}
	return &progress{group: mpb.New(mpb.WithOutput(out), mpb.WithWidth(30)), bars: make(map[string]*mpb.Bar)}
}

// step sets the named bar to done of total; a total that grows is followed.
func (p *progress) step(name string, done, total int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.group == nil {
		return
	}
	bar, ok := p.bars[name]
	if !ok {
		bar = p.group.New(int64(total), mpb.BarStyle().Lbound(" ").Rbound(" ").Filler("█").Tip("█").Padding("░"),
			mpb.PrependDecorators(decor.Name("  "+pad(name, 18))), mpb.AppendDecorators(decor.CountersNoUnit("%d/%d")),
			mpb.BarRemoveOnComplete())
		p.bars[name] = bar
	}
	bar.SetTotal(int64(total), false)
	bar.SetCurrent(int64(done))
	if done >= total {
		bar.SetTotal(-1, true)
		delete(p.bars, name)
	}
}

// stop removes what is left on the screen and waits until it is gone. It may
// be called again, and nothing is shown afterwards.
func (p *progress) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.group == nil {
		return
	}
	for _, b := range p.bars {
		b.Abort(true)
	}
	p.group.Wait()
	p.group = nil
}
