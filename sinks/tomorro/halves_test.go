package tomorro_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
	"tomorro-sync/sinks/tomorro"
)

func served(t *testing.T, h http.HandlerFunc, retries int, edits ...func(*tomorro.Config)) *tomorro.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := tomorro.Config{URL: server.URL, Token: "x", Retries: retries, Backoff: time.Millisecond}
	for _, edit := range edits {
		edit(&cfg)
	}
	client, err := tomorro.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// inParts makes a change of members as a run does.
func inParts(t *testing.T, client *tomorro.Client, g reconcile.Group, add, remove []string) reconcile.Result {
	t.Helper()
	var plan reconcile.Plan
	for i, id := range slices.Concat(add, remove) {
		op := reconcile.OpAddMember
		if i >= len(add) {
			op = reconcile.OpRemoveMember
		}
		plan.Changes = append(plan.Changes, reconcile.Change{Op: op, Key: reconcile.Key(i + 1), Account: id, Who: id + "@x.io", Group: g.Name, GroupID: g.ID})
	}
	result, err := reconcile.Apply(t.Context(), plan, client, &reconciletest.Log{}, reconcile.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// left are the accounts of whom a change was not made.
func left(r *reconcile.Result) (ids []string) {
	for i := range r.Problems {
		for _, c := range r.Problems[i].Write.Changes {
			ids = append(ids, c.Account)
		}
	}
	return ids
}

// TestOneIsRefused: one of many of whom Tomorro refuses a change stops nobody's addition,
// and is named; of what a part did, the answer to another says nothing.
func TestOneIsRefused(t *testing.T) {
	for status, want := range map[int]string{400: reconcile.Failed, 404: reconcile.Failed, 403: reconcile.Failed, 500: reconcile.Uncertain} {
		in := make(map[string]bool)
		client := served(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			ids := regexp.MustCompile(`"m\d"`).FindAllString(string(body), -1)
			switch bad := slices.Contains(ids, `"m3"`); {
			case r.Method == http.MethodGet:
				_, _ = io.WriteString(w, aGroup[4:])
			case bad && len(ids) > 1:
				w.WriteHeader(http.StatusBadRequest)
			case bad:
				w.WriteHeader(status)
			default:
				for _, id := range ids {
					in[id] = true
				}
			}
		}, -1)
		got := inParts(t, client, reconcile.Group{ID: "g", Name: "G"}, []string{"m0", "m1", "m2", "m3", "m4", "m5"}, nil)
		if left := left(&got); !slices.Equal(left, []string{"m3"}) || got.Problems[0].Result != want || got.Done[reconcile.OpAddMember] != 5 || len(in) != 5 {
			t.Errorf("answered %d: %v left, %v in, %+v", status, left, in, got)
		}
	}
}

// TestLostThenOneRefused: when the answer to the first try is lost, or breaks off, what the
// next one refuses may have been done all the same.
func TestLostThenOneRefused(t *testing.T) {
	members := reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "G", Add: []string{"m"}}
	update := reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: "u", UserName: "ann@x.io"}}
	for _, cut := range []bool{false, true} {
		for _, w := range []reconcile.Write{members, update} {
			tries := 0
			client := served(t, func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					_, _ = io.WriteString(rw, aGroup[4:])
					return
				}
				tries++
				switch {
				case tries > 1:
					rw.WriteHeader(http.StatusBadRequest)
				case cut:
					rw.Header().Set("Content-Length", "1000")
					_, _ = io.WriteString(rw, "{")
				default:
					rw.WriteHeader(http.StatusBadGateway)
				}
			}, 1)
			if got := outcome(client.Write(t.Context(), w)); got != "uncertain" || tries != 2 {
				t.Errorf("%s, cut %v: %s after %d tries", w.Op, cut, got, tries)
			}
		}
	}
}

// TestCreateInterrupted: of what is made when the run is stopped nobody knows whether it is
// there, and nobody looks.
func TestCreateInterrupted(t *testing.T) {
	for _, w := range []reconcile.Write{{Op: reconcile.WriteCreateGroup, Group: "G"}, {Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "ann@x.io", Active: true}}} {
		ctx, cancel := context.WithCancel(t.Context())
		looked := make(chan struct{}, 1)
		client := served(t, func(_ http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				looked <- struct{}{}
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		}, -1)
		if got := outcome(client.Write(ctx, w)); got != "uncertain" || len(looked) > 0 {
			t.Errorf("%s: %s", w.Op, got)
		}
		cancel()
	}
}

// TestAnsweredByAnother: some services answer a POST of a name that is taken with the account
// that has it. Whatever differs in it tells, and what it leaves out does not.
func TestAnsweredByAnother(t *testing.T) {
	account := reconcile.Account{UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Low", UserType: reconcile.User, Active: true}
	for answer, want := range map[string]string{
		`"userName":"ANN@x.io","userType":"User","name":{"givenName":"Ann","familyName":"Low"},"active":true`: "done u",
		`"userName":"ann@x.io"`:                          "done u",
		`"userName":"bob@x.io"`:                          "exists",
		`"userType":"admin"`:                             "exists",
		`"name":{"givenName":"Bob"}`:                     "exists",
		`"name":{"givenName":"Ann","familyName":"High"}`: "exists",
		`"userName":"ann@x.io","active":false`:           "exists",
	} {
		says := script{"POST /Users": `201 {"id":"u",` + answer + `}`}
		if got := outcome(says.client(t, nil).Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser, Account: account})); got != want {
			t.Errorf("%s: %s, want %s", answer, got, want)
		}
	}
}

// TestCreatedIsLocated: of an account that is made and not shown, the address has the id,
// whatever is in that; an address that leads to none says nothing, nor does that of what was
// not made: it may be somebody's.
func TestCreatedIsLocated(t *testing.T) {
	status := http.StatusCreated
	for at, want := range map[string]string{
		"https://x.io/scim/v2/Users/u-1": "done u-1", "/Users/a%2Fb%20c": "done a/b c", "u": "done u",
		"": "uncertain", "/Users/": "uncertain", "/Users/..": "uncertain", ":": "uncertain",
	} {
		client := served(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, `{"totalResults":0,"Resources":[]}`)
				return
			}
			w.Header().Set("Location", at)
			w.WriteHeader(status)
		}, -1)
		for _, w := range []reconcile.Write{{Op: reconcile.WriteCreateGroup, Group: "G"}, {Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "ann@x.io", Active: true}}} {
			if got := outcome(client.Write(t.Context(), w)); got != want {
				t.Errorf("%s at %q: %s, want %s", w.Op, at, got, want)
			}
			status = http.StatusOK
			if got := outcome(client.Write(t.Context(), w)); got != "uncertain" {
				t.Errorf("%s at %q, not made: %s", w.Op, at, got)
			}
			status = http.StatusCreated
		}
	}
}
