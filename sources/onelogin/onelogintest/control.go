package onelogintest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// control routes /_sim/, which needs no credentials.
func (s *Server) control() {
	s.mux.HandleFunc("GET /_sim/world", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		send(w, http.StatusOK, s.world)
	})
	s.mux.HandleFunc("PATCH /_sim/knobs", func(w http.ResponseWriter, r *http.Request) {
		defer s.lock()()
		if strictly(w, r, &s.knobs) {
			s.freeze()
			send(w, http.StatusOK, s.knobs)
		}
	})
	s.mux.HandleFunc("PUT /_sim/rules", func(w http.ResponseWriter, r *http.Request) {
		var rules []Rule
		if strictly(w, r, &rules) {
			s.Edit(func(x *World) { x.Rules = rules })
		}
	})
	s.mux.HandleFunc("POST /_sim/churn", func(w http.ResponseWriter, r *http.Request) {
		var b struct {
			Seed uint64 `json:"seed"`
		}
		if strictly(w, r, &b) {
			s.Edit(func(x *World) { x.Churn(b.Seed) })
		}
	})
	s.mux.HandleFunc("POST /_sim/users", func(w http.ResponseWriter, r *http.Request) {
		p := &Person{Status: 1, State: 1, Assigned: true, CreatedAt: s.Now(), UpdatedAt: s.Now()}
		if strictly(w, r, p) {
			s.Edit(func(x *World) { x.Add(p) })
			send(w, http.StatusCreated, map[string]int64{"id": p.ID})
		}
	})
	s.mux.HandleFunc("PATCH /_sim/users/{id}", s.controlUser)
	s.mux.HandleFunc("POST /_sim/users/{id}/login", func(_ http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
		s.Happen(SignedIn, id, nil)
	})
	s.mux.HandleFunc("DELETE /_sim/users/{id}", func(_ http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
		s.Edit(func(x *World) { x.Remove(id) })
	})
}

func (s *Server) controlUser(w http.ResponseWriter, r *http.Request) {
	defer s.lock()()
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	p := s.world.Find(id)
	if p == nil {
		http.Error(w, "nobody has this id", http.StatusNotFound)
		return
	}
	edited := *p
	if strictly(w, r, &edited) {
		edited.ID, edited.UpdatedAt = p.ID, s.Now()
		*p = edited
	}
}

// strictly decodes a control body: a misspelt key would change nothing unseen.
func strictly(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
