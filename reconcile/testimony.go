package reconcile

// Verdicts of a second look at one person.
const (
	WitnessGone       = "gone"         // OneLogin answers 404 for this id
	WitnessInactive   = "inactive"     // the status or licence that a policy may count as inactive
	WitnessUnassigned = "not assigned" // known, but without the app
	WitnessPresent    = "present"      // known, with the app: contradicts a removal
	WitnessUnknown    = "unknown"      // the question could not be answered
)

// Testimony is OneLogin's answer to a direct question about one person, asked
// before that person is removed.
type Testimony struct {
	Key     Key     `json:"key"`
	Answer  string  `json:"answer"`
	Status  Status  `json:"status"`
	Licence Licence `json:"licence"`
	Why     string  `json:"why,omitempty"` // for unknown: what went wrong
	// Successor is, of who is gone, another person with the address of their account;
	// 0: nobody, or not asked. A plan of everybody knows by itself.
	Successor Key `json:"successor,omitempty"`
}
