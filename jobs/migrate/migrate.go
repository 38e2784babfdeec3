package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Runner makes runs that are about memberships alone; see jobs.Runner.
type Runner interface {
	Regroup(ctx context.Context, by jobs.Trigger, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error)
	RegroupTo(ctx context.Context, by jobs.Trigger, were []reconcile.Group, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error)
}

// Reader reads Tomorro.
type Reader interface {
	Read(ctx context.Context) (reconcile.Current, error)
}

// Migration is one between a Tomorro and a file.
type Migration struct {
	Runner Runner
	Reader Reader
	Target string // tomorro.url
	File   string // of the snapshot
	By     jobs.Trigger
	Now    func() time.Time
}

// Outcome is what came of it.
type Outcome struct {
	Report   jobs.Report
	Snapshot *Snapshot
	// Resumed says that the snapshot was there: an earlier try took it.
	Resumed bool
	Moved   []Moved
	// Differs is how many memberships are not as the snapshot says; after Back none.
	Differs int
}

// Forward takes the snapshot, unless there is one, and makes memberships what the rules
// give. Nothing is written at Tomorro before the snapshot is in its file.
func (m *Migration) Forward(ctx context.Context, approve func(reconcile.Plan) (bool, error)) (Outcome, error) {
	out := Outcome{}
	var err error
	out.Snapshot, err = Load(m.File, m.Target)
	switch {
	case err == nil:
		out.Resumed = true
	case errors.Is(err, ErrNoSnapshot):
		if out.Snapshot, err = m.Snapshot(ctx); err != nil {
			return out, err
		}
	default:
		return out, err
	}
	out.Report, err = m.Runner.Regroup(ctx, m.By, approve)
	err = m.compare(ctx, &out, err)
	return out, err
}

// Back makes memberships what the snapshot says.
func (m *Migration) Back(ctx context.Context, approve func(reconcile.Plan) (bool, error)) (Outcome, error) {
	out := Outcome{Resumed: true}
	var err error
	if out.Snapshot, err = Load(m.File, m.Target); err != nil {
		return out, err
	}
	out.Report, err = m.Runner.RegroupTo(ctx, m.By, out.Snapshot.Were(), approve)
	err = m.compare(ctx, &out, err)
	return out, err
}

// Snapshot takes and saves one.
func (m *Migration) Snapshot(ctx context.Context) (*Snapshot, error) {
	current, err := m.Reader.Read(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading Tomorro: %w", err)
	case current.MembersUnknown:
		return nil, jobs.ErrMembersUnknown
	}
	s := Take(m.Target, &current, m.Now())
	return s, s.Save(m.File)
}

// compare looks at Tomorro once more after a run.
func (m *Migration) compare(ctx context.Context, out *Outcome, err error) error {
	if out.Report.Run == "" {
		return err
	}
	current, read := m.Reader.Read(ctx)
	if read != nil {
		return errors.Join(err, fmt.Errorf("reading Tomorro once more: %w", read))
	}
	out.Moved = out.Snapshot.Compare(&current)
	for _, g := range out.Moved {
		out.Differs += g.Gone + g.New
	}
	return err
}
