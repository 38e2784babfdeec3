package console

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

var holdForm = regexp.MustCompile(`action="/c/acme/holds/([0-9a-f]+)"`)

// hold is the id of the hold that a person's word lets through.
func (s *site) hold() string {
	s.t.Helper()
	_, body := s.get("/c/acme/holds")
	m := holdForm.FindStringSubmatch(body)
	if m == nil {
		s.t.Fatalf("nothing to decide:\n%s", body)
	}
	return m[1]
}

func (s *site) decide(verdict string, more url.Values) (int, string) {
	form := url.Values{"verdict": {verdict}}
	maps.Copy(form, more)
	return s.post("/c/acme/holds/"+s.hold(), form)
}

// said is who approved how many changes, and rejected.
func (w *world) said() (approvals, rejections [][]string) {
	for _, d := range w.decisions {
		if d.Approves {
			approvals = append(approvals, d.By)
		} else {
			rejections = append(rejections, d.By)
		}
	}
	return approvals, rejections
}

func TestApprove(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	if code, to := s.decide("approve", url.Values{"why": {"they left"}}); code != http.StatusSeeOther || !strings.HasSuffix(to, "said=approved") {
		t.Fatalf("%d %s", code, to)
	}
	approvals, rejections := w.said()
	if len(approvals) != 2 || len(rejections) != 0 || !slices.Equal(approvals[0], []string{"Ann"}) {
		t.Errorf("approved %v, rejected %v", approvals, rejections)
	}
	last := w.entries[len(w.entries)-1]
	if last.Kind != jobs.EntryDecide || last.Trigger.By != "console" || last.Trigger.Who != "Ann" || last.Decided.Why != "they left" || len(last.Held) != 2 {
		t.Errorf("the journal has %+v", last)
	}
	if _, body := s.get("/c/acme/holds?said=approved"); !strings.Contains(body, "2 changes approved by Ann: the next run makes them") || !strings.Contains(body, "You approved") || strings.Contains(body, "for somebody's word") || !strings.Contains(body, "2 changes are approved") || !strings.Contains(body, "exactly these changes, once.") {
		t.Errorf("the page says\n%s", body)
	}
	if _, body := s.get("/c/acme/holds?said=%3Cb%3Eforged"); strings.Contains(body, "forged") {
		t.Error("an address puts words into the console's mouth")
	}
}

func TestApproveSome(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	if code, to := s.decide("approve", url.Values{"only": {"2"}}); code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, to)
	}
	c := leaver(2)
	if d := w.decisions[c.Digest()]; !d.Approves {
		t.Errorf("decided %+v", w.decisions)
	}
	for digest, d := range w.decisions { // the others of what is over the limit go on waiting
		if digest != c.Digest() && (d.Approves || !d.Waits) {
			t.Errorf("of another: %+v", d)
		}
	}
}

