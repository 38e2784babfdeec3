package tomorro_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
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

// TestHalfDone: of a change of members that was refused and is made in halves, the first may
// be done when the second is not. Then nobody may call it done, nor refused as a whole.
func TestHalfDone(t *testing.T) {
	for second, want := range map[int]string{200: "done g", 404: "done g without m", 400: "uncertain", 403: "uncertain", 500: "uncertain"} {
		client := served(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			k, m := strings.Contains(string(body), `"k"`), strings.Contains(string(body), `"m"`)
			switch {
			case r.Method == http.MethodGet:
				_, _ = io.WriteString(w, aGroup[4:])
			case k && m:
				w.WriteHeader(http.StatusBadRequest)
			case m:
				w.WriteHeader(second)
			}
		}, -1)
		w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "G", Add: []string{"k", "m"}}
		if got := outcome(client.Write(t.Context(), w)); got != want {
			t.Errorf("the second half is answered %d: %s, want %s", second, got, want)
		}
	}
}

// TestWhoIsRefused: of many members of whom one is refused, that one is named.
func TestWhoIsRefused(t *testing.T) {
	client := served(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, aGroup[4:])
		case strings.Contains(string(body), `"m3"`):
			w.WriteHeader(http.StatusBadRequest)
		}
	}, -1)
	w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "G"}
	for i := range 6 {
		id := fmt.Sprint("m", i)
		w.Add = append(w.Add, id)
		w.Changes = append(w.Changes, reconcile.Change{Op: reconcile.OpAddMember, Account: id, Who: id + "@x.io"})
	}
	if _, err := client.Write(t.Context(), w); err == nil || !strings.Contains(err.Error(), "members of G: m3@x.io: Tomorro answered 400") {
		t.Error(err)
	}
	w.Add, w.Remove, w.Changes = nil, []string{"m3"}, nil
	if _, err := client.Write(t.Context(), w); err == nil || !strings.Contains(err.Error(), "members of G: account m3: Tomorro answered 400") {
		t.Error(err)
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
