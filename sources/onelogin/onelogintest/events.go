package onelogintest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Happening is something that happens to one person: how it changes updated_at and
// which event tells of it. See Server.Happen.
type Happening int

// The happenings.
const (
	Edited      Happening = iota // an administrator or a directory changes attributes: event 14
	SignedIn                     // event 5, which nobody asks for here
	RoleGiven                    // by hand: event 147
	RoleTaken                    // event 148
	RoleMapped                   // given by a mapping: event 149
	TitleMapped                  // a mapping sets an attribute: no event, no user is named
	AppGiven                     // event 206
	AppTaken                     // event 207
	Hired                        // event 13
	Deleted                      // event 17
)

// event is the type of the event that tells of it; 0 for none.
func (h Happening) event() int { return []int{14, 5, 147, 148, 149, 0, 206, 207, 13, 17}[h] }

// Touches reports whether it moves updated_at.
func (k *Knobs) Touches(h Happening) bool {
	switch h {
	case RoleGiven, RoleTaken, RoleMapped:
		return k.RolesTouch
	case TitleMapped:
		return k.MappingsTouch
	case AppGiven, AppTaken:
		return k.AppsTouch
	}
	return true
}

// Tells reports whether an event that names the person tells of it.
func (k *Knobs) Tells(h Happening) bool {
	return h.event() != 0 && !slices.Contains(k.SilentEvents, h.event())
}

// Event is one event as GET /api/1/events gives it; without values, as there.
type Event struct {
	ID   int64
	Time time.Time
	Type int
	User int64
}

// Happen lets something happen to a person: change is made, updated_at moves and an
// event is told as far as the knobs say. The id of somebody who is hired is given
// back; change fills them in.
func (s *Server) Happen(h Happening, id int64, change func(*World, *Person)) int64 {
	defer s.lock()()
	now := s.Now().UTC()
	p := s.world.Find(id)
	if h == Hired {
		p = s.world.Add(&Person{Status: 1, State: 1, CreatedAt: now})
	}
	if p == nil {
		return 0
	}
	if change != nil {
		change(s.world, p)
	}
	if h == SignedIn {
		p.LastLogin = &now
	}
	if s.knobs.Touches(h) {
		p.UpdatedAt = now
	}
	if h == Deleted {
		s.world.Remove(p.ID)
	}
	if s.knobs.Tells(h) {
		s.told = append(s.told, Event{ID: int64(len(s.told) + 1), Time: now, Type: h.event(), User: p.ID})
	}
	return p.ID
}

// listEvents serves events, the oldest first, 50 a page with a keyset cursor.
func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains([]string{"since", "event_type_id", "fields", "after_cursor"}, name) {
			v1Error(w, http.StatusBadRequest, "bad request", "unknown parameter: "+name)
			return
		}
	}
	since, err := time.Parse(time.RFC3339, q.Get("since"))
	last := int64(0)
	if c := q.Get("after_cursor"); c != "" {
		raw, bad := base64.StdEncoding.DecodeString(c)
		n, bad2 := strconv.ParseInt(string(raw), 10, 64)
		if bad != nil || bad2 != nil {
			v1Error(w, http.StatusBadRequest, "bad request", "cursor is incorrect")
			return
		}
		last = n
	}
	if err != nil {
		v1Error(w, http.StatusBadRequest, "bad request", "since is incorrect")
		return
	}
	types := strings.Split(q.Get("event_type_id"), ",")
	data := make([]map[string]any, 0, 50)
	var after any
	for i := range s.told {
		e := &s.told[i]
		if e.ID <= last || e.Time.Before(since) || !slices.Contains(types, strconv.Itoa(e.Type)) {
			continue
		}
		if len(data) == 50 {
			after = base64.StdEncoding.EncodeToString(fmt.Append(nil, last))
			break
		}
		last = e.ID
		data = append(data, map[string]any{"user_id": e.User})
	}
	send(w, http.StatusOK, map[string]any{
		"status":     map[string]any{"error": false, "code": 200, "type": "success", "message": "Success"},
		"pagination": map[string]any{"before_cursor": nil, "after_cursor": after, "previous_link": nil, "next_link": nil},
		"data":       data,
	})
}
