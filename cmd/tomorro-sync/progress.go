package main

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows a bar for each list that is read and one for the writes, on a
// terminal. A nil progress shows nothing.
type progress struct {
	out io.Writer

	mu     sync.Mutex
	paused bool
	group  *mpb.Progress
	bars   map[string]*mpb.Bar
}

// newProgress gives nil when stderr is not a terminal, or one that cannot move its cursor.
func (p *program) newProgress() *progress {
	return newBars(p.stderr, isTerminal(p.stderr), p.environ)
}

func newBars(out io.Writer, terminal bool, environ []string) *progress {
	if !terminal || slices.Contains(environ, "TERM=dumb") {
		return nil
	}
	return &progress{out: out, bars: make(map[string]*mpb.Bar)}
}

// step sets the named bar to done of total; a total that grows is followed.
func (p *progress) step(name string, done, total int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused || total <= 0 {
		return
	}
	if p.group == nil {
		p.group = mpb.New(mpb.WithOutput(p.out), mpb.WithWidth(30))
	}
	bar, ok := p.bars[name]
	if !ok {
		bar = p.group.New(int64(total), mpb.BarStyle().Lbound(" ").Rbound(" ").Filler("█").Tip("█").Padding("░"),
			mpb.PrependDecorators(decor.Name("  "+pad(name, 18))), mpb.AppendDecorators(decor.CountersNoUnit("%d/%d")))
		p.bars[name] = bar
	}
	bar.SetTotal(int64(max(total, done)), false)
	bar.SetCurrent(int64(done))
}

// say prints a line above the bars, and reports whether there is a terminal for it.
func (p *progress) say(line string) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.out
	if p.group != nil {
		out = p.group
	}
	_, _ = fmt.Fprintln(out, line)
	return true
}

// pause takes the bars off the screen and shows none until resume: somebody else
// is writing there.
func (p *progress) pause() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = true
	if p.group == nil {
		return
	}
	for _, b := range p.bars {
		b.Abort(true)
	}
	p.group.Wait()
	p.group, p.bars = nil, make(map[string]*mpb.Bar)
}

// resume lets bars be shown again.
func (p *progress) resume() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = false
}

// stop is a pause for good.
func (p *progress) stop() { p.pause() }
