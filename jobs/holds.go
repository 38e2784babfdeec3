package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tomorro-sync/reconcile"
)

// Hold is what the last runs held for one reason: what somebody can let through,
// or not, as they see it.
type Hold struct {
	// ID names exactly these changes: with other content it is another hold.
	ID     string              `json:"id"`
	Rule   reconcile.HoldRule  `json:"rule"`
	Class  reconcile.HoldClass `json:"class"`
	Reason string              `json:"reason"`
	Since  time.Time           `json:"since"` // when the first of them was first held
	Run    string              `json:"run"`   // the run that held them last
	// Approvable says that a person's word lets them through, or, of what somebody
	// rejected, takes the rejection back.
	Approvable bool               `json:"approvable"`
	Changes    []reconcile.Change `json:"changes"`
	// Approvals names who approved, and Approved counts for how many of the changes
	// that is enough: the next run makes these.
	Approvals []string `json:"approvals,omitempty"`
	Approved  int      `json:"approved,omitempty"`
	// Rejected counts the changes that somebody decided against.
	Rejected int `json:"rejected,omitempty"`

	said     map[string]string // by digest
	approved map[string]int    // how many of the changes, by who approved
}

// ApprovedBy reports whether somebody has approved all of the hold, but for what was
// rejected.
func (h *Hold) ApprovedBy(who string) bool {
	n := 0
	for name, changes := range h.approved {
		if reconcile.SamePerson(name, who) {
			n += changes
		}
	}
	return n > 0 && n+h.Rejected >= len(h.Changes)
}

// What people's word made of one held change; neither, while it waits for one.
const (
	Approved = "approved" // the next run makes it
	Rejected = "rejected"
)

// Said says what people's word made of a change of the hold: Approved, Rejected, or
// empty.
func (h *Hold) Said(c *reconcile.Change) string {
	if len(h.said) == 0 {
		return ""
	}
	return h.said[c.Digest()]
}

// Rather says what to do before the hold is approved, where an approval could do harm that
// another answer does not; command is how the program is called. Empty for other holds.
func (h *Hold) Rather(command string) string {
	switch h.Rule {
	case reconcile.RuleRecreated:
		return "if they are the same people, as after a new import of the directory, do not approve; match their accounts: " + command + " adopt match --recreated"
	case reconcile.RuleAdoption:
		return "look whose the accounts are, and end the adoption: " + command + " adopt"
	}
	return ""
}

// OfUndo reports whether an undo held it: then another undo makes it, and no run.
func (h *Hold) OfUndo() bool {
	return slices.ContainsFunc(h.Changes, func(c reconcile.Change) bool { return c.Origin == reconcile.FromUndo })
}

// MadeBy says what makes the changes once they are approved.
func (h *Hold) MadeBy() string {
	if h.OfUndo() {
		return "the same undo"
	}
	return "the next run"
}

// ErrNoHold marks an id under which nothing is held. A hold whose content changes gets
// another id.
var ErrNoHold = errors.New("nothing is held under")

// heldNow is one held change as the journal tells of it.
type heldNow struct {
	held  reconcile.Held
	run   string
	since time.Time
}

// HoldBook is what is held now, as the journal tells: by the last run that looked
// at everybody, and by those of single people since.
type HoldBook struct {
	open    map[string]heldNow // by digest
	before  map[string]heldNow // what was held before that, for the ages
	partial map[string]map[reconcile.Key]bool
	intents map[string][]string
}

// ReadHolds reads the journal once.
func ReadHolds(ctx context.Context, journal JournalReader) (*HoldBook, error) {
	b := newHoldBook()
	return b, journal.Scan(ctx, time.Time{}, func(e Entry) bool { b.take(&e); return true })
}

// ReadLateHolds reads only the newest part of the journal, for pages that cannot wait until
// years of it are read. That is enough to tell what is held now, since each run that looks
// at everybody writes all of it down again; but Hold.Since is not before the part that was
// read. Where the part has no such run, it reads all.
func ReadLateHolds(ctx context.Context, journal JournalReader, now time.Time) (*HoldBook, error) {
	b, told := newHoldBook(), false
	err := journal.Scan(ctx, now.Add(-holdsBack), func(e Entry) bool {
		told = told || e.tellsAllHolds()
		b.take(&e)
		return true
	})
	if err != nil || told {
		return b, err
	}
	return ReadHolds(ctx, journal)
}

