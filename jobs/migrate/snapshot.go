package migrate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// Snapshot is who was in which group.
type Snapshot struct {
	Target string    `json:"target"` // tomorro.url: one of another organisation is of no use
	Taken  time.Time `json:"taken"`
	Groups []Group   `json:"groups"`
}

// Group is one group of a snapshot.
type Group struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Members []Member `json:"members"`
}

// Member is an account by its id, and its e-mail for people who read the file.
type Member struct {
	ID  string `json:"id"`
	Who string `json:"who,omitempty"`
}

// Take makes the snapshot of what is there, sorted.
func Take(target string, current *reconcile.Current, at time.Time) *Snapshot {
	names := make(map[string]string, len(current.Accounts))
	for i := range current.Accounts {
		names[current.Accounts[i].ID] = current.Accounts[i].UserName
	}
	s := &Snapshot{Target: target, Taken: at.UTC().Truncate(time.Second), Groups: make([]Group, 0, len(current.Groups))}
	for i := range current.Groups {
		g := Group{ID: current.Groups[i].ID, Name: current.Groups[i].Name, Members: []Member{}}
		for _, id := range slices.Sorted(slices.Values(current.Groups[i].Members)) {
			g.Members = append(g.Members, Member{id, names[id]})
		}
		s.Groups = append(s.Groups, g)
	}
	slices.SortFunc(s.Groups, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// Memberships counts them.
func (s *Snapshot) Memberships() (n int) {
	for i := range s.Groups {
		n += len(s.Groups[i].Members)
	}
	return n
}

// Were are the groups as a plan takes them.
func (s *Snapshot) Were() []reconcile.Group {
	all := make([]reconcile.Group, len(s.Groups))
	for i, g := range s.Groups {
		all[i] = reconcile.Group{ID: g.ID, Name: g.Name}
		for _, m := range g.Members {
			all[i].Members = append(all[i].Members, m.ID)
		}
	}
	return all
}

// ErrThere marks a file that is there already: a snapshot is never written over.
var ErrThere = errors.New("is there already")

// Save writes a file that only its owner can read, all of it or none, also when the
// machine stops meanwhile. It fails with ErrThere.
func (s *Snapshot) Save(path string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".snapshot-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // unlike a rename, it takes no other's place
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s %w", path, ErrThere)
	case err != nil:
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}

// ErrNoSnapshot marks a file that is not there.
var ErrNoSnapshot = errors.New("there is no snapshot of groups in")

// Load reads a snapshot of this Tomorro. It fails with ErrNoSnapshot.
func Load(path, target string) (*Snapshot, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w %s", ErrNoSnapshot, path)
	case err != nil:
		return nil, fmt.Errorf("read the snapshot: %w", err)
	}
	var s Snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s is not a snapshot of groups: %w", path, err)
	}
	if s.Target != target {
		return nil, fmt.Errorf("%s is of %q, and not of %q", path, s.Target, target)
	}
	return &s, nil
}

// Moved is what became of one group since a snapshot.
type Moved struct {
	Name            string
	Kept, Gone, New int
}

// Compare tells what became of each group of a snapshot, by name; one that is not there
// any more lost all.
func (s *Snapshot) Compare(current *reconcile.Current) []Moved {
	out := make([]Moved, 0, len(s.Groups))
	for _, was := range s.Groups {
		m := Moved{Name: was.Name}
		var members []string
		if i := slices.IndexFunc(current.Groups, func(g reconcile.Group) bool { return g.ID == was.ID }); i >= 0 {
			members = current.Groups[i].Members
		}
		for _, one := range was.Members {
			if slices.Contains(members, one.ID) {
				m.Kept++
			} else {
				m.Gone++
			}
		}
		m.New = len(members) - m.Kept
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Moved) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
