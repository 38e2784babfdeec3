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
// what replaces it is kept beside the stream. All entries and the note are one transaction,
// and come last: they are what tells under which addresses the person is known, and whoever
// is interrupted needs these to erase what is left.
func (s *Store) Erase(ctx context.Context, edit func(*jobs.Entry) bool, note jobs.Entry) (int, error) {
	count := 0
	var all []replaced
	for _, stream := range []string{s.keys.journal(), s.keys.runs()} {
		err := s.walk(ctx, stream, "-", "+", func(r record) (bool, error) {
			e, err := decodeRecord(r)
			if err != nil || !edit(&e) {
				return true, err
			}
			if stream == s.keys.journal() {
				count++
			}
			text, err := r.edited(&e)
			all = append(all, replaced{stream, r.id, text})
			return true, err
		})
		if err != nil {
			return 0, fmt.Errorf("erase from the journal: %w", err)
		}
	}
	if err := s.noneOpen(ctx, all); err != nil {
		return 0, fmt.Errorf("erase from the journal: %w", err)
	}
	if err := s.eraseBeside(ctx, edit); err != nil {
		return 0, fmt.Errorf("erase from what people decided: %w", err)
	}
	note.Erased = count
	if err := s.replace(ctx, all, &note); err != nil {
		return 0, fmt.Errorf("erase from the journal: %w", err)
	}
	return count, nil
}

// replaced is an entry of a stream, and what comes in its place.
type replaced struct{ stream, id, text string }

// noneOpen fails when one of them is an intent without an outcome. One that is made after
// they were read is not among them.
func (s *Store) noneOpen(ctx context.Context, all []replaced) error {
	open, err := s.client.HGetAll(ctx, s.keys.open()).Result()
	if err != nil {
		return err
	}
	for _, r := range all {
		if _, is := open[r.id]; is && r.stream == s.keys.journal() {
			return jobs.ErrStillOpen
		}
	}
	return nil
}

// edited is what is kept of a record that was edited to e.
func (r *record) edited(e *jobs.Entry) (string, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	r.values[wasField] = r.digest()
	r.values["data"] = string(data)
	text, err := json.Marshal(r.values)
	return string(text), err
}

func (s *Store) replace(ctx context.Context, all []replaced, note *jobs.Entry) error {
	data, err := json.Marshal(note)
	if err != nil {
		return err
	}
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, r := range all {
			p.HSet(ctx, s.keys.edited(r.stream), r.id, r.text)
			p.XDel(ctx, r.stream, r.id)
		}
		p.XAdd(ctx, &redis.XAddArgs{Stream: s.keys.journal(), Values: []any{"kind", string(note.Kind), "run", note.Run, "data", data}})
		return nil
	})
	s.pulse.wrote.Store(true)
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
