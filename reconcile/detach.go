package reconcile

// Detach copies what the plan shares with the Current it was made from, which may
// change from now on.
func (p *Plan) Detach() {
	own := func(a **Account) {
		if *a != nil {
			c := **a
			*a = &c
		}
	}
	own(&p.substitute)
	for i := range p.Changes {
		own(&p.Changes[i].Before)
		own(&p.Changes[i].After)
	}
	for i := range p.Held {
		own(&p.Held[i].Before)
		own(&p.Held[i].After)
	}
}
