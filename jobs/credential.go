package jobs

import "time"

// Credential is a token or certificate that the program needs, when it ends, and its key in
// the configuration.
type Credential struct {
	Key     string
	Expires time.Time
}
