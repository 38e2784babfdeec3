package redisstore

import "tomorro-sync/reconcile"

// keys names everything in Redis for one connection. The braces are a hash tag:
// on Cluster they put all of a connection's keys into one slot.
type keys struct{ prefix string }

func newKeys(connection string) keys { return keys{"tomorro-sync:{" + connection + "}:"} }

// lock is a string while the lock is held: "fence since call holder".
func (k keys) lock() string { return k.prefix + "lock" }

// fence is a counter that grows with each lease.
func (k keys) fence() string { return k.prefix + "fence" }

// journal is a stream of all entries.
func (k keys) journal() string { return k.prefix + "journal" }

// runs is a stream with the begin and end entries only, so that listing runs
// does not read what they wrote.
func (k keys) runs() string { return k.prefix + "runs" }

// links is a hash from OneLogin id to Tomorro id.
func (k keys) links() string { return k.prefix + "links" }

// budget is a sorted set per limit: one member for each spending, its time in
// milliseconds as score. A member is "intent/number/group"; the group is empty but
// for memberships. It is there from the intent on, and goes when nothing came of it.
func (k keys) budget(l reconcile.Limit) string { return k.prefix + "budget:" + string(l) }

// decisions is a hash from the digest of a held change to what people said of it.
func (k keys) decisions() string { return k.prefix + "decisions" }

// facts is a hash from OneLogin id to a digest of what OneLogin said of them, with
// the fields "rules" and "basis".
func (k keys) facts() string { return k.prefix + "facts" }

// pulls is a list of the counts of the last good pulls, newest first.
func (k keys) pulls() string { return k.prefix + "pulls" }

// pins is a hash from OneLogin id to why that person stays as they are (JSON).
func (k keys) pins() string { return k.prefix + "pins" }

// adoption is a hash from the ids of accounts to whose somebody said they are (JSON), and
// an empty field with how far the adoption is.
func (k keys) adoption() string { return k.prefix + "adoption" }

// position is a counter that grows with each claim and outcome.
func (k keys) position() string { return k.prefix + "position" }

// touched is a hash from subject to the position of its last claim or outcome
// and the run that made it. It grows with the number of people only.
func (k keys) touched() string { return k.prefix + "touched" }

// claims is a hash from subject to who is writing it: until when, how many
// writes, which run.
func (k keys) claims() string { return k.prefix + "claims" }

// open is a hash from the ids of intents without an outcome to their runs, and of those
// whose outcome nobody knows to a question mark.
func (k keys) open() string { return k.prefix + "open" }

// asked is a string: what was answered to a call that is not to be done again
// when the answer is lost and the client asks once more. It ends by itself.
func (k keys) asked(call string) string { return k.prefix + "asked:" + call }

// marks is a sorted set of subjects to be looked at again, by the position at
// which they were marked, a time in milliseconds.
func (k keys) marks() string { return k.prefix + "marks" }

// due is a sorted set of the same subjects, by when to look at them, in milliseconds.
// A lease is a later time.
func (k keys) due() string { return k.prefix + "due" }

// tries is a hash from subject to how many looks came to nothing and how many more
// are wanted: "tries looks". Who has neither is not in it.
func (k keys) tries() string { return k.prefix + "tries" }

// assertions is a hash from the account and the group (a JSON array) to when somebody
// set it by hand, in milliseconds.
func (k keys) assertions() string { return k.prefix + "assertions" }

// ignored is a hash from the effects that Tomorro confirmed and did not keep to
// how often and when last (milliseconds). The effects are digests and name nobody.
func (k keys) ignored() string { return k.prefix + "ignored" }

// schedule is a hash: the last tick that was done and taken, whether it is paused, how
// many runs failed since one went well, and when a loss was found last.
func (k keys) schedule() string { return k.prefix + "schedule" }

// telling is a string while a process tells of alerts: its token.
func (k keys) telling() string { return k.prefix + "telling" }

// alerts is a string: what was told of which alert to whom (JSON).
func (k keys) alerts() string { return k.prefix + "alerts" }

// fast is a hash: how far fast passes have read, and when the next one begins (both
// milliseconds), and which call took the last.
func (k keys) fast() string { return k.prefix + "fast" }

// wish is a hash: the run that somebody asked for, who has it and until when.
func (k keys) wish() string { return k.prefix + "wish" }

// bucket is a hash: how many requests to an API may be sent now, and since when
// (microseconds). sharers is a sorted set of those who asked for some, by when.
func (k keys) bucket(api string) string  { return k.prefix + "bucket:" + api }
func (k keys) sharers(api string) string { return k.prefix + "sharers:" + api }

// learned is a hash: the limit that processes learned of an API together, when it was
// first seen and lowered last, and its tokens. learners is like sharers. levels is a
// sorted set of those processes that had to lower how many requests they have under way,
// scored by that.
func (k keys) learned(api string) string  { return k.prefix + "learned:" + api }
func (k keys) learners(api string) string { return k.prefix + "learners:" + api }
func (k keys) levels(api string) string   { return k.prefix + "levels:" + api }

// profile is a string: what the probe of Tomorro's service found (JSON).
func (k keys) profile() string { return k.prefix + "profile" }

// organisation is a string: whose connection this is, as the first run said.
func (k keys) organisation() string { return k.prefix + "organisation" }

// seals is a list of the seals over the journal (JSON), the oldest first. trimmed is a
// string: the id before which no entry is kept any more.
func (k keys) seals() string   { return k.prefix + "seals" }
func (k keys) trimmed() string { return k.prefix + "trimmed" }

// shelf is a string that ends by itself: somebody who is signed in to the console.
func (k keys) shelf(name string) string { return k.prefix + "shelf:" + name }

// pulse is a string that ends by itself: the number that a process counted last.
func (k keys) pulse(process string) string { return k.prefix + "pulse:" + process }

// edited is a hash from entry ids of a stream to what stands in their place since
// a person was erased.
func (k keys) edited(stream string) string { return stream + ":edited" }