// TestRejectOneApproveTheRest: the page says who is rejected and who is approved, and
// whoever decided about some can still decide about the others.
func TestRejectOneApproveTheRest(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.decide("reject", url.Values{"only": {"2"}, "why": {"on leave"}})
	_, body := s.get("/c/acme/holds")
	for _, want := range []string{"1 change waits for somebody", `</span> <span class="tag warn">rejected</span></li>`, `<span class="tag warn">rejected</span></label>`, `class="primary" name="verdict"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q:\n%s", want, body)
		}
	}
	if _, to := s.decide("approve", nil); !strings.HasSuffix(to, "said=spared") {
		t.Errorf("approved, and said %s", to)
	}
	c := leaver(2)
	if d := w.decisions[c.Digest()]; d.Approves {
		t.Errorf("an approval of the rest took the rejection back: %+v", d)
	}
	if _, body := s.get("/c/acme/holds?said=spared"); !strings.Contains(body, "1 change is approved, 1 was rejected") || !strings.Contains(body, "You approved") || !strings.Contains(body, "but for what was rejected") || strings.Contains(body, `class="primary" name="verdict"`) {
		t.Errorf("the page says\n%s", body)
	}
}

// TestApproveSomeAndThenAll: an approval of some leaves the button for the others.
func TestApproveSomeAndThenAll(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.decide("approve", url.Values{"only": {"2"}})
	if _, body := s.get("/c/acme/holds"); strings.Contains(body, "You approved") || !strings.Contains(body, `<span class="tag good">approved</span></li>`) {
		t.Errorf("the page says\n%s", body)
	}
	s.decide("approve", nil)
	if _, body := s.get("/c/acme/holds"); !strings.Contains(body, "You approved") {
		t.Errorf("after both\n%s", body)
	}
}

// TestRecreated: who is at work under another OneLogin id is not offered for removal like
// who left: what to do instead is said on both pages, and the button does not stand out.
func TestRecreated(t *testing.T) {
	w := newWorld()
	for i := range w.entries[1].Held[:2] {
		w.entries[1].Held[i].Rule = reconcile.RuleRecreated
	}
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	for _, page := range []string{"/c/acme/", "/c/acme/holds"} {
		if _, body := s.get(page); !strings.Contains(body, "if they are the same people") || !strings.Contains(body, "tomorro-sync adopt match --recreated") || strings.Contains(body, `class="primary" name="verdict"`) {
			t.Errorf("%s says\n%s", page, body)
		}
	}
}

func TestReject(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	if code, body := s.decide("reject", nil); code != http.StatusForbidden || !strings.Contains(body, "needs a reason") {
		t.Errorf("without a reason: %d\n%s", code, body)
	}
	if code, body := s.decide("", nil); code != http.StatusForbidden || len(w.decisions) > 0 {
		t.Errorf("neither: %d\n%s", code, body)
	}
	if code, to := s.decide("reject", url.Values{"why": {"they return"}}); code != http.StatusSeeOther || !strings.HasSuffix(to, "rejected") {
		t.Errorf("%d %s", code, to)
	}
	if _, rejections := w.said(); len(rejections) != 2 {
		t.Errorf("rejected %v", rejections)
	}
}

// TestNeitherWord: a form that says neither approve nor reject decides nothing.
func TestNeitherWord(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	for _, verdict := range []string{"", "Approve", "both"} {
		if code, _ := s.decide(verdict, url.Values{"why": {"they work here"}}); code == http.StatusSeeOther || len(w.decisions) > 0 {
			t.Errorf("%q: %d, decided %v", verdict, code, w.decisions)
		}
	}
}

// TestDecideWhatWasSeen: a form about what is held otherwise by now decides nothing.
func TestDecideWhatWasSeen(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	id := s.hold()
	w.entries[1].Held = append(w.entries[1].Held, reconcile.Held{Change: leaver(4), Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit, Reason: "2 deactivations: too many"})
	w.status.Last = &jobs.Report{Run: "r2", Finished: evening}
	code, body := s.post("/c/acme/holds/"+id, url.Values{"verdict": {"approve"}})
	if code != http.StatusConflict || len(w.decisions) > 0 || !strings.Contains(body, "Nothing was decided") {
		t.Errorf("%d, decided %v\n%s", code, w.decisions, body)
	}
	_, page := s.get("/c/acme/holds")
	other := regexp.MustCompile(`<li id="h([0-9a-f]+)"`).FindStringSubmatch(page)
	if other == nil {
		t.Fatalf("no other hold:\n%s", page)
	}
	if code, _ := s.post("/c/acme/holds/"+other[1], url.Values{"verdict": {"approve"}}); code == http.StatusSeeOther || len(w.decisions) > 0 {
		t.Errorf("what no word lets through is approved: %d %v", code, w.decisions)
	}
}

// TestFourEyes: two people are two tokens. One person is one, by whatever name, and
// nobody's token is nobody's eyes.
func TestFourEyes(t *testing.T) {
	w := newWorld()
	s := w.serve(t, func(c *Connection) { c.Policy.FourEyes = true })
	shared := s.other().signIn("Ann", sharedSecret)
	if code, body := shared.decide("approve", nil); code != http.StatusForbidden || len(w.decisions) > 0 || !strings.Contains(body, "token of their own") {
		t.Fatalf("with the shared token: %d, %v\n%s", code, w.decisions, body)
	}
	if _, body := shared.get("/c/acme/holds"); strings.Contains(body, `value="approve"`) {
		t.Error("the shared token is offered to approve")
	}
	alice := s.other().signIn("Somebody else", aliceSecret)
	for range 2 {
		if _, to := alice.decide("approve", nil); !strings.HasSuffix(to, "said=second") {
			t.Fatalf("alice: %s", to)
		}
	}
	for _, d := range w.decisions {
		if d.Enough(true) {
			t.Fatalf("one person was enough: %+v", d)
		}
	}
	if _, to := s.other().signIn("", bobSecret).decide("approve", nil); !strings.HasSuffix(to, "said=approved") {
		t.Fatalf("bob: %s", to)
	}
	for _, d := range w.decisions {
		if !d.Enough(true) || !slices.Equal(d.By, []string{"alice", "bob"}) {
			t.Errorf("decided %+v", d)
		}
	}
	if code, _ := shared.decide("reject", url.Values{"why": {"no"}}); code != http.StatusSeeOther {
		t.Errorf("anybody may reject: %d", code)
	}
}

// years is a journal that cannot be read from its beginning while a page waits.
type years struct{ *world }

func (y years) Scan(ctx context.Context, since time.Time, yield func(jobs.Entry) bool) error {
	if since.IsZero() {
		return context.DeadlineExceeded
	}
	return y.world.Scan(ctx, since, yield)
}

// TestHoldsOfALongJournal: the pages that show what is held need the last runs only.
func TestHoldsOfALongJournal(t *testing.T) {
	w := newWorld()
	s := w.serve(t, func(c *Connection) { c.Journal = years{w} }).signIn("Ann", sharedSecret)
	for _, page := range []string{"/c/acme/", "/c/acme/holds"} {
		if code, body := s.get(page); code != http.StatusOK {
			t.Errorf("%s: %d\n%s", page, code, body)
		}
	}
	if code, to := s.decide("approve", nil); code != http.StatusSeeOther || !strings.HasSuffix(to, "said=approved") {
		t.Errorf("%d %s", code, to)
	}
}
