package jobs

import (
	"testing"

	"tomorro-sync/reconcile"
)

// TestSpared: whom a push is about as well is not spared, in whichever order the marks come:
// else a removal that was pushed would wait for the night.
func TestSpared(t *testing.T) {
	pass := func(key reconcile.Key) *request {
		return &request{subject: UpdatedSubject(key), keys: []reconcile.Key{key}}
	}
	push := &request{subject: AddressSubject("p1@x.io"), keys: []reconcile.Key{1, 2}}
	for _, requests := range [][]*request{{push, pass(1), pass(2), pass(3)}, {pass(3), pass(2), pass(1), push}} {
		v := &visit{requests: requests}
		if spared := v.spared(); spared[1] || spared[2] || !spared[3] {
			t.Errorf("%v", spared)
		}
	}
}
