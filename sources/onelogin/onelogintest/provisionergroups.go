package onelogintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// createGroup makes a group that a rule names and the app lacks. Two people may
// need it at once: the second finds it made.
func (p *Provisioner) createGroup(ctx context.Context, name string) (string, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if id, known := p.groupID(name); known {
		return id, nil
	}
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"` + escaped(name) + `"}`
	var g groupAnswer
	err := p.send(ctx, http.MethodPost, "/Groups", body, func(a answer) error {
		if err := p.ok(a); err != nil {
			return err
		}
		if err := json.Unmarshal(a.body, &g); err != nil {
			return fmt.Errorf("the answer is not one group: %w", err)
		}
		if g.ID == "" || g.DisplayName == "" && p.knobs.Strictness != Lenient {
			return errors.New("the group in the answer lacks id or displayName")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups = maps.Clone(p.groups)
	p.groups[name] = g.ID
	return g.ID, nil
}

func (p *Provisioner) groupID(name string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, known := p.groups[name]
	return id, known
}

// Groups are the names that the last Refresh read, sorted.
func (p *Provisioner) Groups() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.groups))
}

func (p *Provisioner) isEnabled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.enabled
}

// put adds to a set that may be nil.
func put(set *map[string]bool, name string) {
	if *set == nil {
		*set = make(map[string]bool)
	}
	(*set)[name] = true
}

// view is a copy of the World with one person in it, or nobody.
func (s *Server) view(person int64) *World {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w := &World{App: s.world.App, Rules: slices.Clone(s.world.Rules), Roles: slices.Clone(s.world.Roles)}
	w.App.RoleIDs = slices.Clone(s.world.App.RoleIDs)
	if x := s.world.Find(person); x != nil {
		c := *x
		c.RoleIDs, c.Custom = slices.Clone(x.RoleIDs), maps.Clone(x.Custom)
		c.Title, c.Username, c.Department, c.MemberOf = again(x.Title), again(x.Username), again(x.Department), again(x.MemberOf)
		w.People = []*Person{&c}
	}
	return w
}

// again copies what a pointer points to.
func again(text *string) *string {
	if text == nil {
		return nil
	}
	return new(*text)
}
