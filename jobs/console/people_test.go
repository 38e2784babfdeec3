package console

import (
	"errors"
	"fmt"
	"testing"

	"tomorro-sync/jobs"
)

// TestPastThatCannotBeRead: a journal that does not answer is no journal without them.
func TestPastThatCannotBeRead(t *testing.T) {
	for name, services := range map[string]error{"only the journal": nil, "nothing answers": errors.New("reading OneLogin: 502"), "nobody knows them": fmt.Errorf("%w gone@x.io", jobs.ErrUnknown)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := w.serve(t, nil).signIn("Ann", sharedSecret)
			if w.services = services; services != nil {
				w.about = nil
			}
			w.broken = errors.New("dial tcp: connection refused")
			s.says("/c/acme/people/gone@x.io", []string{"dial tcp: connection refused", "What runs did to them cannot be read."}, "No run has changed")
		})
	}
}
