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
	// Have is told of the snapshot that there is before anything is written; optional.
	Have func(*Snapshot)
}

// Outcome is what came of it: the run, and each group of the snapshot after it.
type Outcome struct {
	Report jobs.Report
	Moved  []Moved
}

// Forward takes the snapshot, unless there is one, and makes memberships what the rules
// give. Nothing is written at Tomorro before the snapshot is in its file.
func (m *Migration) Forward(ctx context.Context, approve func(reconcile.Plan) (bool, error)) (Outcome, error) {
	s, err := Load(m.File, m.Target)
	if errors.Is(err, ErrNoSnapshot) {
		s, err = m.Snapshot(ctx)
	}
	if err != nil {
		return Outcome{}, err
	}
	return m.since(ctx, s, func() (jobs.Report, error) { return m.Runner.Regroup(ctx, m.By, approve) })
}

// Back makes memberships what the snapshot says.
func (m *Migration) Back(ctx context.Context, approve func(reconcile.Plan) (bool, error)) (Outcome, error) {
	s, err := Load(m.File, m.Target)
	if err != nil {
		return Outcome{}, err
	}
	return m.since(ctx, s, func() (jobs.Report, error) { return m.Runner.RegroupTo(ctx, m.By, s.Were(), approve) })
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

// since makes the run, and looks at Tomorro once more if there was one.
func (m *Migration) since(ctx context.Context, s *Snapshot, run func() (jobs.Report, error)) (out Outcome, err error) {
	if m.Have != nil {
		m.Have(s)
	}
	if out.Report, err = run(); out.Report.Run == "" {
		return out, err
	}
	current, read := m.Reader.Read(ctx)
	if read != nil {
		return out, errors.Join(err, fmt.Errorf("reading Tomorro once more: %w", read))
	}
	out.Moved = s.Compare(&current)
	return out, err
}
