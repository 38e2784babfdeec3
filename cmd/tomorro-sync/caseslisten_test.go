package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// replied is an answer of the listener.
type replied struct {
	status int
	header http.Header
	body   string
}

// push sends one request to the listener; token may be empty.
func (s *serving) push(t *testing.T, token, method, path, body string) replied {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-From-Client", "header-of-the-client")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return replied{answer.StatusCode, answer.Header, string(text)}
}

// patiently gives pushes the time that a busy machine needs.
func patiently(keys string) string { return strings.Replace(keys, "deadline: 2s", "deadline: 8s", 1) }

// userBody is somebody as the template of the set-up guide has them, and more.
func userBody(p *onelogintest.Person, more string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"userType":%q,"name":{"givenName":%q,"familyName":%q}%s}`,
		p.Email, *p.Title, p.FirstName, p.LastName, more)
}

// refused fails unless an answer is an error as SCIM has it, with these words.
func (a *replied) refused(t *testing.T, status int, words string) {
	t.Helper()
	var e struct {
		Schemas        []string
		Status, Detail string
	}
	err := json.Unmarshal([]byte(a.body), &e)
	if err != nil || a.status != status || e.Status != fmt.Sprint(status) || !strings.Contains(e.Detail, words) || !slices.Contains(e.Schemas, "urn:ietf:params:scim:api:messages:2.0:Error") {
		t.Errorf("answered with %d and %s, want %d and %q; %v", a.status, a.body, status, words, err)
	}
	if status >= 500 && a.header.Get("Retry-After") == "" {
		t.Errorf("%s is without Retry-After", a.body)
	}
}

func caseListenLockedOut(t *testing.T) {
	for name, words := range map[string]string{"admin": "min_admins", "substitute": "substitute", "the token's own": "tomorro.api_account", "protected": "protect"} {
		o := newOffice(t, labOptions{users: 20, groups: 2, seed: 6, plain: true}, patiently(listenKeys))
		for _, other := range o.world.People {
			other.Title = new("user")
		}
		p := o.world.People[6]
		o.world.People[0].Title = new("admin")
		switch name {
		case "admin":
			o.world.People[0].Title, p.Title = new("user"), new("admin")
		case "substitute":
			o.edit("tomorro: {", "tomorro: {default_substitute: "+p.Email+", ")
		case "the token's own":
			o.edit("tomorro: {", "tomorro: {api_account: "+p.Email+", ")
		case "protected":
			o.edit("titles:", "protect: ["+p.Email+"]\ntitles:")
		}
		o.must(exitDone, "reconcile", "--yes")
		before := o.lab.tomorro.State()
		had, _ := o.account(p.Email)
		s := serveFile(t, services{}, o.config)
		for _, push := range []struct {
			edit         func()
			method, more string
		}{
			{func() { p.Status = 2 }, http.MethodPut, `,"active":false`},
			{func() { p.Status, p.Assigned = 1, false }, http.MethodDelete, ""},
			{func() { p.Assigned, p.Title = true, new("viewer") }, http.MethodPut, ""},
		} {
			o.people(func(*onelogintest.World) { push.edit() })
			a := s.push(t, pushToken, push.method, "/Users/"+had.ID, userBody(p, push.more))
			a.refused(t, http.StatusForbidden, words)
			o.keep(before, name)
			if has, _ := o.account(p.Email); has.UserType != had.UserType {
				t.Errorf("%s: became %s", name, has.UserType)
			}
			if out := o.must(exitDone, "holds"); !strings.Contains(out, p.Email) || !strings.Contains(out, words) {
				t.Errorf("%s: holds says\n%s", name, out)
			}
		}
		s.stop()
	}
}

// memberBody adds somebody to a group or takes them out, in OneLogin's dialects.
func memberBody(dialect int, id string, add bool) string {
	switch {
	case dialect == 2 && add:
		return fmt.Sprintf(`{"schemas":["urn:scim:schemas:core:1.0"],"members":[{"value":%q,"operation":"add"}]}`, id)
	case dialect == 2:
		return fmt.Sprintf(`{"members":[{"value":%q,"operation":"delete"}]}`, id)
	case add:
		return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, id)
	case dialect == 1:
		return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"%s\"]"}]}`, id)
	}
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members","value":[{"value":%q}]}]}`, id)
}

