package pace

import (
	"sync/atomic"
	"time"
)

// Mean is the mean of durations, such as those that Transport.Took is told. The zero value
// has seen none. It is safe for concurrent use.
type Mean struct{ sum, n atomic.Int64 }

// Add notes one duration.
func (m *Mean) Add(d time.Duration) {
	m.sum.Add(int64(d))
	m.n.Add(1)
}

// Value is the mean of all durations so far; 0 when there were none.
func (m *Mean) Value() time.Duration {
	return time.Duration(m.sum.Load() / max(1, m.n.Load()))
}
