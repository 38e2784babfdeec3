package jobs

import "time"

// Credential is something with an end that the program lives by, named by its key in
// the configuration.
type Credential struct {
	Key     string
	Expires time.Time
}
