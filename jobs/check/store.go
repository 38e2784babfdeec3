package check

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tomorro-sync/jobs"
)

// leastRedis is the oldest version with all commands that are used.
var leastRedis = [2]int{6, 2}

// nearlyFull is from how many tenths of maxmemory on somebody should hear of it: a run
// writes much at once.
const nearlyFull = 8

// StoreTroubles gives those results of Evaluate about Redis that warn or fail. What Redis
// does not show of itself is no trouble.
func StoreTroubles(setup jobs.StoreSetup) []Result {
	e := &evaluation{f: &Facts{Store: setup}}
	e.store()
	return slices.DeleteFunc(e.results, func(r Result) bool { return r.Status != Fail && r.Status != Warn })
}

// store looks at Redis: one that forgets by itself loses who is who, and one that
// evicts loses the lock.
func (e *evaluation) store() {
	r := Result{ID: "redis.reachable", Step: stepRedis, Status: Pass, Found: "Redis answers"}
	ids := []string{"redis.persistence", "redis.eviction"}
	if e.f.StoreErr != nil {
		r.Status, r.Found, r.Do = Fail, e.f.StoreErr.Error(), "Mend what it says, at Redis or in redis.url and redis.password; only plan does without"
		if errors.Is(e.f.StoreErr, errNoStore) {
			r.Status, r.Do = Warn, "Start a Redis of version 7 that takes writes, and name it in redis.url; only plan does without"
		}
		e.add(r)
		for _, id := range ids {
			e.unread(id, stepRedis, "Redis")
		}
		return
	}
	s := &e.f.Store
	switch old, known := olderRedis(s.Version); {
	case s.Replica:
		r.Status, r.Found, r.Do = Fail, "Redis is a replica and takes no writes: no run begins", "Name the master in redis.url, or use redis+sentinel://"
	case !known:
		r.Found += "; its version cannot be seen"
	case old:
		r.Status, r.Found = Fail, "Redis is of version "+s.Version+", and 6.2 is the least"
		r.Do = "Install Redis 7"
	default:
		r.Found += ", version " + s.Version
	}
	e.add(r)
	e.persistence()
	e.eviction()
}

func olderRedis(version string) (old, known bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false, false
	}
	major, err := strconv.Atoi(parts[0])
	minor, bad := strconv.Atoi(parts[1])
	return major < leastRedis[0] || major == leastRedis[0] && minor < leastRedis[1], err == nil && bad == nil
}

func (e *evaluation) persistence() {
	s := &e.f.Store
	r := Result{ID: "redis.persistence", Step: stepRedis, Status: Pass, Found: "Redis writes each change to disk (appendonly)",
		Do: "In redis.conf: appendonly yes"}
	switch {
	case s.Unsaved && (s.Appends == "yes" || s.Snapshots != ""):
		r.Status, r.Found = Fail, "what Redis last wanted to write to its disk did not get there: what runs wrote since is forgotten when it dies"
		r.Do = "Make room on its disk, or see its log"
	case s.Appends == "yes":
		r.Do = ""
	case s.Appends == "":
		r.Status, r.Found = Unseen, "whether Redis keeps its data cannot be seen"
	case strings.TrimSpace(s.Snapshots) != "":
		r.Status, r.Found = Warn, fmt.Sprintf("Redis only makes snapshots (save %q): what runs wrote since the last one is forgotten when it dies", s.Snapshots)
	case !s.SnapshotsShown:
		r.Status, r.Found = Warn, "Redis does not write each change to disk; whether it makes snapshots cannot be seen"
	default:
		r.Status, r.Found = Fail, "Redis keeps nothing: when it starts anew, links, journal and approvals are gone"
	}
	e.add(r)
}

func (e *evaluation) eviction() {
	s := &e.f.Store
	r := Result{ID: "redis.eviction", Step: stepRedis, Status: Pass, Found: "Redis evicts nothing"}
	switch {
	case s.Eviction == "":
		r.Status, r.Found, r.Do = Unseen, "whether Redis evicts keys cannot be seen", "Make sure that maxmemory-policy is noeviction"
	case s.Eviction != "noeviction":
		r.Status, r.Do = Fail, "In redis.conf: maxmemory-policy noeviction"
		what := "links, journal and limits"
		if strings.HasPrefix(s.Eviction, "volatile") {
			what = "the lock and other keys that end by themselves"
		}
		r.Found = fmt.Sprintf("Redis evicts keys (maxmemory-policy %s): when its memory is full, it may drop %s", s.Eviction, what)
		if s.MaxMemory == 0 {
			r.Found += "; maxmemory is not set, so it does not yet"
		}
	case s.MaxMemory > 0 && s.Used > s.MaxMemory/10*nearlyFull:
		r.Status, r.Do = Warn, "Raise maxmemory, or keep the journal for a shorter time (journal.keep)"
		r.Found = fmt.Sprintf("Redis evicts nothing, and uses %d of %d MiB (maxmemory): when it is full, no run begins and no push is taken", s.Used>>20, s.MaxMemory>>20)
	}
	e.add(r)
}
