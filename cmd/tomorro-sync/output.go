package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// output is stdout, and remembers whether it took everything.
type output struct {
	to   io.Writer
	mu   sync.Mutex
	lost error // of the first write that failed
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost == nil {
		o.lost = err
	}
	return n, err
}

// complete reports whether stdout took everything, or whoever read it wanted no more.
func (o *output) complete() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost == nil || errors.Is(o.lost, syscall.EPIPE)
}

// judge gives how the program ends that would otherwise end as f says. Output that is not
// complete is an error, and f's own error is told with it.
func (o *output) judge(f *failure) *failure {
	if o.complete() {
		return f
	}
	lost := fmt.Errorf("what was printed is not complete: %w", o.lost)
	if f.err != nil && !errors.Is(f.err, o.lost) {
		return &failure{f.code, errors.Join(f.err, lost), f.hint}
	}
	return &failure{exitError, lost, "make room where the output goes, or send it elsewhere; what runs did is in: tomorro-sync journal"}
}
