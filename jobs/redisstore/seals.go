package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

var _ jobs.Sealer = (*Store)(nil)

var sealScript = script("seal.lua")

// digest is over everything that an entry was written with. Of an erased one it is kept.
func (r *record) digest() string {
	if was := r.field(wasField); was != "" {
		return was
	}
	h := sha256.New()
	for _, part := range []string{r.id, r.field("kind"), r.field("run"), r.field("data")} {
		fmt.Fprintf(h, "%d %s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// wasField has the digest of an entry from before it was erased.
const wasField = "was"

// sealing is a seal under way.
type sealing struct {
	seal jobs.Seal
	sum  hash.Hash
}

func newSealing(number int, before string) *sealing {
	s := &sealing{seal: jobs.Seal{Number: number}, sum: sha256.New()}
	fmt.Fprintf(s.sum, "%d %s\n", number, before)
	return s
}

func (s *sealing) add(r *record) {
	if s.seal.Entries == 0 {
		s.seal.From = r.id
	}
	s.seal.To = r.id
	s.seal.Entries++
	fmt.Fprintf(s.sum, "%s\n", r.digest())
}

func (s *sealing) hash() string { return hex.EncodeToString(s.sum.Sum(nil)) }

// Seal implements jobs.Sealer. Ids only grow, so that no entry comes later between those
// that were read here.
func (s *Store) Seal(ctx context.Context) error {
	var last jobs.Seal
	text, err := s.client.LIndex(ctx, s.keys.seals(), -1).Result()
	if err == nil {
		err = json.Unmarshal([]byte(text), &last)
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("seal the journal: %w", err)
	}
	from := "-"
	if last.To != "" {
		from = "(" + last.To
	}
	next := newSealing(last.Number+1, last.Hash)
	err = s.walk(ctx, s.keys.journal(), from, "+", func(r record) (bool, error) {
		next.add(&r)
		return true, nil
	})
	if err != nil || next.seal.Entries == 0 {
		return err
	}
	next.seal.Hash, next.seal.Time = next.hash(), s.now().UTC()
	data, err := json.Marshal(next.seal)
	if err == nil {
		err = sealScript.Run(ctx, s.client, []string{s.keys.seals()}, text, data).Err() // 0: another replica was first
	}
	if err != nil {
		return fmt.Errorf("seal the journal: %w", err)
	}
	return nil
}

// seals are all of them, the oldest first.
func (s *Store) seals(ctx context.Context) ([]jobs.Seal, error) {
	texts, err := s.client.LRange(ctx, s.keys.seals(), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the journal's seals: %w", err)
	}
	all := make([]jobs.Seal, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &all[i]); err != nil {
			return nil, fmt.Errorf("seal %d of the journal cannot be read: %w", i+1, err)
		}
	}
	return all, nil
}

// Verify implements jobs.Sealer: it reads the journal once.
func (s *Store) Verify(ctx context.Context) (jobs.Verdict, error) {
	all, err := s.seals(ctx)
	if err != nil {
		return jobs.Verdict{}, err
	}
	least, err := s.client.Get(ctx, s.keys.trimmed()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return jobs.Verdict{}, fmt.Errorf("verify the journal: %w", err)
	}
	v := &verification{all: all, verdict: jobs.Verdict{Seals: len(all), Broken: []jobs.Broken{}}}
	v.skip(least)
	err = s.walk(ctx, s.keys.journal(), "-", "+", func(r record) (bool, error) {
		v.take(&r)
		return true, nil
	})
	if err != nil {
		return jobs.Verdict{}, err
	}
	for len(v.all) > 0 {
		v.close()
	}
	return v.verdict, nil
}

// verification goes through entries and seals side by side.
type verification struct {
	all     []jobs.Seal // those that are not compared yet
	before  jobs.Seal
	now     *sealing
	erased  int
	from    string // what is before is of seals over what is not kept
	verdict jobs.Verdict
}

// skip leaves out the seals over entries that were trimmed, also in part.
func (v *verification) skip(least string) {
	for len(v.all) > 0 && least != "" && before(v.all[0].From, least) {
		v.verdict.Gone++
		v.before, v.from = v.all[0], v.all[0].To
		v.verdict.Head, v.all = v.all[0], v.all[1:]
	}
	v.begin()
}

func (v *verification) begin() {
	v.now, v.erased = newSealing(v.before.Number+1, v.before.Hash), 0
}

func (v *verification) take(r *record) {
	if v.from != "" && !before(v.from, r.id) {
		return
	}
	for len(v.all) > 0 && before(v.all[0].To, r.id) {
		v.close()
	}
	if len(v.all) == 0 {
		v.verdict.Unsealed++
		return
	}
	v.now.add(r)
	if r.field(wasField) != "" {
		v.erased++
	}
}

// close compares one seal with what was found for it.
func (v *verification) close() {
	seal, found := v.all[0], v.now.seal.Entries
	why := ""
	switch {
	case seal.Number != v.before.Number+1:
		why = fmt.Sprintf("the seal before it should be number %d, and is number %d", seal.Number-1, v.before.Number)
	case found < seal.Entries:
		why = "entries are missing"
	case found > seal.Entries:
		why = "entries were put in"
	case v.now.hash() != seal.Hash:
		why = "an entry was changed, or the seal"
	}
	if why != "" {
		v.verdict.Broken = append(v.verdict.Broken, jobs.Broken{Seal: seal, Found: found, Why: why})
	} else {
		v.verdict.Entries += found
		v.verdict.Erased += v.erased
	}
	v.before, v.verdict.Head, v.all = seal, seal, v.all[1:]
	v.begin()
}