func caseListenPatch(t *testing.T) {
	o := newOffice(t, labOptions{users: 60, groups: 3, seed: 6, plain: true}, patiently(listenKeys)+"limits: {remove_member: {max: none, share: none}, remove_from_group: {max: none, share: none}}\n")
	group := o.lab.tomorro.AddGroup("Deal room")
	o.lab.tomorro.AddUser(tomorrotest.User{UserName: "counsel@lawfirm.example", GivenName: "Ext", FamilyName: "Counsel", UserType: "user", Active: true})
	if err := o.lab.tomorro.Members("Deal room", []string{"counsel@lawfirm.example"}, nil); err != nil {
		t.Fatal(err)
	}
	o.must(exitDone, "reconcile", "--yes")
	want := make(map[string][]string) // groups by account
	for _, u := range o.lab.tomorro.State().Users {
		want[u.ID] = u.Groups
	}
	s := serveFile(t, services{}, o.config)
	check := func(when string) {
		t.Helper()
		for _, u := range o.lab.tomorro.State().Users {
			slices.Sort(want[u.ID])
			if !slices.Equal(want[u.ID], u.Groups) {
				t.Errorf("%s: %s is in %v, want %v", when, u.UserName, u.Groups, want[u.ID])
			}
		}
	}
	ids := make([]string, 50)
	for i := range ids {
		a, _ := o.account(o.world.People[i].Email)
		ids[i] = a.ID
	}
	all := func(ids []string, add bool) {
		t.Helper()
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() {
				if a := s.push(t, pushToken, http.MethodPatch, "/Groups/"+group, memberBody(i%3, id, add)); a.status/100 != 2 {
					t.Errorf("answered with %d and %s", a.status, a.body)
				}
			})
			if add {
				want[id] = append(slices.Clone(want[id]), "Deal room")
			} else {
				want[id] = slices.DeleteFunc(slices.Clone(want[id]), func(g string) bool { return g == "Deal room" })
			}
		}
		wg.Wait()
	}
	all(ids, true)
	check("50 added at once")
	all(ids[10:40], false)
	check("30 removed at once")
	for i := range 3 { // one by one, and once more what is so already
		all(ids[i:i+1], false)
		all(ids[i:i+1], false)
		all(ids[30+i:31+i], true)
		all(ids[30+i:31+i], true)
	}
	for id := range want {
		want[id] = slices.Compact(want[id])
	}
	check("one by one")
	o.must(exitDone, "reconcile", "--yes")
	check("after a run")
}

func caseListenMiddle(t *testing.T) {
	o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, patiently(listenKeys))
	o.edit("token: tomorro-token, concurrency: 16", "token: tomorro-token, concurrency: 1")
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	p := o.world.People
	id := func(i int) string { a, _ := o.account(p[i].Email); return a.ID }
	s := serveFile(t, services{}, o.config)
	o.people(func(*onelogintest.World) {
		for i := range 12 {
			p[i].LastName += " Night"
		}
	})
	o.lab.tomorroWire.Add(flaky.Fault{Method: http.MethodPut, Path: "/scim/v2/Users/*", Kind: flaky.KindSlow, Delay: 100 * time.Millisecond})
	writes := o.lab.tomorroWire.Stats().Writes
	ended := make(chan int)
	go func() {
		code, stdout, stderr := o.run("reconcile", "--yes")
		if code != exitDone && code != exitSomeFailed {
			t.Errorf("the run ended with %d\n%s%s", code, stdout, stderr)
		}
		ended <- code
	}()
	eventually(t, "the run writes", func() bool { return o.lab.tomorroWire.Stats().Writes > writes })
	var wg sync.WaitGroup
	push := func(i int, method, more string, edit func()) {
		o.people(func(*onelogintest.World) { edit() })
		account := id(i)
		wg.Go(func() {
			if a := s.push(t, pushToken, method, "/Users/"+account, userBody(p[i], more)); a.status/100 != 2 && a.status != http.StatusServiceUnavailable {
				t.Errorf("person %d: %d %s", i, a.status, a.body)
			}
		})
	}
	for i := range 12 { // whom the run writes: before, now and later
		push(i, http.MethodPut, "", func() { p[i].FirstName = fmt.Sprint("Day ", i) })
	}
	push(20, http.MethodPut, "", func() { p[20].LastName = "Married" })
	push(21, http.MethodPut, `,"active":false`, func() { p[21].Status = 2 })
	push(22, http.MethodDelete, "", func() { p[22].Assigned = false })
	select {
	case <-ended:
		t.Error("the run was over before the pushes were sent")
	default:
		<-ended
	}
	wg.Wait()
	o.lab.tomorroWire.Clear()
	eventually(t, "nobody waits for another look", func() bool { return o.status().Marks == 0 })
	o.equal()
	o.must(exitDone, "plan")
	o.unique()
}

