package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Erase implements jobs.Eraser. An entry of a stream cannot be changed: it is deleted, and
// what replaces it is kept beside the stream, in one transaction.
func (s *Store) Erase(ctx context.Context, edit func(*jobs.Entry) bool, note jobs.Entry) (int, error) {
	count := 0
	for _, stream := range []string{s.keys.journal(), s.keys.runs()} {
		err := s.walk(ctx, stream, "-", "+", func(r record) (bool, error) {
			e, err := decodeRecord(r)
			if err != nil || !edit(&e) {
				return true, err
			}
			if stream == s.keys.journal() {
				count++
			}
			return true, s.replace(ctx, stream, r, &e)
		})
		if err != nil {
			return count, fmt.Errorf("erase from the journal: %w", err)
		}
	}
	if err := s.eraseBeside(ctx, edit); err != nil {
		return count, fmt.Errorf("erase from what people decided: %w", err)
	}
	note.Erased = count
	_, err := s.Append(ctx, jobs.Lease{}, note)
	return count, err
}

func (s *Store) replace(ctx context.Context, stream string, r record, e *jobs.Entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r.values[wasField] = r.digest()
	r.values["data"] = string(data)
	text, err := json.Marshal(r.values)
	if err != nil {
		return err
	}
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, s.keys.edited(stream), r.id, text)
		p.XDel(ctx, stream, r.id)
		return nil
	})
	return err
}

// eraseBeside edits what is remembered beside the journal of who decided or asked for
// something, and why: each as the journal's entry would have it.
func (s *Store) eraseBeside(ctx context.Context, edit func(*jobs.Entry) bool) error {
	who := func(name *string) {
		e := jobs.Entry{Trigger: &jobs.Trigger{Who: *name}}
		edit(&e)
		*name = e.Trigger.Who
	}
	for key, clean := range map[string]func(field, text string) (string, error){
		s.keys.decisions(): func(_, text string) (string, error) {
			return inJSON(text, func(d *reconcile.Decision) { edit(&jobs.Entry{Decided: d}) })
		},
		s.keys.pins(): func(_, text string) (string, error) { return inJSON(text, func(p *jobs.Pin) { who(&p.By) }) },
		s.keys.adoption(): func(field, text string) (string, error) {
			if field == phaseField {
				return inJSON(text, func(p *jobs.AdoptionPhase) { who(&p.By) })
			}
			return inJSON(text, func(d *reconcile.AdoptionDecision) { who(&d.By) })
		},
		s.keys.schedule(): func(field, text string) (string, error) {
			since, name, paused := strings.Cut(text, " ")
			if field != "paused" || !paused {
				return text, nil
			}
			who(&name)
			return since + " " + name, nil
		},
		s.keys.wish(): func(field, text string) (string, error) {
			if field == "who" || field == "failed" {
				who(&text)
			}
			return text, nil
		},
	} {
		if err := s.retried(func() error { return s.rewriteHash(ctx, key, clean) }); err != nil {
			return err
		}
	}
	return nil
}

// rewriteHash stores those values of a hash that clean changes, if nobody else writes it
// meanwhile.
func (s *Store) rewriteHash(ctx context.Context, key string, clean func(field, text string) (string, error)) error {
	return s.client.Watch(ctx, func(tx *redis.Tx) error {
		all, err := tx.HGetAll(ctx, key).Result()
		if err != nil {
			return err
		}
		var fields []any
		for field, text := range all {
			now, err := clean(field, text)
			if err != nil {
				return err
			}
			if now != text {
				fields = append(fields, field, now)
			}
		}
		if len(fields) == 0 {
			return nil
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.HSet(ctx, key, fields...); return nil })
		return err
	}, key)
}

// inJSON edits a value that is stored as JSON. One that edit leaves as it is keeps its text.
func inJSON[T any](text string, edit func(*T)) (string, error) {
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return "", err
	}
	before, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	edit(&v)
	after, err := json.Marshal(v)
	if err != nil || string(after) == string(before) {
		return text, err
	}
	return string(after), nil
}

// retried tries again what met somebody else's write, some times.
func (*Store) retried(try func() error) (err error) {
	for range decideTries {
		if err = try(); !errors.Is(err, redis.TxFailedErr) {
			break
		}
	}
	return err
}
