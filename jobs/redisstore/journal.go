package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

var appendScript = script("append.lua")

// Append implements jobs.Journal, in one round trip: the script checks the lease
// and writes, so that a holder that has lost the lock writes nothing. The zero
// lease needs no lock.
func (s *Store) Append(ctx context.Context, lease jobs.Lease, entries ...jobs.Entry) ([]string, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	for i := range entries {
		entries[i].Fence = lease.Fence
	}
	return s.append(ctx, lease.Token, nil, entries)
}

func (s *Store) append(ctx context.Context, token string, links []reconcile.Link, entries []jobs.Entry) ([]string, error) {
	args := make([]any, 0, 3+2*len(links)+3*len(entries))
	args = append(args, token, answerLife.Milliseconds(), len(links))
	for _, l := range links {
		args = append(args, l.Key.String(), l.Account)
	}
	for i := range entries {
		e := &entries[i]
		data, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("journal a %s entry: %w", e.Kind, err)
		}
		args = append(args, string(e.Kind), e.Run, data)
	}
	k := []string{s.keys.lock(), s.keys.journal(), s.keys.runs(), s.keys.links(), s.keys.asked(s.call())}
	var ids []string
	err := s.patiently(ctx, func() (err error) {
		ids, err = appendScript.Run(ctx, s.client, k, args...).StringSlice()
		return err
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("write the journal in Redis: %w", err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("write the journal: %w", errPassed)
	}
	s.pulse.wrote.Store(true)
	return ids[1:], nil
}

// record is one line of a stream as it is stored.
type record struct {
	id     string
	values map[string]any
}

func (r *record) field(name string) string {
	text, _ := r.values[name].(string)
	return text
}

// walk gives the records of a stream from one id to another, oldest first. Of a record that
// Erase edited it gives the edited form.
func (s *Store) walk(ctx context.Context, stream, from, to string, yield func(record) (bool, error)) error {
	edited, err := s.edited(ctx, stream)
	if err != nil {
		return err
	}
	const size = 500
	for {
		page, err := s.client.XRangeN(ctx, stream, from, to, size).Result()
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		upto := to
		if len(page) == size {
			upto = page[size-1].ID
		}
		records := make([]record, 0, len(page))
		for _, m := range page {
			records = append(records, record{m.ID, m.Values})
		}
		lower, exclusive := strings.CutPrefix(from, "(")
		for _, e := range edited {
			if (before(lower, e.id) || !exclusive && e.id == lower) && !before(upto, e.id) {
				records = append(records, e)
			}
		}
		slices.SortFunc(records, func(a, b record) int { return compareIDs(a.id, b.id) })
		for _, r := range records {
			if more, err := yield(r); err != nil || !more {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
		from = "(" + page[size-1].ID
	}
}

// edited gives the edited forms of a stream's records, in no order.
func (s *Store) edited(ctx context.Context, stream string) ([]record, error) {
	all, err := s.client.HGetAll(ctx, s.keys.edited(stream)).Result()
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	out := make([]record, 0, len(all))
	for id, text := range all {
		r := record{id: id}
		if err := json.Unmarshal([]byte(text), &r.values); err != nil {
			return nil, fmt.Errorf("journal entry %s cannot be read: %w", id, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func before(a, b string) bool { return compareIDs(a, b) < 0 }

// compareIDs orders stream ids, "-" first and "+" last.
func compareIDs(a, b string) int {
	am, as := splitID(a)
	bm, bs := splitID(b)
	return cmp.Or(cmp.Compare(am, bm), cmp.Compare(as, bs))
}

func splitID(id string) (ms, seq uint64) {
	switch id {
	case "-":
		return 0, 0
	case "+":
		return 1<<64 - 1, 1<<64 - 1
	}
	first, second, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(first, 10, 64)
	seq, _ = strconv.ParseUint(second, 10, 64)
	return ms, seq
}

// Runs implements jobs.JournalReader. It reads all runs, of which there are few: those that
// Erase edited are kept beside the stream, so the newest cannot be read alone.
func (s *Store) Runs(ctx context.Context, limit int) ([]jobs.RunRecord, error) {
	var out []jobs.RunRecord
	at := make(map[string]int)
	err := s.walk(ctx, s.keys.runs(), "-", "+", func(r record) (bool, error) {
		e, err := decodeRecord(r)
		if err != nil {
			return false, err
		}
		if i, known := at[e.Run]; e.Kind == jobs.EntryEnd && known {
			out[i].End = &e
		} else if e.Kind == jobs.EntryBegin {
			at[e.Run] = len(out)
			out = append(out, jobs.RunRecord{Begin: e})
		}
		return true, nil
	})
	slices.Reverse(out)
	return out[:min(limit, len(out))], err
}

// Entries implements jobs.JournalReader: it reads the journal from the run's begin on, to
// its end when there is one, and past that while something is open.
func (s *Store) Entries(ctx context.Context, run string) ([]jobs.Entry, error) {
	from := ""
	err := s.walk(ctx, s.keys.runs(), "-", "+", func(r record) (bool, error) {
		if r.field("run") == run && r.field("kind") != string(jobs.EntryEnd) {
			from = r.field("at")
		}
		return true, nil
	})
	if err == nil && from == "" {
		err = fmt.Errorf("%w: %s", jobs.ErrNoRun, run)
	}
	if err != nil {
		return nil, err
	}
	var out []jobs.Entry
	ended, open := false, make(map[string]bool) // intents of which nobody knows yet what became
	err = s.walk(ctx, s.keys.journal(), from, "+", func(r record) (bool, error) {
		if r.field("run") != run {
			return true, nil
		}
		e, err := decodeRecord(r)
		out = append(out, e)
		switch {
		case e.Kind == jobs.EntryEnd:
			ended = true
		case e.Kind == jobs.EntryIntent:
			open[e.ID] = true
		case e.Kind == jobs.EntryOutcome && e.Result != reconcile.Uncertain:
			delete(open, e.Intent)
		}
		return !ended || len(open) > 0, err
	})
	return out, err
}

// Scan implements jobs.JournalReader.
func (s *Store) Scan(ctx context.Context, since time.Time, yield func(jobs.Entry) bool) error {
	from := "-"
	if !since.IsZero() {
		from = strconv.FormatInt(max(0, since.UnixMilli()), 10) + "-0"
	}
	return s.walk(ctx, s.keys.journal(), from, "+", func(r record) (bool, error) {
		e, err := decodeRecord(r)
		return err == nil && yield(e), err
	})
}

// followBlock is how long one request waits for something new.
const followBlock = time.Second

// Follow implements jobs.Follower.
func (s *Store) Follow(ctx context.Context, yield func(jobs.Entry) bool) error {
	last := "0-0"
	newest, err := s.client.XRevRangeN(ctx, s.keys.journal(), "+", "-", 1).Result()
	if err != nil {
		return fmt.Errorf("follow the journal: %w", err)
	}
	if len(newest) == 1 {
		last = newest[0].ID
	}
	for ctx.Err() == nil {
		got, err := s.client.XRead(ctx, &redis.XReadArgs{Streams: []string{s.keys.journal(), last}, Block: followBlock, Count: 500}).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("follow the journal: %w", err)
		}
		for _, m := range got[0].Messages {
			e, err := decode(m)
			if err != nil {
				return err
			}
			if last = m.ID; !yield(e) {
				return nil
			}
		}
	}
	return nil
}

func decode(m redis.XMessage) (jobs.Entry, error) { return decodeRecord(record{m.ID, m.Values}) }

func decodeRecord(r record) (jobs.Entry, error) {
	var e jobs.Entry
	if err := json.Unmarshal([]byte(r.field("data")), &e); err != nil {
		return e, fmt.Errorf("journal entry %s cannot be read: %w", r.id, err)
	}
	e.ID = r.id
	return e, nil
}