// status is what the memory tells of the connection.
func (o *office) status() jobs.Status {
	o.t.Helper()
	store, err := redisstore.Open(o.t.Context(), "redis://"+o.redis.Addr()+"/0", redisstore.Options{})
	if err != nil {
		o.t.Fatal(err)
	}
	defer store.Close()
	status, err := store.Status(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return status
}

func caseListenSecurity(t *testing.T) {
	const other, password = "another-token-for-pushes", "correct-horse-battery"
	o := newOffice(t, labOptions{users: 30, groups: 2, seed: 6, plain: true}, strings.Replace(listenKeys, "tokens: ["+pushToken+"]", "requests_per_second: 0.1, tokens: ["+pushToken+", "+other+"]", 1))
	o.must(exitDone, "reconcile", "--yes")
	var mu sync.Mutex
	var heard strings.Builder // by Tomorro
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		fmt.Fprintln(&heard, r.Method, r.URL, r.Header, string(body))
		mu.Unlock()
		o.lab.tomorroWire.ServeHTTP(w, r)
	}))
	defer front.Close()
	o.edit(o.lab.tomorroURL, front.URL+"/scim/v2")
	s, before := serveFile(t, services{}, o.config), o.lab.tomorro.State()
	p := o.world.People
	victim, _ := o.account(p[3].Email)
	o.people(func(*onelogintest.World) { p[3].Status = 2 })
	for _, wrong := range []string{"", "a", pushToken[:len(pushToken)-1], pushToken + "x", "sha256:" + strings.Repeat("0", 64), simToken} {
		a := s.push(t, wrong, http.MethodDelete, "/Users/"+victim.ID, "")
		a.refused(t, http.StatusUnauthorized, "token")
	}
	if n := o.writes(before); n != 0 {
		t.Errorf("without a token, %d writes were made", n)
	}
	o.people(func(w *onelogintest.World) { p[3].Status = 1; joiner(w, "joiner@acme.example") })
	joined := &onelogintest.Person{Email: "joiner@acme.example", FirstName: "New", LastName: "Comer", Title: new("user")}
	if a := s.push(t, pushToken, http.MethodPost, "/Users", userBody(joined, fmt.Sprintf(`,"password":%q,"phoneNumbers":[{"value":"+33 1 23"}]`, password))); a.status != http.StatusCreated || strings.Contains(a.body, password) {
		t.Errorf("%d %s", a.status, a.body)
	}
	stolen(t, s, o)
	slowed := 0
	for range 1200 {
		if a := s.push(t, pushToken, http.MethodGet, "/ServiceProviderConfig", ""); a.status == http.StatusTooManyRequests {
			a.refused(t, http.StatusTooManyRequests, "Too many")
			if slowed++; a.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if a := s.push(t, other, http.MethodGet, "/Users/"+victim.ID, ""); slowed == 0 || a.status != http.StatusOK {
		t.Errorf("%d were slowed down, and another token got %d", slowed, a.status)
	}
	s.stop()
	for _, secret := range []string{password, "+33 1 23", pushToken, other, "header-of-the-client"} {
		if strings.Contains(heard.String(), secret) || strings.Contains(s.log.String(), secret) {
			t.Errorf("%q reached Tomorro or the log", secret)
		}
	}
	for _, personal := range []string{"@acme.example", "Comer", p[3].LastName, simToken} {
		if strings.Contains(s.log.String(), personal) {
			t.Errorf("the log has %q", personal)
		}
	}
	refusesTokens(t, o)
}

// stolen: somebody with the token removes everybody at once. OneLogin's API says
// otherwise, and is believed.
func stolen(t *testing.T, s *serving, o *office) {
	before := o.lab.tomorro.State()
	var wg sync.WaitGroup
	for _, u := range before.Users {
		wg.Go(func() {
			a := s.push(t, pushToken, http.MethodDelete, "/Users/"+u.ID, "")
			a.refused(t, http.StatusServiceUnavailable, "")
		})
	}
	wg.Wait()
	o.keep(before, "a stolen token")
}

// refusesTokens: a token that is empty, short or not there is refused at the start.
func refusesTokens(t *testing.T, o *office) {
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, tokens := range []string{"tokens: []", `tokens: [""]`, `tokens: ["  "]`, "tokens: [short]", "tokens: [" + pushToken + `, ""]`} {
		config := writeFile(t, strings.Replace(string(text), "tokens: ["+pushToken, tokens+"} #", 1))
		var out, errs bytes.Buffer
		if code := run(t.Context(), services{}, []string{"--config", config, "serve"}, nil, strings.NewReader(""), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "listen.tokens") {
			t.Errorf("%s: exit %d, %s", tokens, code, errs.String())
		}
	}
}
