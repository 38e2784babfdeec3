package tomorrotest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// State is everything the service knows, for an independent look at it.
type State struct {
	Users     []UserState  `json:"users"`  // in order of creation
	Groups    []GroupState `json:"groups"` // in order of creation
	Transfers []Transfer   `json:"transfers"`
	// Writes counts requests that changed something, Idle those that changed nothing.
	Writes int `json:"writes"`
	Idle   int `json:"idle"`
}

// UserState is a user with the names of their groups.
type UserState struct {
	User
	Groups []string `json:"groups"`
}

// GroupState is a group with the userNames of its members.
type GroupState struct {
	Group
	Members []string `json:"members"`
}

// State gives a copy of the whole state.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Users: []UserState{}, Groups: []GroupState{}, Transfers: slices.Clone(s.transfers)}
	for _, u := range s.users {
		us := UserState{User: *u, Groups: []string{}}
		us.groups = nil
		for _, id := range sorted(u.groups) {
			us.Groups = append(us.Groups, s.groupByID[id].DisplayName)
		}
		slices.Sort(us.Groups)
		st.Users = append(st.Users, us)
	}
	for _, g := range s.groups {
		gs := GroupState{Group: *g, Members: []string{}}
		gs.members = nil
		for _, id := range sorted(g.members) {
			gs.Members = append(gs.Members, s.userByID[id].UserName)
		}
		slices.Sort(gs.Members)
		st.Groups = append(st.Groups, gs)
	}
	for _, e := range s.log {
		if e.Effect {
			st.Writes++
		} else {
			st.Idle++
		}
	}
	return st
}

// Writes gives the write log, in order.
func (s *Server) Writes() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Turn sets knobs while the service runs.
func (s *Server) Turn(set func(*Knobs)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set(&s.knobs)
}

// AddUser makes an account as if by hand in Tomorro, and gives its id.
func (s *Server) AddUser(u User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.ID, u.groups = s.newID(), make(map[string]bool)
	s.insert(&u)
	return u.ID
}

// EditUser changes an account by hand. The id must exist.
func (s *Server) EditUser(id string, edit func(*User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userByID[id]
	delete(s.userByName, strings.ToLower(u.UserName))
	edit(u)
	s.userByName[strings.ToLower(u.UserName)] = u
}

// RemoveUser deletes an account by hand.
func (s *Server) RemoveUser(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.userByID[id])
}

// AddGroup makes a group as if by hand in Tomorro, and gives its id.
func (s *Server) AddGroup(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addGroup(name).ID
}

// Members changes memberships by hand, by names. Unknown names are an error.
func (s *Server) Members(group string, add, remove []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.groups, func(g *Group) bool { return g.DisplayName == group })
	if i < 0 {
		return fmt.Errorf("there is no group %q", group)
	}
	for _, name := range append(slices.Clone(add), remove...) {
		if s.userByName[strings.ToLower(name)] == nil {
			return fmt.Errorf("there is no user %q", name)
		}
	}
	for _, name := range add {
		s.join(s.groups[i], s.userByName[strings.ToLower(name)].ID)
	}
	for _, name := range remove {
		s.part(s.groups[i], s.userByName[strings.ToLower(name)].ID)
	}
	return nil
}

// control routes /_sim/, which needs no credentials.
func (s *Server) control() {
	s.mux.HandleFunc("GET /_sim/state", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, s.State()) })
	s.mux.HandleFunc("GET /_sim/writes", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, s.Writes()) })
	s.mux.HandleFunc("PATCH /_sim/knobs", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if strictly(w, r, &s.knobs) {
			send(w, http.StatusOK, s.knobs)
		}
	})
	s.mux.HandleFunc("POST /_sim/users", func(w http.ResponseWriter, r *http.Request) {
		u := User{Active: true}
		if strictly(w, r, &u) {
			send(w, http.StatusCreated, map[string]string{"id": s.AddUser(u)})
		}
	})
	s.mux.HandleFunc("PATCH /_sim/users/{id}", s.controlUser)
	s.mux.HandleFunc("POST /_sim/groups", func(w http.ResponseWriter, r *http.Request) {
		var g Group
		if strictly(w, r, &g) {
			send(w, http.StatusCreated, map[string]string{"id": s.AddGroup(g.DisplayName)})
		}
	})
	s.mux.HandleFunc("POST /_sim/members", func(w http.ResponseWriter, r *http.Request) {
		var b struct {
			Group       string   `json:"group"`
			Add, Remove []string `json:",omitempty"`
		}
		if !strictly(w, r, &b) {
			return
		}
		if err := s.Members(b.Group, b.Add, b.Remove); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
	})
}

func (s *Server) controlUser(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	u := s.userByID[r.PathValue("id")]
	s.mu.Unlock()
	if u == nil {
		http.Error(w, "no user has this id", http.StatusNotFound)
		return
	}
	edited := *u
	if strictly(w, r, &edited) {
		s.EditUser(u.ID, func(u *User) {
			edited.ID, edited.groups = u.ID, u.groups
			*u = edited
		})
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