// tellsAllHolds reports whether this begins a run that tells anew of all that is held.
func (e *Entry) tellsAllHolds() bool {
	return e.Kind == EntryBegin && !e.Partial && e.Receipt != nil
}

func newHoldBook() *HoldBook {
	return &HoldBook{open: make(map[string]heldNow), before: make(map[string]heldNow), partial: make(map[string]map[reconcile.Key]bool), intents: make(map[string][]string)}
}

func (b *HoldBook) take(e *Entry) {
	switch e.Kind {
	case EntryBegin:
		if !e.tellsAllHolds() { // a run without a plan held nothing new
			b.partial[e.Run] = make(map[reconcile.Key]bool) // whom it has told of
			return
		}
		b.before, b.open = b.open, make(map[string]heldNow)
	case EntryPush: // tells anew of everybody whom it looked at
		for _, told := range e.Pushed {
			b.forget(told.Key)
		}
	case EntryHold:
		for _, h := range e.Held {
			if told := b.partial[e.Run]; told != nil && h.Origin != reconcile.FromUndo && !told[h.Key] { // an undo says nothing of what a run would do
				told[h.Key] = true
				b.forget(h.Key)
			}
			b.hold(h, e)
		}
	case EntryIntent:
		for i := range e.Write.Changes {
			b.intents[e.ID] = append(b.intents[e.ID], cmp.Or(e.Write.Changes[i].ApprovedAs, e.Write.Changes[i].Digest()))
		}
	case EntryOutcome:
		if e.Result == reconcile.Done {
			for _, digest := range b.intents[e.Intent] {
				delete(b.open, digest)
			}
		}
		if e.Result != reconcile.Uncertain { // else another outcome follows
			delete(b.intents, e.Intent)
		}
	case EntryEnd:
		delete(b.partial, e.Run)
	}
}

func (b *HoldBook) hold(h reconcile.Held, e *Entry) {
	digest := h.Digest()
	n := heldNow{held: h, run: e.Run, since: e.Time}
	for _, earlier := range []map[string]heldNow{b.before, b.open} {
		if was, ok := earlier[digest]; ok {
			n.since = was.since
		}
	}
	b.open[digest] = n
}

// forget sets aside what is known of a person of whom a run tells anew.
func (b *HoldBook) forget(key reconcile.Key) {
	for digest, n := range b.open {
		if key != 0 && n.held.Key == key && n.held.Origin != reconcile.FromUndo {
			b.before[digest] = n
			delete(b.open, digest)
		}
	}
}

