package redisstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// phaseField is the field of the adoption that is no account.
const phaseField = ""

// Adoption implements jobs.Adoptions.
func (s *Store) Adoption(ctx context.Context) (jobs.Adoption, error) {
	all, err := s.client.HGetAll(ctx, s.keys.adoption()).Result()
	if err != nil {
		return jobs.Adoption{}, fmt.Errorf("read the adoption: %w", err)
	}
	return parseAdoption(all)
}

func parseAdoption(all map[string]string) (jobs.Adoption, error) {
	a := jobs.Adoption{Decided: make(map[string]reconcile.AdoptionDecision)}
	for field, data := range all {
		if field == phaseField {
			if err := json.Unmarshal([]byte(data), &a.Phase); err != nil {
				return a, fmt.Errorf("the adoption cannot be read: %w", err)
			}
			continue
		}
		var d reconcile.AdoptionDecision
		if err := json.Unmarshal([]byte(data), &d); err != nil {
			return a, fmt.Errorf("what was decided of account %s cannot be read: %w", field, err)
		}
		a.Decided[field] = d
	}
	return a, nil
}

// SetAdoption implements jobs.Adoptions.
func (s *Store) SetAdoption(ctx context.Context, phase jobs.AdoptionPhase) error {
	data, err := json.Marshal(phase)
	if err == nil {
		err = s.client.HSet(ctx, s.keys.adoption(), phaseField, data).Err()
	}
	if err != nil {
		return fmt.Errorf("remember the adoption: %w", err)
	}
	return nil
}

// DecideAdoption implements jobs.Adoptions: the decision and the links are stored at once.
func (s *Store) DecideAdoption(ctx context.Context, account string, d reconcile.AdoptionDecision) error {
	data, err := json.Marshal(d)
	former := false
	if err == nil {
		former, err = s.isLinked(ctx, d.Former, account)
	}
	if err == nil {
		_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.HSet(ctx, s.keys.adoption(), account, data)
			if former {
				p.HDel(ctx, s.keys.links(), d.Former.String())
			}
			if d.Key != 0 {
				p.HSet(ctx, s.keys.links(), d.Key.String(), account)
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("remember whose account %s is: %w", account, err)
	}
	return nil
}

// isLinked reports whether an account is remembered as a person's; nobody has none.
func (s *Store) isLinked(ctx context.Context, key reconcile.Key, account string) (bool, error) {
	if key == 0 {
		return false, nil
	}
	linked, err := s.client.HGet(ctx, s.keys.links(), key.String()).Result()
	if err != nil && err != redis.Nil {
		return false, fmt.Errorf("read whose account %s is: %w", account, err)
	}
	return linked == account, nil
}

// UndecideAdoption implements jobs.Adoptions. Whoever was linked to the account before the
// decision is linked to it again; a link that was changed since stays.
func (s *Store) UndecideAdoption(ctx context.Context, account string) error {
	a, err := s.Adoption(ctx)
	if err != nil {
		return err
	}
	d := a.Decided[account]
	linked, err := s.isLinked(ctx, d.Key, account)
	if err != nil {
		return err
	}
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HDel(ctx, s.keys.adoption(), account)
		if linked {
			p.HDel(ctx, s.keys.links(), d.Key.String())
			if d.Former != 0 {
				p.HSetNX(ctx, s.keys.links(), d.Former.String(), account)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget what was decided of account %s: %w", account, err)
	}
	return nil
}
