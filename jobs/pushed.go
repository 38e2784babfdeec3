package jobs

import "tomorro-sync/reconcile"

// Pushed is one reason to look at a person, as the journal has it.
type Pushed struct {
	// Request is the id of the request that said it, as in the log and in OneLogin's
	// answer; empty when a mark was worked off.
	Request string        `json:"request,omitempty"`
	Asked   string        `json:"asked,omitempty"` // what it asked for: create, replace, suspend, delete, members; or mark, or updated for the fast pass
	Key     reconcile.Key `json:"key,omitempty"`
}
