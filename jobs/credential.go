package jobs

import "time"

// Credential is a token or certificate that the program needs, when it ends, and its key in
// the configuration.
type Credential struct {
	Key     string
	Expires time.Time
	// Unusable is why what its files have cannot be used, so that nobody knows when it ends:
	// a renewal was not done to its end. What was read before goes on being used.
	Unusable string
}