// Open lists the holds with what people said of them. What can be approved comes
// first, then the oldest.
func (b *HoldBook) Open(decisions map[string]reconcile.Decision, fourEyes bool, now time.Time) []Hold {
	type reason struct {
		rule reconcile.HoldRule
		text string
	}
	groups := make(map[reason]*Hold)
	digests := make(map[*Hold][]string)
	for digest, n := range b.open {
		key := reason{n.held.Rule, n.held.Reason}
		h := groups[key]
		if h == nil {
			h = &Hold{Rule: n.held.Rule, Class: n.held.Class, Reason: n.held.Reason, Since: n.since, Run: n.run, Approvable: n.held.Rule.Approvable() || n.held.Rule == reconcile.RuleRejected, said: make(map[string]string), approved: make(map[string]int)}
			groups[key] = h
		}
		if n.since.Before(h.Since) {
			h.Since = n.since
		}
		h.Changes = append(h.Changes, n.held.Change)
		digests[h] = append(digests[h], digest)
		switch d, said := decisions[digest]; {
		case said && d.Waits:
		case said && !d.Approves:
			h.Rejected++
			h.said[digest] = Rejected
		case said && now.Before(d.Until):
			h.Approvals = append(h.Approvals, d.By...)
			for _, by := range d.By {
				h.approved[by]++
			}
			if d.Enough(fourEyes) {
				h.Approved++
				h.said[digest] = Approved
			}
		}
	}
	all := make([]Hold, 0, len(groups))
	for _, h := range groups {
		h.ID = holdID(h.Rule, digests[h])
		slices.Sort(h.Approvals)
		h.Approvals = slices.Compact(h.Approvals)
		reconcile.SortChanges(h.Changes)
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b Hold) int {
		return cmp.Or(cmp.Compare(a.place(), b.place()), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// place puts what waits for a person's word before the rest.
func (h *Hold) place() int {
	if h.Approvable && h.Rule != reconcile.RuleRejected {
		return 0
	}
	return 1
}

// holdID names a rule and exactly these changes.
func holdID(rule reconcile.HoldRule, digests []string) string {
	slices.Sort(digests)
	sum := sha256.Sum256([]byte(string(rule) + " " + strings.Join(digests, " ")))
	return hex.EncodeToString(sum[:])[:10]
}

// Word is what somebody says of a hold.
type Word struct {
	Who      string
	By       string // where they say it, as Trigger.By; "command" when empty
	Approves bool
	// Only are e-mails, OneLogin ids or groups; empty: all of the hold, but an approval
	// leaves out what was rejected of it. The rest of what a limit holds goes on waiting.
	Only []string
	For  time.Duration // how long an approval is good for
	Why  string
}

// Answer stores what somebody says of the hold with this id, or a unique beginning
// of it, and returns what was decided. The error wraps ErrNoHold when there is no
// such hold, or nothing of it that Only names.
func Answer(ctx context.Context, store Decisions, holds []Hold, id string, word Word, now time.Time) (Hold, error) {
	h, err := findHold(holds, id)
	if err != nil {
		return h, err
	}
	if word.Approves && !h.Approvable {
		return h, fmt.Errorf("hold %s cannot be approved: it is held by the rule %q, which no approval lifts: %s", h.ID, h.Rule, h.Reason)
	}
	all := h.Changes
	// Who approves the rest does not mean to take back what somebody rejected.
	spares := word.Approves && len(word.Only) == 0 && h.Rule != reconcile.RuleRejected && h.Rejected < len(h.Changes)
	var left []string // out of what the word is about
	h.Changes = slices.DeleteFunc(slices.Clone(h.Changes), func(c reconcile.Change) bool {
		named := word.names(&c) && !(spares && h.Said(&c) == Rejected)
		if !named {
			left = append(left, c.Digest())
		}
		return !named
	})
	if len(h.Changes) == 0 {
		return h, fmt.Errorf("%w %s that is about %s", ErrNoHold, h.ID, strings.Join(word.Only, ", "))
	}
	said := reconcile.Decision{Approves: word.Approves, Undo: h.OfUndo(), At: now, Why: word.Why, Hold: h.ID}
	if word.Approves {
		said.Until = now.Add(word.For)
	}
	note := said
	note.By = []string{word.Who}
	about := make(map[string]reconcile.Decision, len(all))
	for i := range all {
		about[all[i].Digest()] = said.About(&all[i])
	}
	digests := make([]string, len(h.Changes))
	for i := range h.Changes {
		digests[i] = h.Changes[i].Digest()
	}
	if h.Rule == reconcile.RuleLimit && len(left) > 0 { // first: it must hold when this ends in between
		edit := func(digest string, d reconcile.Decision) reconcile.Decision {
			return d.LeftOut(word.Who, about[digest])
		}
		if err := store.Decide(ctx, left, edit); err != nil {
			return h, err
		}
	}
	return h, store.Decide(ctx, digests, func(digest string, d reconcile.Decision) reconcile.Decision { return d.Said(word.Who, about[digest]) }, word.notes(&h, note)...)
}

// notes are the entries of the journal about a decision.
func (w *Word) notes(h *Hold, note reconcile.Decision) (notes []Entry) {
	for part := range slices.Chunk(h.Changes, perEntry) {
		e := Entry{Kind: EntryDecide, Time: note.At, Trigger: &Trigger{By: cmp.Or(w.By, "command"), Who: w.Who}, Decided: &note}
		for _, c := range part {
			e.Held = append(e.Held, reconcile.Held{Change: c, Class: h.Class, Rule: h.Rule, Reason: h.Reason})
		}
		notes = append(notes, e)
	}
	return notes
}

// shortID is how much of an id must be given.
const shortID = 4

func findHold(holds []Hold, id string) (Hold, error) {
	var found []Hold
	for _, h := range holds {
		if h.ID == id || len(id) >= shortID && strings.HasPrefix(h.ID, id) {
			found = append(found, h)
		}
	}
	switch len(found) {
	case 0:
		return Hold{}, fmt.Errorf("%w %q", ErrNoHold, id)
	case 1:
		return found[0], nil
	}
	return Hold{}, fmt.Errorf("%d holds begin with %q; give more of the id", len(found), id)
}

func (w *Word) names(c *reconcile.Change) bool {
	return len(w.Only) == 0 || slices.ContainsFunc(w.Only, func(name string) bool {
		folded := reconcile.Fold(name)
		return c.Key.String() == name || addressed(c, folded) || c.Group != "" && reconcile.Fold(c.Group) == folded
	})
}
