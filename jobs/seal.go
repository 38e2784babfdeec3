package jobs

import (
	"context"
	"time"
)

// Seal closes a part of the journal: its hash is over that of the seal before and over
// every entry between two ids. Who changes, removes or puts in an entry later would have
// to make all seals since anew; whoever wrote down a later hash, as reports do, sees that.
type Seal struct {
	Number  int       `json:"number"` // from 1
	From    string    `json:"from"`   // the id of the first entry
	To      string    `json:"to"`     // and of the last
	Entries int       `json:"entries"`
	Time    time.Time `json:"time"`
	Hash    string    `json:"hash"` // SHA-256, hexadecimal
}

// Sealer closes what was written since the last seal.
type Sealer interface {
	// Seal makes one seal over all that no seal has yet. Several may do so at once: one
	// seal comes of it. It does nothing when there is nothing new.
	Seal(ctx context.Context) error
	// Verify compares the journal with its seals.
	Verify(ctx context.Context) (Verdict, error)
}

// Verdict is what a comparison of the journal with its seals found.
type Verdict struct {
	Seals    int  `json:"seals"`
	Head     Seal `json:"head"`    // the last one; the zero Seal when there is none
	Entries  int  `json:"entries"` // that were compared and are as they were
	Erased   int  `json:"erased"`  // of these, whose content was erased since, and is vouched for by its hash alone
	Gone     int  `json:"gone"`    // seals over what is not kept any more
	Unsealed int  `json:"unsealed"`
	// Broken are the seals that do not fit what is there.
	Broken []Broken `json:"broken"`
}

// Broken is a seal that does not match what is in the journal.
type Broken struct {
	Seal  Seal   `json:"seal"`
	Found int    `json:"found"` // entries where Seal.Entries should be
	Why   string `json:"why"`
}
