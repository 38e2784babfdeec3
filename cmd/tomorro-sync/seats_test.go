package main

import (
	"fmt"
	"strings"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestNoSeat plays each answer that Tomorro may have for a newcomer when no seat is left:
// a refusal, or an account that is made and stays inactive. Each night says so and exits
// with 3, alerts name seats where it was a refusal, and the first night with one gives access.
func TestNoSeat(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 402, 403, 409, 200} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			o := calm40(t, "")
			o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Seats, k.SeatsStatus = map[string]int{"user": 1}, status })
			o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
			says := fmt.Sprintf("Tomorro answered %d: no seat is left", status)
			if status == 200 {
				says = "sent active, there is inactive; they have no access"
			}
			for night := range 4 {
				code, stdout, stderr := o.run("reconcile", "--yes")
				if code != exitSomeFailed || !strings.Contains(stdout, says) || strings.Contains(stdout, "is held for 30 days") {
					t.Errorf("night %d: exit %d\n%s%s", night+1, code, stdout, stderr)
				}
			}
			if out := o.must(exitDone, "alerts"); strings.Contains(out, "no seat left") != (status != 200) {
				t.Errorf("alerts say\n%s", out)
			}
			o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Seats = nil })
			o.must(exitDone, "reconcile", "--yes")
			o.unique()
			o.equal()
		})
	}
}

// TestNoSeatAndCanary: whoever Tomorro leaves without a seat is not among those who go
// first, or no night would get any further.
func TestNoSeatAndCanary(t *testing.T) {
	t.Parallel()
	o := calm40(t, "apply: {canary: 2}\n")
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Seats, k.SeatsStatus = map[string]int{"user": 1}, 200 })
	o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
	o.must(exitSomeFailed, "reconcile", "--yes")
	o.must(exitSomeFailed, "reconcile", "--yes")
	o.people(func(w *onelogintest.World) {
		for i := range 3 {
			w.People[i].LastName += "-Newman"
		}
	})
	if out := o.must(exitSomeFailed, "reconcile", "--yes"); !strings.Contains(out, "sent active, there is inactive") {
		t.Errorf("the run says\n%s", out)
	}
}
